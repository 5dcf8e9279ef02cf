/**
 * `tunneld down`: takes pins back and closes tunnels, unless somebody else uses
 * them. Open connections go on until they end. To close what is not open is no
 * failure: a script may say it twice.
 */

import { readConfig } from "../../shared/contract/config-file.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText, quote } from "../../shared/plain-text.ts";
import type { DaemonClient } from "../client/daemon-client.ts";
import type { DaemonPaths } from "../lifecycle/paths.ts";
import type { ProgramContext } from "../programs/context.ts";
import { stateDirOf } from "../programs/daemon-options.ts";
import { parseOptions } from "../programs/options.ts";
import { pathsFor, withDaemon } from "./daemon-connection.ts";
import { failureLine } from "./failures.ts";
import { ownOutput } from "./output.ts";
import { configPathFor, knownConfigPath } from "./select-entries.ts";
import { selectTunnel } from "./select-tunnels.ts";

/** Where a name may be known from. */
type Given = Parameters<typeof configPathFor>[0] & { readonly paths: DaemonPaths };

/**
 * Runs the command; no names: all tunnels of the file, --all: all there are. 1 when a name is known nowhere, or several files have it.
 * @throws TunnelError CONFIG_INVALID, DAEMON_UNREACHABLE
 */
export async function runDown(args: readonly string[], context: ProgramContext): Promise<number> {
  const table = { "--state-dir": "value", "--config": "value", "--all": "flag", "--force": "flag" } as const;
  const { flags, values, operands } = parseOptions(args, table);
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  const given: Given = { config: values.get("--config"), paths };
  const all = flags.has("--all");
  if (all && operands.length > 0) throw new TunnelError("CONFIG_INVALID", "--all takes no names: it closes every tunnel");
  return await withDaemon(context, { paths, name: "down", start: "pinned" }, async (client) => {
    const tunnels = client ? (await client.request("tunnels/list", {})).tunnels : [];
    const force = flags.has("--force");
    if (operands.length === 0) {
      const chosen = all ? tunnels : ofFile(tunnels, configPathFor(given));
      if (chosen.length === 0) output.say(all ? "no tunnel is open" : "no tunnel of this folder is open: --all closes those of others");
      for (const tunnel of chosen) output.say(await close(client, tunnel, { force }));
      return 0;
    }
    // One name that is not there keeps none of the others open.
    const chosen = [...new Set(operands)].map((name) => choose(tunnels, name, given));
    for (const one of chosen) {
      if (one instanceof TunnelError) output.warn(failureLine(one));
      else output.say(typeof one === "string" ? `${one}  is not open` : await close(client, one, { force }));
    }
    return chosen.some((one) => one instanceof TunnelError) ? 1 : 0;
  });
}

function ofFile(tunnels: readonly TunnelStatus[], file: string): readonly TunnelStatus[] {
  return tunnels.filter(({ configPath }) => configPath === file);
}

/** The tunnel of that name; the name alone when a file has it but it is not open; or why there is none. */
function choose(tunnels: readonly TunnelStatus[], name: string, given: Given): TunnelStatus | string | TunnelError {
  try {
    const only = given.config === undefined ? undefined : configPathFor(given);
    const candidates = only === undefined ? tunnels : ofFile(tunnels, only);
    if (!candidates.some((tunnel) => tunnel.name === name) && isInFile(name, given)) return name;
    return selectTunnel(tunnels, name, { only, first: () => knownConfigPath(given) });
  } catch (error) {
    if (error instanceof TunnelError) return error;
    throw error;
  }
}

/** The file of this folder (or the one named), and the user's own. */
function isInFile(name: string, given: Given): boolean {
  const files = [knownConfigPath(given), ...(given.config === undefined ? [given.paths.userTunnelsFile] : [])];
  return files.some((file) => file !== undefined && readConfig(file).places.has(name));
}

/** What has become of one. */
async function close(client: DaemonClient | undefined, { configPath, name }: TunnelStatus, { force }: { readonly force: boolean }): Promise<string> {
  const ref = { configPath, name };
  // Before the pin is taken back: a tunnel that nobody wants any more is forgotten at once.
  const outcome = await client?.request("tunnel/close", { ...ref, force }).catch((error: unknown) => {
    // Somebody else has closed it since it was listed.
    if (error instanceof TunnelError && error.code === "CONFIG_INVALID") return undefined;
    throw error;
  });
  const { closed, othersUsing } = outcome ?? { closed: true, othersUsing: [] };
  await client?.request("pin/remove", ref);
  if (closed) return `${name}  closed`;
  const users = othersUsing.map((user) => plainText(`${user.kind} ${user.name} (process ${user.pid})`, { maxLength: 120 })).join(", ");
  return `${name}  no longer pinned; still used by ${users}: ${quote(`tunneld down --force ${name}`)} closes it for all`;
}
