/**
 * Daemons that scripts and tests have caused: they run on their own by design, so whoever has given them a state folder
 * of its own ends them by it (Linux). The one that runs is not enough: several clients may have started one each, and
 * whichever is still on its way to find that it came second takes the place of the first when that is gone.
 */
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { killAtOnce } from "./own.mjs";

/** Ends the daemon with this state folder and whatever is just starting one; resolves when they are gone. */
export async function endProcessesOf(stateDir) {
  for (let pids = processesOf(stateDir); pids.length > 0; pids = processesOf(stateDir)) {
    killAtOnce(...pids);
    await delay(20);
  }
}

/** The same without waiting: for an exit handler. */
export function killProcessesOf(stateDir) {
  killAtOnce(...processesOf(stateDir));
}

/** Ids of the processes that were given this very folder, as an argument or in the environment. */
function processesOf(stateDir) {
  const ids = readdirSync("/proc").filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid);
  const has = (id, file, field) => fieldsOf(id, file).includes(field);
  return ids.filter((id) => has(id, "environ", `TUNNELD_STATE_DIR=${stateDir}`) || has(id, "cmdline", stateDir)).map(Number);
}

/** A process that has ended, even one that nobody has waited for yet, has no fields. */
function fieldsOf(id, file) {
  try {
    return readFileSync(`/proc/${id}/${file}`, "utf8").split("\0");
  } catch {
    return [];
  }
}
