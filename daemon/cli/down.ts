/**
 * `tunneld down`: removes pins and closes tunnels, unless another client uses
 * them. Open connections go on until they end. Closing a tunnel that is not open
 * is no failure: a script may call it twice.
 */

import { readConfig } from "../../shared/contract/config-file.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText, quote } from "../../shared/plain-text.ts";
import type { DaemonClient } from "../client/daemon-client.ts";
import type { DaemonPaths } from "../lifecycle/paths.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, stateDirOf } from "../programs/options.ts";
import { pathsFor, withDaemon } from "./daemon-connection.ts";
import { failureLine, ownOutput } from "./output.ts";
import { configPathFor, knownConfigPath } from "./select-entries.ts";
import { selectTunnel } from "./select-tunnels.ts";

/** The files in which to look for a name. */
type Given = Parameters<typeof configPathFor>[0] & { readonly paths: DaemonPaths };

/**
 * Runs the command. No names: all tunnels of the file; --all: all tunnels. 1 when a name is known nowhere, when several files have it,
 * or when the closing can't be saved.
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
    const { tunnels, daemon } = (await client?.request("tunnels/list", {})) ?? { tunnels: [], daemon: undefined };
    const force = flags.has("--force");
    const names = [...new Set(operands)];
    const chosen = names.length > 0 ? names.map((name) => choose(tunnels, name, given)) : all ? tunnels : ofFile(tunnels, configPathFor(given));
    if (chosen.length === 0) output.say(all ? "no tunnel is open" : "no tunnel of this folder is open: --all closes those of others");
    let failed = false;
    const fail = (error: TunnelError): void => {
      failed = true;
      output.warn(failureLine(error));
    };
    // After an unknown name or a full disk the other tunnels are closed all the same.
    for (const one of chosen) {
      if (one instanceof TunnelError) fail(one);
      else if (typeof one === "string") output.say(`${one}  is not open`);
      else await close(client, one, { force }).then((line) => output.say(line), onlyUnsaved(fail));
    }
    // An earlier command closed a tunnel, but could not save it.
    if (daemon?.unsaved !== undefined && !failed)
      fail(new TunnelError("STATE_NOT_SAVED", `what was closed stays so only until the daemon ends: ${daemon.unsaved}`));
    return failed ? 1 : 0;
  });
}

/** Passes on an error of saving; throws any other error. */
function onlyUnsaved(then: (error: TunnelError) => void): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof TunnelError) || error.code !== "STATE_NOT_SAVED") throw error;
    then(error);
  };
}

function ofFile(tunnels: readonly TunnelStatus[], file: string): readonly TunnelStatus[] {
  return tunnels.filter(({ configPath }) => configPath === file);
}

/** The tunnel of that name; only the name when a file has the entry but it is not open; or why there is no such tunnel. */
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

/** Looks in the file of this folder and the user's own, or in the file that was named. */
function isInFile(name: string, given: Given): boolean {
  const files = [knownConfigPath(given), ...(given.config === undefined ? [given.paths.userTunnelsFile] : [])];
  return files.some((file) => file !== undefined && readConfig(file).places.has(name));
}

/**
 * Closes one tunnel; returns the line to print.
 * @throws TunnelError STATE_NOT_SAVED: the tunnel is closed, but only until the daemon ends
 */
async function close(client: DaemonClient | undefined, { configPath, name }: TunnelStatus, { force }: { readonly force: boolean }): Promise<string> {
  const ref = { configPath, name };
  let unsaved: TunnelError | undefined;
  const note = onlyUnsaved((error) => {
    unsaved ??= error;
  });
  // Before the pin is removed: the daemon forgets a tunnel as soon as nobody wants it.
  const outcome = await client?.request("tunnel/close", { ...ref, force }).catch((error: unknown) => {
    // Another client has closed it since it was listed.
    if (error instanceof TunnelError && error.code === "CONFIG_INVALID") return undefined;
    note(error);
    return undefined;
  });
  const { closed, othersUsing } = outcome ?? { closed: true, othersUsing: [] };
  await client?.request("pin/remove", ref).catch(note);
  if (unsaved) throw unsaved;
  if (closed) return `${name}  closed`;
  const users = othersUsing.map((user) => plainText(`${user.kind} ${user.name} (process ${user.pid})`, { maxLength: 120 })).join(", ");
  return `${name}  no longer pinned; still used by ${users}: ${quote(`tunneld down --force ${name}`)} closes it for all`;
}
