/**
 * Installs node_modules with `npm ci` when the packages are missing or differ from the lock file. It compares npm's own
 * record (node_modules/.package-lock.json, which npm writes last): so an install made by hand counts too, and an install
 * that was interrupted or left out the development packages does not.
 */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { Failure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { announce } from "./output.mjs";
import { lastLine, run } from "./own.mjs";
import { readJson, root, scratch } from "./project.mjs";

const KINDS = ["dependencies", "devDependencies", "optionalDependencies"];

/** Installs if needed; returns a detail for the step's line. */
export async function install() {
  if (isCurrent()) return "up to date";
  return withLock(join(scratch, "install.lock"), {
    onWait: (pid) => announce(`another run (process ${pid}) is installing; waiting for it`),
    body: async () => {
      if (isCurrent()) return "installed by another run";
      announce("npm ci (half a minute to a few minutes)");
      await npmCi();
      return "installed from package-lock.json";
    },
  });
}

async function npmCi() {
  // npm_execpath is the npm that started us, if one did; --include=dev wins over NODE_ENV=production and .npmrc.
  const cli = process.env.npm_execpath;
  const [command, first] = cli?.endsWith(".js") ? [process.execPath, [cli]] : ["npm", []];
  const args = ["ci", "--include=dev", "--ignore-scripts", "--no-audit", "--no-fund"];
  const result = await run(command, [...first, ...args], { cwd: root });
  if (result.code === 0 && isCurrent()) return;
  if (result.code === 127) throw new Failure("npm was not found: install Node.js 20.19 or later with npm.");
  const output = result.stderr + result.stdout;
  if (/can only install packages when|EUSAGE/.test(output)) {
    throw new Failure("package-lock.json does not match package.json: run `npm install` once and commit the lock file.");
  }
  const cause = /npm error (?!code |errno |syscall |type |network |A complete log)(.+)/.exec(output)?.[1] ?? lastLine(output);
  throw new Failure(`npm ci failed (${cause.trim()}): check the network and the registry setting, then run this again.`);
}

function isCurrent() {
  const record = join(root, "node_modules", ".package-lock.json");
  if (!existsSync(record)) return false;
  const manifest = readJson("package.json");
  const locked = readJson("package-lock.json").packages;
  if (!KINDS.every((kind) => isDeepStrictEqual(manifest[kind] ?? {}, locked[""]?.[kind] ?? {}))) return false;
  const installed = parse(record);
  return Object.entries(locked).every(([path, entry]) => {
    if (path === "") return true;
    const found = installed[path];
    // Packages for other platforms are optional and not installed.
    return found === undefined ? entry.optional === true : found.version === entry.version;
  });
}

function parse(record) {
  try {
    return JSON.parse(readFileSync(record, "utf8")).packages ?? {};
  } catch {
    return {};
  }
}
