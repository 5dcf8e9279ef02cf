/**
 * `tunneld stop`: ends the daemon, letting open connections finish first or not.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { TunnelError } from "../../shared/errors.ts";
import { readDraining } from "../lifecycle/hand-over/draining-file.ts";
import { thisPlace } from "../lifecycle/paths.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, secondsOption, stateDirOf } from "../programs/options.ts";
import { pathsFor, withDaemon } from "./daemon-connection.ts";
import { ownOutput } from "./output.ts";
import { nameList } from "./tunnel-line.ts";

/** The daemon's own default for SIGTERM. */
const DEFAULT_DRAIN_MS = 60_000;
/** Our choice: after its deadline a daemon needs a moment to write its state. */
const GRACE_MS = 10_000;
const POLL_MS = 20;

/**
 * Runs the command; returns when the process is gone.
 * @throws TunnelError DAEMON_UNREACHABLE when the process does not end
 */
export async function runStop(args: readonly string[], context: ProgramContext): Promise<number> {
  const { flags, values, operands } = parseOptions(args, { "--state-dir": "value", "--now": "flag", "--timeout": "value" });
  if (operands.length > 0) throw new TunnelError("CONFIG_INVALID", 'tunneld stop takes no names: "tunneld down NAME" closes a tunnel');
  const deadlineMs = flags.has("--now") ? 0 : (secondsOption(values, "--timeout") ?? DEFAULT_DRAIN_MS);
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  return await withDaemon(context, { paths, name: "stop", start: "never" }, async (client) => {
    // Predecessors go on with their last connections whether or not their successor runs.
    const predecessors = readDraining(paths.door.discoveryFile, { uid: thisPlace().uid, wallMs: context.clock.wallMs() });
    if (!client?.daemon && predecessors.length === 0) {
      output.say("no daemon is running");
      return 0;
    }
    const giveUpMs = performance.now() + deadlineMs + GRACE_MS;
    const ends = predecessors.map(({ pid }) => endPredecessor(pid, { deadlineMs, giveUpMs }));
    const { tunnels = [], daemon = undefined } = (await client?.request("tunnels/list", {})) ?? {};
    if (client?.daemon) {
      if (flags.has("--now")) await client.request("daemon/shutdown", {});
      else await client.request("daemon/drain", { deadlineMs });
      await untilGone(client.daemon.pid, { giveUpMs });
    }
    await Promise.all(ends);
    const pinned = tunnels.filter((tunnel) => tunnel.pinned).map(({ name }) => name);
    output.say("stopped");
    if (pinned.length > 0) output.note(`still pinned, and opened again by the next command: ${nameList(pinned)} ("tunneld down --all" closes them for good)`);
    if (daemon?.unsaved !== undefined)
      output.warn(`what was closed or revoked before could not be saved, and may hold no longer: ${daemon.unsaved} (STATE_NOT_SAVED)`);
    return 0;
  });
}

/** A daemon that has handed over has no socket any more, only its last connections. So it gets a signal; a second signal cuts them. */
async function endPredecessor(pid: number, { deadlineMs, giveUpMs }: { readonly deadlineMs: number; readonly giveUpMs: number }): Promise<void> {
  signal(pid);
  const cutMs = performance.now() + deadlineMs;
  await untilGone(pid, { giveUpMs, meanwhile: () => performance.now() > cutMs && signal(pid) });
}

function signal(pid: number): void {
  try {
    process.kill(pid, "SIGTERM");
  } catch {
    // Gone already.
  }
}

async function untilGone(pid: number, { giveUpMs, meanwhile }: { readonly giveUpMs: number; readonly meanwhile?: () => unknown }): Promise<void> {
  while (isAlive(pid)) {
    if (performance.now() > giveUpMs) throw new TunnelError("DAEMON_UNREACHABLE", `process ${pid} does not end: see "tunneld logs"`);
    await delay(POLL_MS);
    meanwhile?.();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // EPERM too: another user's process has taken over the id.
    return false;
  }
  return !isZombie(pid);
}

/** Ended, but not reaped by its parent: usual in containers whose first process is no init. proc(5): the state follows the name. */
function isZombie(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false; // No /proc, or gone meanwhile.
  }
}
