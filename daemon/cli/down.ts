/**
 * `tunneld down`: takes pins back and closes tunnels, unless somebody else uses
 * them. Open connections go on until they end.
 */
import { plainText, quote } from "../contract/plain-text.ts";
import type { TunnelStatus } from "../contract/state.ts";
import { TunnelError } from "../errors.ts";
import type { ProgramContext } from "./context.ts";
import { pathsFor, withDaemon } from "./daemon-connection.ts";
import { stateDirOf } from "./daemon-options.ts";
import { parseOptions } from "./options.ts";
import { ownOutput } from "./output.ts";
import { configPathFor, knownConfigPath } from "./select-entries.ts";
import { selectTunnels } from "./select-tunnels.ts";

/**
 * Runs the command; no names: all tunnels of the file, --all: all there are.
 * @throws TunnelError CONFIG_INVALID, DAEMON_UNREACHABLE
 */
export async function runDown(args: readonly string[], context: ProgramContext): Promise<number> {
  const table = { "--state-dir": "value", "--config": "value", "--all": "flag", "--force": "flag" } as const;
  const { flags, values, operands } = parseOptions(args, table);
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  const given = { config: values.get("--config"), paths };
  const all = flags.has("--all");
  if (all && operands.length > 0) throw new TunnelError("CONFIG_INVALID", "--all takes no names: it closes every tunnel");
  return await withDaemon(context, { paths, name: "down", start: "pinned" }, async (client) => {
    const tunnels = client ? (await client.request("tunnels/list", {})).tunnels : [];
    const chosen = ((): readonly TunnelStatus[] => {
      if (all) return tunnels;
      if (operands.length > 0) {
        const only = given.config === undefined ? undefined : configPathFor(given);
        return selectTunnels(tunnels, operands, { only, first: () => knownConfigPath(given) });
      }
      const configPath = configPathFor(given);
      return tunnels.filter((tunnel) => tunnel.configPath === configPath);
    })();
    if (chosen.length === 0) output.say(all ? "no tunnel is open" : "no tunnel of this folder is open: --all closes those of others");
    for (const { configPath, name } of chosen) {
      const ref = { configPath, name };
      // Before the pin is taken back: a tunnel that nobody wants any more is forgotten at once.
      const { closed, othersUsing } = (await client?.request("tunnel/close", { ...ref, force: flags.has("--force") })) ?? { closed: true, othersUsing: [] };
      await client?.request("pin/remove", ref);
      const users = othersUsing.map((user) => plainText(`${user.kind} ${user.name} (process ${user.pid})`, { maxLength: 120 })).join(", ");
      if (closed) output.say(`${name}  closed`);
      else output.say(`${name}  no longer pinned; still used by ${users}: ${quote(`tunneld down --force ${name}`)} closes it for all`);
    }
    return 0;
  });
}
