/**
 * Owner of everything a script starts: child processes and temporary folders.
 * Whatever ends the script (return, throw, Ctrl-C, Ctrl-\\, SIGTERM, SIGHUP), its children are killed by their ids and
 * its folders removed. Nothing else on the machine is ever signalled.
 */
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeSync } from "node:fs";
import { constants, tmpdir } from "node:os";
import { join } from "node:path";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"];
/** A process that was just killed may still be writing its last file. */
const STILL_WRITTEN = ["ENOTEMPTY", "EBUSY", "EPERM", "EEXIST"];
const REMOVED_WITHIN_MS = 5_000;
const children = new Map();
const folders = new Set();
const undo = new Set();
let watching = false;
let onSignal = null;

function watch() {
  if (watching) return;
  watching = true;
  process.on("exit", cleanUp);
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (onSignal !== null) return onSignal(signal);
      cleanUp();
      process.exit(128 + constants.signals[signal]);
    });
  }
}

/** Lets a script end in its own order on a signal; it must call process.exit itself. */
export function handleSignals(action) {
  watch();
  onSignal = action;
}

/** Registers what must be undone even if a signal ends the script; returns a function that undoes it now. */
export function undoLater(action) {
  watch();
  const once = () => {
    if (undo.delete(once)) action();
  };
  undo.add(once);
  return once;
}

/**
 * Kills what is left, then removes what was made: whoever lives on would write into a folder again. One thing that can't
 * be undone keeps nothing else from being undone. Synchronous, so that it works in an exit handler.
 */
export function cleanUp() {
  const owned = [...children];
  children.clear();
  for (const [child, signal] of owned) attempt(() => endAtOnce(child, signal));
  for (const action of [...undo]) attempt(action);
  for (const folder of [...folders]) attempt(() => removeFolder(folder));
}

/** With a child its whole group, if it has one: helpers of a server outlive it otherwise. A gentle signal is for a child that ends its helpers itself. */
function endAtOnce(child, signal) {
  if (signal === "SIGKILL" && child.pid !== undefined && child.leadsGroup) killAtOnce(-child.pid);
  child.kill(signal);
}

function attempt(action) {
  try {
    action();
  } catch (error) {
    // Not to standard output: that may be closed by now. A failure to write is no reason to stop, either.
    try {
      writeSync(2, `✖ ${error.message}\n`);
    } catch {
      // Nobody is there to read it.
    }
  }
}

/**
 * Starts a process of ours, in a process group of its own: a Ctrl-C reaches the script, which ends it in order.
 * `lastSignal` is the signal that the process gets if the script ends first.
 */
export function spawnOwned(command, args, { lastSignal = "SIGKILL", ...options } = {}) {
  watch();
  const child = spawn(command, args, { detached: true, ...options });
  child.leadsGroup = options.detached ?? true;
  children.set(child, lastSignal);
  child.once("exit", () => children.delete(child));
  child.once("error", () => children.delete(child));
  return child;
}

/** Ends one process: with SIGTERM, and after graceMs with SIGKILL. Resolves when it is gone. */
export async function endChild(child, graceMs = 5000) {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), graceMs);
  await gone;
  clearTimeout(timer);
}

/** Kills our processes by their ids, and a group by its negative id. A process that is gone already is no error. */
export function killAtOnce(...ids) {
  for (const id of ids) {
    try {
      process.kill(id, "SIGKILL");
    } catch {
      // Gone already.
    }
  }
}

/** A private folder on a short path: a unix socket's path may have no more than about 100 characters. */
export function makeFolder(prefix) {
  watch();
  const base = tmpdir().length > 40 && existsSync("/tmp") ? "/tmp" : tmpdir();
  const folder = mkdtempSync(join(base, `${prefix}-`));
  folders.add(folder);
  return folder;
}

export function removeFolder(folder) {
  // Node's own retries differ between its versions: hence ours.
  const deadline = performance.now() + REMOVED_WITHIN_MS;
  for (;;) {
    try {
      rmSync(folder, { recursive: true, force: true });
      folders.delete(folder);
      return;
    } catch (error) {
      if (!STILL_WRITTEN.includes(error.code) || performance.now() > deadline) throw error;
      pause(20);
    }
  }
}

/** Waits without the event loop, which has ended when an exit handler runs. */
export function pause(ms) {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

/**
 * Runs a command to its end. With `echo` its output is also shown as it arrives.
 * Never throws for a non-zero exit: a command that can't be started has code 127.
 */
export function run(command, args, options = {}) {
  const { echo = false, input, ...rest } = options;
  return new Promise((resolve) => {
    // Not detached: a helper command sees the terminal's Ctrl-C like the script itself.
    const base = { detached: false, stdio: ["pipe", "pipe", "pipe"] };
    const child = spawnOwned(command, args, { ...base, ...rest });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      if (echo) process.stdout.write(text);
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
      if (echo) process.stderr.write(text);
    });
    child.stdin.on("error", () => {}).end(input ?? "");
    child.once("error", (error) => resolve({ code: 127, stdout, stderr: error.message }));
    child.once("close", (code, signal) => resolve({ code: code ?? 128 + constants.signals[signal], stdout, stderr }));
  });
}

/** The last line of a command's output that is not empty: a failure's message quotes this line. */
export function lastLine(text) {
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => line !== "").at(-1) ?? "no output";
}
