/**
 * Which program talks to a service, and with which arguments: for a terminal that
 * runs the program itself, never a shell. The program asks for the password; we
 * never pass it. Pure.
 */
import { connectionUrl, type LocalEnd } from "../../../shared/contract/connection-url.ts";
import { placeholdersOf } from "../../../shared/contract/tunnel-environment.ts";
import type { TunnelEntry } from "../../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { message } from "../../../shared/message.ts";
import { hasUnfitCharacters } from "../../../shared/plain-text.ts";

/** A way to talk to a service. */
export interface ClientProgram {
  /** Names of programs, the best first; all take the same `args`. */
  readonly candidates: readonly string[];
  readonly args: readonly string[];
  /** Further arguments by the program's name, for options that two makers name differently. */
  readonly ownArgs?: Readonly<Record<string, readonly string[]>>;
  /** Commands that install one of the programs. */
  readonly install: { readonly debian: string; readonly brew: string };
}

/** The parts of an entry that the program and its arguments are made from. */
export type ClientEntry = Pick<TunnelEntry, "service" | "tls" | "user" | "database">;

/**
 * The program for an entry whose tunnel listens at `listen`; undefined: nothing is known of the service.
 * @throws TunnelError CONFIG_INVALID for a value that a program could take for an option; the validator already refuses such values
 */
export function clientProgram(entry: ClientEntry, listen: LocalEnd): ClientProgram | undefined {
  switch (entry.service) {
    case "redis":
    case "redis-cluster":
      return {
        candidates: ["redis-cli", "valkey-cli"],
        // -c: goes on to the node that has a key.
        args: [...(entry.service === "redis" ? [] : ["-c"]), ...redisArgs(entry, listen)],
        install: { debian: "sudo apt install redis-tools", brew: "brew install redis" },
      };
    case "mysql":
      return {
        candidates: ["mariadb", "mysql"],
        args: mysqlArgs(entry, listen),
        // MariaDB's client has the first option, Oracle's the second; MariaDB's client is always available as "mariadb".
        ...(entry.tls && { ownArgs: { mariadb: ["--ssl"], mysql: ["--ssl-mode=REQUIRED"] } }),
        install: { debian: "sudo apt install mariadb-client", brew: "brew install mariadb" },
      };
    case "postgres":
      return {
        candidates: ["psql"],
        // The URL says all, TLS included; psql asks for the password itself.
        args: [connectionUrl({ ...entry, listen })],
        install: { debian: "sudo apt install postgresql-client", brew: "brew install libpq" },
      };
    case "mongodb":
      return {
        candidates: ["mongosh"],
        args: [connectionUrl({ ...entry, listen })],
        // Debian has no package of its own: this one is MongoDB's (mongodb.com/docs/mongodb-shell/install).
        install: { debian: "sudo apt install mongodb-mongosh", brew: "brew install mongosh" },
      };
    case "tcp":
      return undefined;
  }
}

function redisArgs({ tls, user, database }: ClientEntry, listen: LocalEnd): string[] {
  const { host, port } = placeholdersOf("", { service: "redis", listen });
  const args = listen.kind === "unix" ? ["-s", value(host)] : ["-h", value(host), "-p", port];
  // redis-cli checks who signed the certificate, but not the name in it, which differs from this end's name.
  if (tls) args.push("--tls");
  if (database !== undefined) {
    if (typeof database !== "number" || !Number.isInteger(database) || database < 0) throw refused("database");
    args.push("-n", String(database));
  }
  // Without a password redis-cli does not log in at all, whatever user is named.
  return user === undefined ? args : [...args, "--user", value(user), "--askpass"];
}

function mysqlArgs({ user, database }: ClientEntry, listen: LocalEnd): string[] {
  const { host, port } = placeholdersOf("", { service: "mysql", listen });
  // With "localhost" the program would take a socket of its own instead of the tunnel.
  const args = listen.kind === "unix" ? ["--protocol=SOCKET", `--socket=${value(host)}`] : ["--protocol=TCP", `--host=${value(host)}`, `--port=${port}`];
  if (user !== undefined) args.push(`--user=${value(user)}`, "--password");
  if (database !== undefined) args.push(`--database=${value(String(database))}`);
  return args;
}

function value(text: string): string {
  if (text === "" || text.startsWith("-") || hasUnfitCharacters(text)) throw refused("value");
  return text;
}

function refused(what: "database" | "value"): TunnelError {
  return new TunnelError(
    "CONFIG_INVALID",
    what === "database"
      ? message("this database can't be passed to a program: correct the entry in tunnels.json")
      : message("this value can't be passed to a program: correct the entry in tunnels.json"),
  );
}
