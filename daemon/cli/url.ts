/**
 * `tunneld url NAME`: the URL with which a client connects to the local end. It
 * never has a password in it. Asks the daemon only for a port that is not in the file.
 */

import { parseAddress } from "../../shared/address.ts";
import { connectionUrl, type LocalEnd } from "../../shared/contract/connection-url.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText, quote } from "../../shared/plain-text.ts";
import type { DaemonPaths } from "../lifecycle/paths.ts";
import type { ProgramContext } from "../programs/context.ts";
import { stateDirOf } from "../programs/daemon-options.ts";
import { parseOptions } from "../programs/options.ts";
import { systemLookup } from "../proxy/target.ts";
import { resolveListen } from "../tunnels/listen-address.ts";
import { pathsFor, withDaemon } from "./daemon-connection.ts";
import { ownOutput } from "./output.ts";
import { selectEntries } from "./select-entries.ts";

/**
 * Prints the URL.
 * @throws TunnelError CONFIG_INVALID, DNS_FAILED; DAEMON_UNREACHABLE when only a daemon could know the port
 */
export async function runUrl(args: readonly string[], context: ProgramContext): Promise<number> {
  const { values, operands } = parseOptions(args, { "--state-dir": "value", "--config": "value" });
  const [name, ...more] = operands;
  if (name === undefined || more.length > 0) throw new TunnelError("CONFIG_INVALID", "name one tunnel: tunneld url NAME");
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  const { configPath, entries } = selectEntries([name], { config: values.get("--config"), paths, output });
  const entry = entries.get(name);
  if (!entry) throw new TunnelError("CONFIG_INVALID", `${quote(name)} can't be used as it stands: correct it first`);
  if (entry.role === "server") throw new TunnelError("CONFIG_INVALID", `${quote(name)} is the server's end: its port is encrypted, no client connects to it`);
  const { address } = await resolveListen(entry.listen, systemLookup);
  const listen = address.kind === "tcp" && address.port === 0 ? await pickedPort(context, paths, { configPath, name }) : address;
  output.raw(`${connectionUrl({ service: entry.service, listen, user: entry.user, database: entry.database })}\n`);
  return 0;
}

/** Port 0: the one that was picked when the tunnel first opened. */
function pickedPort(context: ProgramContext, paths: DaemonPaths, ref: { readonly configPath: string; readonly name: string }): Promise<LocalEnd> {
  return withDaemon(context, { paths, name: "url", start: "pinned" }, async (client) => {
    const tunnels = client ? (await client.request("tunnels/list", {})).tunnels : [];
    const status = tunnels.find(({ configPath, name }) => configPath === ref.configPath && name === ref.name);
    if (status && isListening(status.state)) return parseAddress(status.listen);
    throw new TunnelError("DAEMON_UNREACHABLE", `the port of ${quote(ref.name)} is picked when it opens: "tunneld up ${plainText(ref.name)}" first`);
  });
}
