/**
 * A lock file for work that two runs must not do at once (installing, unpacking). The file contains its owner's pid;
 * it is written under a private name and linked into place, so nobody ever reads half of it.
 * A lock is stale when its owner is dead, or when it was not touched for two minutes (a pid of another container).
 */
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { undoLater } from "./own.mjs";

const HEARTBEAT_MS = 10_000;
const STALE_AFTER_MS = 120_000;
let tickets = 0;

/** Runs `body` while holding the lock; `onWait(pid)` is called once if somebody else has it. */
export async function withLock(path, { body, onWait = () => {} }) {
  mkdirSync(dirname(path), { recursive: true });
  let told = false;
  while (!take(path)) {
    const holder = inspect(path);
    if (holder?.stale) {
      setAside(path, holder);
      continue;
    }
    if (!told && holder !== null) onWait(holder.pid);
    told = true;
    await delay(200);
  }
  const release = undoLater(() => rmSync(path, { force: true }));
  const heartbeat = setInterval(() => touch(path), HEARTBEAT_MS);
  try {
    return await body();
  } finally {
    clearInterval(heartbeat);
    release();
  }
}

function privateName(path) {
  tickets += 1;
  return `${path}.${process.pid}.${tickets}`;
}

function take(path) {
  const mine = privateName(path);
  writeFileSync(mine, `${process.pid}\n`);
  try {
    linkSync(mine, path);
    return true;
  } catch (error) {
    if (error.code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(mine, { force: true });
  }
}

function touch(path) {
  const now = new Date();
  try {
    utimesSync(path, now, now);
  } catch {
    // The folder was removed meanwhile; the work itself will fail and report it.
  }
}

function inspect(path) {
  try {
    const { ino, mtimeMs } = statSync(path);
    const pid = Number.parseInt(readFileSync(path, "utf8"), 10);
    return { ino, pid, stale: !isAlive(pid) || Date.now() - mtimeMs > STALE_AFTER_MS };
  } catch (error) {
    if (error.code === "ENOENT") return null;
    throw error;
  }
}

/** Moves a stale lock away; if another waiter was faster and the lock is already a new one, puts that lock back. */
function setAside(path, holder) {
  const aside = privateName(path);
  try {
    renameSync(path, aside);
  } catch (error) {
    if (error.code === "ENOENT") return;
    throw error;
  }
  if (statSync(aside).ino !== holder.ino) {
    try {
      linkSync(aside, path);
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
  }
  rmSync(aside, { force: true });
}

function isAlive(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === "EPERM";
  }
}
