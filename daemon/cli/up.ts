/**
 * `tunneld up`: opens tunnels of a tunnels.json and pins them, so that they stay
 * open whatever comes and goes. What is not approved is asked about first.
 */

import type { TunnelStatus } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { quote } from "../../shared/plain-text.ts";
import type { ProgramContext } from "../programs/context.ts";
import { stateDirOf } from "../programs/daemon-options.ts";
import { parseOptions } from "../programs/options.ts";
import { obtainConsent } from "./consent.ts";
import { pathsFor, withOpeningDaemon } from "./daemon-connection.ts";
import { failureLine } from "./failures.ts";
import { ownOutput } from "./output.ts";
import { secondsOption } from "./seconds.ts";
import { selectEntries } from "./select-entries.ts";
import { ownTerminal } from "./terminal.ts";
import { failureOf, nameList, tunnelLines } from "./tunnel-line.ts";
import { TunnelWatch } from "./tunnel-watch.ts";

/**
 * Runs the command; 1 when any of the tunnels is not open (with --wait: not verified).
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
    const watch = new TunnelWatch(client);
    const yes = flags.has("--yes") || flags.has("-y");
    const { names, refused } = await obtainConsent(client, selection, { yes, terminal: ownTerminal(), output });
    const opened = await Promise.all(names.map((name) => client.request("pin/add", { configPath: selection.configPath, name })));
    const outcomes = await Promise.all(opened.map((status) => outcome(status, { watch, waitMs })));
    const lines = tunnelLines(
      outcomes.map(({ status }) => status),
      output,
    );
    for (const line of lines) output.raw(`${line}\n`);
    const failures = [...refused, ...outcomes.flatMap(({ failure }) => failure ?? [])];
    for (const failure of failures) output.warn(failureLine(failure));
    for (const name of selection.faulty) output.warn(`${quote(name)} was not opened: correct it first (CONFIG_INVALID)`);
    return failures.length + selection.faulty.length > 0 ? 1 : 0;
  });
}

interface Outcome {
  readonly status: TunnelStatus;
  readonly failure: TunnelError | undefined;
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
