/**
 * Daemons that scripts and tests have started. They run on their own by design, so the script that gave a daemon its own
 * state folder ends it by that folder (Linux). Ending the running daemon is not enough: several clients may have started
 * one each, and a daemon that is still starting takes the place of the first when the first is gone.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { killAtOnce, pause } from "./own.mjs";

/** Our choice: a process that was killed is gone much sooner, unless the kernel keeps it. */
const GONE_WITHIN_MS = 3_000;

/** Ends the daemon with this state folder and all processes that are starting one; resolves when they are gone. */
export async function endProcessesOf(stateDir) {
  for (let pids = processesOf(stateDir); pids.length > 0; pids = processesOf(stateDir)) {
    killAtOnce(...pids);
    await delay(20);
  }
}

/** The same without the event loop: for an exit handler. */
export function killProcessesOf(stateDir) {
  killUntilGone(() => processesOf(stateDir));
}

/**
 * Kills the processes that have this variable in their environment, but no daemon: that may serve others, too. The shells
 * of VS Code's terminals are in sessions of their own, so a signal to the server's group does not reach them.
 */
export function killProcessesWith(variable) {
  const isDaemon = (id) => fieldsOf(id, "cmdline").includes("daemon");
  killUntilGone(() => idsOfProcesses().filter((id) => fieldsOf(id, "environ").includes(variable) && !isDaemon(id)));
}

/** Looks again after each round: a process that is killed may just have started another. */
function killUntilGone(find) {
  const deadline = performance.now() + GONE_WITHIN_MS;
  for (let ids = find(); ids.length > 0 && performance.now() < deadline; ids = find()) {
    killAtOnce(...ids);
    pause(10);
  }
}

/** Ids of the processes that have exactly this folder as an argument or in the environment. */
function processesOf(stateDir) {
  const has = (id, file, field) => fieldsOf(id, file).includes(field);
  return idsOfProcesses().filter((id) => has(id, "environ", `TUNNELD_STATE_DIR=${stateDir}`) || has(id, "cmdline", stateDir));
}

function idsOfProcesses() {
  const names = existsSync("/proc") ? readdirSync("/proc") : [];
  return names.filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid).map(Number);
}

/** A process that has ended has no fields, even if nobody has waited for it yet. */
function fieldsOf(id, file) {
  try {
    return readFileSync(`/proc/${id}/${file}`, "utf8").split("\0");
  } catch {
    return [];
  }
}
