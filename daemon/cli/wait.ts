/**
 * `tunneld wait NAME`: makes one connection through an open tunnel and reports the result.
 */
import { TunnelError } from "../../shared/errors.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, secondsOption, stateDirOf } from "../programs/options.ts";
import { pathsFor, withDaemon } from "./daemon-connection.ts";
import { ownOutput } from "./output.ts";
import { configPathFor, knownConfigPath } from "./select-entries.ts";
import { selectTunnel } from "./select-tunnels.ts";
import { tunnelLines } from "./tunnel-line.ts";
import { TunnelWatch } from "./tunnel-watch.ts";

/** Our choice: a tunnel's own time limits add up to less than this. */
export const DEFAULT_WAIT_MS = 30_000;

/**
 * Runs the command.
 * @throws TunnelError with the tunnel's own code when it is not verified in time
 */
export async function runWait(args: readonly string[], context: ProgramContext): Promise<number> {
  const { values, operands } = parseOptions(args, { "--state-dir": "value", "--config": "value", "--timeout": "value" });
  const [name, ...more] = operands;
  if (name === undefined || more.length > 0) throw new TunnelError("CONFIG_INVALID", "name one tunnel: tunneld wait NAME");
  const timeoutMs = secondsOption(values, "--timeout") ?? DEFAULT_WAIT_MS;
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  const given = { config: values.get("--config"), paths };
  return await withDaemon(context, { paths, name: "wait", start: "pinned" }, async (client) => {
    const tunnels = client ? (await client.request("tunnels/list", {})).tunnels : [];
    const only = given.config === undefined ? undefined : configPathFor(given);
    const status = selectTunnel(tunnels, name, { only, first: () => knownConfigPath(given) });
    if (!client) return 0;
    const watch = new TunnelWatch(client, (line) => output.note(line));
    for (const line of tunnelLines([await watch.verified(status, timeoutMs)], output)) output.raw(`${line}\n`);
    return 0;
  });
}
