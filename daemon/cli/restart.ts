/**
 * `tunneld restart NAME…`: closes and opens tunnels; their connections are cut. A
 * tunnel whose entry can't be opened now goes on unchanged.
 */

import type { TunnelStatus } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { TunnelError } from "../../shared/errors.ts";
import type { DaemonClient } from "../client/daemon-client.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, stateDirOf } from "../programs/options.ts";
import { pathsFor, withDaemon } from "./daemon-connection.ts";
import { failureLine, ownOutput } from "./output.ts";
import { configPathFor, knownConfigPath } from "./select-entries.ts";
import { selectTunnels } from "./select-tunnels.ts";
import { failureOf, tunnelLines } from "./tunnel-line.ts";

/**
 * Runs the command; 1 when one of the tunnels does not listen again.
 * @throws TunnelError CONFIG_INVALID, DAEMON_UNREACHABLE
 */
export async function runRestart(args: readonly string[], context: ProgramContext): Promise<number> {
  const { values, operands } = parseOptions(args, { "--state-dir": "value", "--config": "value" });
  if (operands.length === 0) throw new TunnelError("CONFIG_INVALID", "name the tunnels to restart: tunneld restart NAME…");
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  const given = { config: values.get("--config"), paths };
  return await withDaemon(context, { paths, name: "restart", start: "pinned" }, async (client) => {
    const tunnels = client ? (await client.request("tunnels/list", {})).tunnels : [];
    const only = given.config === undefined ? undefined : configPathFor(given);
    const chosen = selectTunnels(tunnels, operands, { only, first: () => knownConfigPath(given) });
    const outcomes = await Promise.all(chosen.flatMap((tunnel) => (client ? restart(client, tunnel) : [])));
    const restarted = outcomes.flatMap((outcome) => (outcome instanceof TunnelError ? [] : outcome));
    for (const line of tunnelLines(restarted, output)) output.raw(`${line}\n`);
    const failures = outcomes.flatMap((outcome) => (outcome instanceof TunnelError ? outcome : isListening(outcome.state) ? [] : failureOf(outcome)));
    for (const failure of failures) output.warn(failureLine(failure));
    return failures.length > 0 ? 1 : 0;
  });
}

/** If this tunnel can't be restarted, the others are restarted all the same. */
async function restart(client: DaemonClient, { configPath, name }: TunnelStatus): Promise<TunnelStatus | TunnelError> {
  try {
    return await client.request("tunnel/restart", { configPath, name });
  } catch (error) {
    if (!(error instanceof TunnelError) || error.code === "DAEMON_UNREACHABLE") throw error;
    return new TunnelError(error.code, `${name} was not restarted: ${error.message}`, { cause: error });
  }
}
