/**
 * `tunneld url NAME`: the URL with which a client connects to the local end. It
 * never contains a password. User and database come from the entry, so only the
 * approved entry from the daemon is used; without it there is no URL. With
 * `--nodes`: the nodes of a Redis Cluster, and where each of them is on this machine.
 */

import { parseAddress } from "../../shared/address.ts";
import type { ApprovedEntry } from "../../shared/contract/approved-entry.ts";
import { connectionUrl, type LocalEnd } from "../../shared/contract/connection-url.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText, quote } from "../../shared/plain-text.ts";
import type { DaemonClient } from "../client/daemon-client.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, stateDirOf } from "../programs/options.ts";
import { systemLookup } from "../proxy/target.ts";
import { resolveListen } from "../tunnels/listen-address.ts";
import { approvedSelection } from "./approved-selection.ts";
import { pathsFor, withOpeningDaemon } from "./daemon-connection.ts";
import { ownOutput } from "./output.ts";
import { selectEntries } from "./select-entries.ts";

/**
 * Prints the URL.
 * @throws TunnelError NOT_APPROVED, CONFIG_INVALID, DNS_FAILED; DAEMON_UNREACHABLE when there is no daemon to ask, or the port is not picked yet
 */
export async function runUrl(args: readonly string[], context: ProgramContext): Promise<number> {
  const { values, flags, operands } = parseOptions(args, { "--state-dir": "value", "--config": "value", "--nodes": "flag" });
  const [name, ...more] = operands;
  if (name === undefined || more.length > 0) throw new TunnelError("CONFIG_INVALID", "name one tunnel: tunneld url NAME");
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  const { configPath, entries } = selectEntries([name], { config: values.get("--config"), paths, output });
  if (!entries.has(name)) throw new TunnelError("CONFIG_INVALID", `${quote(name)} can't be used as it stands: correct it first`);
  if (entries.get(name)?.role === "server") throw noUrl(name);
  return await withOpeningDaemon(context, { paths, name: "url" }, async (client) => {
    const { entries: approved, refused } = await approvedSelection(client, configPath, [name]);
    const entry = approved.get(name);
    if (!entry) throw refused[0] ?? new TunnelError("NOT_APPROVED", `${quote(name)} is not approved`);
    if (entry.role === "server") throw noUrl(name);
    if (flags.has("--nodes")) {
      output.raw(`${JSON.stringify(await natMap(client, { configPath, name, entry }), undefined, 2)}\n`);
      return 0;
    }
    const listen = await localEnd(client, { configPath, name, entry });
    output.raw(`${connectionUrl({ service: entry.service, listen, tls: entry.tls, user: entry.user, database: entry.database })}\n`);
    return 0;
  });
}

function noUrl(name: string): TunnelError {
  return new TunnelError("CONFIG_INVALID", `${quote(name)} is the server's end: its port is encrypted, no client connects to it`);
}

interface Local {
  readonly configPath: string;
  readonly name: string;
  readonly entry: ApprovedEntry;
}

/** For port 0, the daemon knows the port that was picked when the tunnel opened. */
async function localEnd(client: DaemonClient, { configPath, name, entry }: Local): Promise<LocalEnd> {
  const { address } = await resolveListen(entry.listen, systemLookup);
  if (address.kind !== "tcp" || address.port !== 0) return address;
  const status = await statusOf(client, { configPath, name });
  if (status && isListening(status.state)) return parseAddress(status.listen);
  throw new TunnelError("DAEMON_UNREACHABLE", `the port of ${quote(name)} is picked when it opens: "tunneld up ${plainText(name)}" first`);
}

/** What the daemon says of a tunnel; undefined: nothing. */
async function statusOf(client: DaemonClient, { configPath, name }: Pick<Local, "configPath" | "name">): Promise<TunnelStatus | undefined> {
  const { tunnels } = await client.request("tunnels/list", {});
  return tunnels.find((tunnel) => tunnel.configPath === configPath && tunnel.name === name);
}

/** The nodes of a Redis Cluster by the cluster's own addresses; those that a client has heard of so far. */
async function natMap(client: DaemonClient, { configPath, name, entry }: Local): Promise<Record<string, { readonly host: string; readonly port: number }>> {
  if (entry.service !== "redis-cluster") throw new TunnelError("CONFIG_INVALID", `${quote(name)} has no nodes: its service is not redis-cluster`);
  const { nodes = [] } = (await statusOf(client, { configPath, name })) ?? {};
  return Object.fromEntries(
    nodes.flatMap(({ node, listen }) => {
      const address = parseAddress(listen);
      return address.kind === "tcp" ? [[node, { host: address.host, port: address.port }] as const] : [];
    }),
  );
}
