/**
 * `tunneld stop`: ends the daemon, letting open connections finish first or not.
 */
import { readFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { TunnelError } from "../errors.ts";
import type { ProgramContext } from "./context.ts";
import { pathsFor, withDaemon } from "./daemon-connection.ts";
import { stateDirOf } from "./daemon-options.ts";
import { parseOptions } from "./options.ts";
import { ownOutput } from "./output.ts";
import { secondsOption } from "./seconds.ts";
import { nameList } from "./tunnel-line.ts";

/** The daemon's own default for SIGTERM. */
const DEFAULT_DRAIN_MS = 60_000;
/** Our choice: beyond its deadline a daemon needs a moment to write its state. */
const GRACE_MS = 10_000;
const POLL_MS = 20;

/**
 * Runs the command; returns when the process is gone.
 * @throws TunnelError DAEMON_UNREACHABLE when it does not end
 */
export async function runStop(args: readonly string[], context: ProgramContext): Promise<number> {
  const { flags, values, operands } = parseOptions(args, { "--state-dir": "value", "--now": "flag", "--timeout": "value" });
  if (operands.length > 0) throw new TunnelError("CONFIG_INVALID", 'tunneld stop takes no names: "tunneld down NAME" closes a tunnel');
  const deadlineMs = flags.has("--now") ? 0 : (secondsOption(values, "--timeout") ?? DEFAULT_DRAIN_MS);
  const output = ownOutput(context.name);
  const options = { paths: pathsFor(stateDirOf(values)), name: "stop", start: "never" } as const;
  return await withDaemon(context, options, async (client) => {
    if (!client?.daemon) {
      output.say("no daemon is running");
      return 0;
    }
    const { pid } = client.daemon;
    const { tunnels } = await client.request("tunnels/list", {});
    if (flags.has("--now")) await client.request("daemon/shutdown", {});
    else await client.request("daemon/drain", { deadlineMs });
    await untilGone(pid, performance.now() + deadlineMs + GRACE_MS);
    const pinned = tunnels.filter((tunnel) => tunnel.pinned).map(({ name }) => name);
    output.say("stopped");
    if (pinned.length > 0) output.note(`still pinned, and opened again by the next command: ${nameList(pinned)} ("tunneld down --all" closes them for good)`);
    return 0;
  });
}

async function untilGone(pid: number, giveUpMs: number): Promise<void> {
  while (isAlive(pid)) {
    if (performance.now() > giveUpMs) throw new TunnelError("DAEMON_UNREACHABLE", `process ${pid} does not end: see "tunneld logs"`);
    await delay(POLL_MS);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    // EPERM too: somebody else's process, which has taken over the number.
    return false;
  }
  return !isZombie(pid);
}

/** Ended, but its parent doesn't look: usual in containers, whose first process is no init. proc(5): the state stands behind the name. */
function isZombie(pid: number): boolean {
  try {
    return /\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false; // No /proc, or gone meanwhile.
  }
}
