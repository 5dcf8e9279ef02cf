/**
 * `tunneld up`: opens tunnels of a tunnels.json and pins them, so that they stay
 * open whatever window or shell ends. It asks first about unapproved entries.
 */

import type { TunnelStatus } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { quote } from "../../shared/plain-text.ts";
import type { DaemonClient } from "../client/daemon-client.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, secondsOption, stateDirOf } from "../programs/options.ts";
import { obtainConsent } from "./consent.ts";
import { pathsFor, withOpeningDaemon } from "./daemon-connection.ts";
import { failureLine, ownOutput } from "./output.ts";
import { selectEntries } from "./select-entries.ts";
import { ownTerminal } from "./terminal.ts";
import { failureOf, nameList, tunnelLines } from "./tunnel-line.ts";
import { TunnelWatch } from "./tunnel-watch.ts";

/**
 * Runs the command; 1 when any tunnel is not open in its file's present form (with --wait: not verified).
 * @throws TunnelError when there is nothing to open, DAEMON_UNREACHABLE
 */
export async function runUp(args: readonly string[], context: ProgramContext): Promise<number> {
  const table = { "--state-dir": "value", "--config": "value", "--wait": "value", "--yes": "flag", "-y": "flag" } as const;
  const { flags, values, operands } = parseOptions(args, table);
  const waitMs = secondsOption(values, "--wait");
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  const selection = selectEntries(operands, { config: values.get("--config"), paths, output });
  if (operands.length === 0) output.note(`${selection.configPath}: ${nameList([...selection.entries.keys()])}`);
  return await withOpeningDaemon(context, { paths, name: "up" }, async (client) => {
    const watch = new TunnelWatch(client, (line) => output.note(line));
    const yes = flags.has("--yes") || flags.has("-y");
    const { names, refused, unjudged } = await obtainConsent(client, selection, { yes, terminal: ownTerminal(), output });
    const pinned = await Promise.all(names.map((name) => pin(client, { configPath: selection.configPath, name })));
    const opened = pinned.flatMap((one) => (one instanceof TunnelError ? [] : one));
    const outcomes = await Promise.all(opened.map(async (status) => asItStands(await outcome(status, { watch, waitMs }), unjudged.get(status.name))));
    const lines = tunnelLines(
      outcomes.map(({ status }) => status),
      output,
    );
    for (const line of lines) output.raw(`${line}\n`);
    const unpinned = pinned.flatMap((one) => (one instanceof TunnelError ? one : []));
    const failures = [...refused, ...unpinned, ...outcomes.flatMap(({ failure }) => failure ?? [])];
    for (const failure of failures) output.warn(failureLine(failure));
    for (const name of selection.faulty) output.warn(`${quote(name)} was not opened: correct it first (CONFIG_INVALID)`);
    return failures.length + selection.faulty.length > 0 ? 1 : 0;
  });
}

/** If this pin can't be saved, the others are pinned all the same. */
async function pin(client: DaemonClient, ref: { readonly configPath: string; readonly name: string }): Promise<TunnelStatus | TunnelError> {
  try {
    return await client.request("pin/add", ref);
  } catch (error) {
    if (error instanceof TunnelError && error.code === "STATE_NOT_SAVED") return error;
    throw error;
  }
}

interface Outcome {
  readonly status: TunnelStatus;
  readonly failure: TunnelError | undefined;
}

/** The open tunnel may be an older form of an entry whose present form can't be opened: that counts as a failure. */
function asItStands({ status, failure }: Outcome, why: TunnelError | undefined): Outcome {
  if (failure || !why) return { status, failure };
  return {
    status,
    failure: new TunnelError(why.code, `${status.name} is open as it was approved before, and can't be opened as it stands now: ${why.message}`),
  };
}

async function outcome(status: TunnelStatus, { watch, waitMs }: { readonly watch: TunnelWatch; readonly waitMs: number | undefined }): Promise<Outcome> {
  if (waitMs === undefined) return { status, failure: isListening(status.state) ? undefined : failureOf(status) };
  try {
    return { status: await watch.verified(status, waitMs), failure: undefined };
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    return { status: watch.latest(status), failure: error };
  }
}
