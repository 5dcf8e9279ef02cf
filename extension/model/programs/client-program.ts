/**
 * Which program talks to a service, and with what arguments: for a terminal that
 * is started with the program itself, never through a shell. A password is asked
 * for by the program, never passed. Pure.
 */
import { type LocalEnd, placeholdersOf } from "../../../shared/contract/connection-url.ts";
import type { TunnelEntry } from "../../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { hasUnfitCharacters } from "../../../shared/plain-text.ts";

/** A way to talk to a service. */
export interface ClientProgram {
  /** Names of programs, the best first; all take the same arguments. */
  readonly candidates: readonly string[];
  readonly args: readonly string[];
  /** What installs one of them. */
  readonly install: { readonly debian: string; readonly brew: string };
}

/** What of an entry it is made from. */
export type ClientEntry = Pick<TunnelEntry, "service" | "user" | "database">;

/**
 * The program for an entry whose tunnel listens at `listen`; undefined: nothing is known of the service.
 * @throws TunnelError CONFIG_INVALID for a value that a program could take for an option; the validator refuses them before
 */
export function clientProgram(entry: ClientEntry, listen: LocalEnd): ClientProgram | undefined {
  switch (entry.service) {
    case "redis":
      return {
        candidates: ["redis-cli", "valkey-cli"],
        args: redisArgs(entry, listen),
        install: { debian: "sudo apt install redis-tools", brew: "brew install redis" },
      };
    case "mysql":
      return {
        candidates: ["mariadb", "mysql"],
        args: mysqlArgs(entry, listen),
        install: { debian: "sudo apt install mariadb-client", brew: "brew install mariadb" },
      };
    case "tcp":
      return undefined;
  }
}

function redisArgs({ user, database }: ClientEntry, listen: LocalEnd): string[] {
  const { host, port } = placeholdersOf("", { service: "redis", listen });
  const args = listen.kind === "unix" ? ["-s", value(host)] : ["-h", value(host), "-p", port];
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

function refused(what: string): TunnelError {
  return new TunnelError("CONFIG_INVALID", `this ${what} can't be passed to a program: correct the entry in tunnels.json`);
}
