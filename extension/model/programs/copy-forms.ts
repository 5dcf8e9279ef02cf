/**
 * The forms in which a tunnel's local end is copied: URL, address, lines of a .env
 * file, command of a client program, a connection of SQLTools. They hand out an
 * entry's words, so they take an approved one. No password is in any of them. Pure.
 */
import type { ApprovedEntry } from "../../../shared/contract/approved-entry.ts";
import { connectionUrl, type LocalEnd } from "../../../shared/contract/connection-url.ts";
import { placeholdersOf, tunnelEnvironment } from "../../../shared/contract/tunnel-environment.ts";
import { shellWord } from "../far-end/quoting.ts";
import { clientProgram } from "./client-program.ts";

/** A tunnel whose local end is known. */
export interface CopySource {
  readonly name: string;
  readonly entry: ApprovedEntry;
  readonly listen: LocalEnd;
}

/** The URL for programs. */
export function urlForm({ entry, listen }: CopySource): string {
  const { service, tls, user, database } = entry;
  return connectionUrl({ service, listen, tls, user, database });
}

/** host:port, or a socket's path. */
export function addressForm(listen: LocalEnd): string {
  const { host, port } = placeholdersOf("", { service: "tcp", listen });
  return listen.kind === "unix" || !host.includes(":") ? [host, port].filter((part) => part !== "").join(":") : `[${host}]:${port}`;
}

/** The variables that terminals get from the tunnel, a line each. */
export function envForm({ name, entry, listen }: CopySource): string {
  return Object.entries(tunnelEnvironment(name, entry, listen))
    .map(([variable, value]) => `${variable}=${envValue(value)}`)
    .join("\n");
}

/**
 * The command of a client program for a POSIX shell; undefined for a service of which no program is known.
 * @throws TunnelError as `clientProgram`
 */
export function commandForm({ entry, listen }: CopySource): string | undefined {
  const program = clientProgram(entry, listen);
  const [name] = program?.candidates ?? [];
  if (!program || name === undefined) return undefined;
  return [name, ...program.args, ...(program.ownArgs?.[name] ?? [])].map(shellWord).join(" ");
}

/**
 * A connection as SQLTools documents it for MySQL; undefined for other services, and for TLS, of which its
 * documentation says nothing. https://vscode-sqltools.mteixeira.dev/en/drivers/mysql
 */
export function sqlToolsForm({ name, entry, listen }: CopySource): Readonly<Record<string, unknown>> | undefined {
  if (entry.service !== "mysql" || entry.role !== "client" || entry.tls) return undefined;
  const { host, port } = placeholdersOf(name, { service: "mysql", listen });
  const address = listen.kind === "unix" ? { socketPath: host } : { server: host, port: Number(port) };
  const { user, database } = entry;
  return {
    name: `${name} (Encrypted Tunnels)`,
    driver: "MySQL",
    ...address,
    ...(database !== undefined && { database: String(database) }),
    ...(user !== undefined && { username: user }),
    askForPassword: true,
  };
}

/** As dotenv and shells read it: single quotes keep everything but themselves. */
function envValue(value: string): string {
  if (/^[\w@%+=:,./-]*$/.test(value)) return value;
  return value.includes("'") ? `"${value.replace(/["\\$`]/g, "\\$&")}"` : `'${value}'`;
}
