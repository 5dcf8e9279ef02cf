/**
 * Folders: the project's root, its scratch folder (inside the tree, ignored by git) and the user's cache folder, which
 * outlives a clone and holds unpacked tools and a prepared database folder.
 */
import { createHash } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Failure } from "./failure.mjs";

const NAME = "encrypted-tunnels";

export const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const scratch = join(root, ".cache");
export const tunneld = join(root, "dist", "tunneld.cjs");

export function readJson(...path) {
  return JSON.parse(readFileSync(join(root, ...path), "utf8"));
}

export function sha256(...parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
}

/** The user's cache folder for this project, made if needed. Programs are run from it, so only we may write to it. */
export function cacheFolder() {
  // homedir() itself throws for a user id without an account and without HOME.
  const candidates = [() => process.env.XDG_CACHE_HOME, () => join(homedir(), ".cache")];
  for (const candidate of candidates) {
    try {
      const base = candidate();
      if (base) return ownedFolder(join(base, NAME));
    } catch {
      // A user without a home (nobody): the next candidate.
    }
  }
  const fallback = join(tmpdir(), `${NAME}-${process.getuid?.() ?? "user"}`);
  try {
    return ownedFolder(fallback);
  } catch (error) {
    throw new Failure(`There is no folder for downloads: ${error.message}. Set XDG_CACHE_HOME to a folder of yours.`);
  }
}

function ownedFolder(path) {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const stat = lstatSync(path);
  const uid = process.getuid?.();
  if (!stat.isDirectory() || (uid !== undefined && stat.uid !== uid) || (stat.mode & 0o022) !== 0) {
    throw new Error(`${path} is not a folder that only you can write to`);
  }
  return path;
}
