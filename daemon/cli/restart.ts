/**
 * `tunneld restart NAME…`: closes and opens tunnels; their connections are cut.
 */
import { isListening } from "../contract/tunnel-state.ts";
import { TunnelError } from "../errors.ts";
import type { ProgramContext } from "./context.ts";
import { pathsFor, withDaemon } from "./daemon-connection.ts";
import { stateDirOf } from "./daemon-options.ts";
import { failureLine } from "./failures.ts";
import { parseOptions } from "./options.ts";
import { ownOutput } from "./output.ts";
import { configPathFor, knownConfigPath } from "./select-entries.ts";
import { selectTunnels } from "./select-tunnels.ts";
import { failureOf, tunnelLines } from "./tunnel-line.ts";

/**
 * Runs the command; 1 when one of them does not listen again.
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
    const restarted = await Promise.all(chosen.flatMap(({ configPath, name }) => client?.request("tunnel/restart", { configPath, name }) ?? []));
    for (const line of tunnelLines(restarted, output)) output.raw(`${line}\n`);
    const failed = restarted.filter(({ state }) => !isListening(state));
    for (const status of failed) output.warn(failureLine(failureOf(status)));
    return failed.length > 0 ? 1 : 0;
  });
}
