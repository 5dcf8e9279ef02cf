/**
 * spiped's -u: drops root's privileges after binding. Supplementary groups are
 * dropped first, then the group is set, then the user, as spiped does.
 */
import { TunnelError } from "../../shared/errors.ts";

/** What -u asks for; at least one of the two. */
export interface Identity {
  readonly user: string | undefined;
  readonly group: string | undefined;
}

/**
 * Reads `user`, `:group` or `user:group`.
 * @throws TunnelError CONFIG_INVALID
 */
export function parseIdentity(text: string): Identity {
  const colon = text.indexOf(":");
  const user = colon < 0 ? text : text.slice(0, colon);
  const group = colon < 0 ? undefined : text.slice(colon + 1);
  if (group === "" || (user === "" && group === undefined)) {
    throw new TunnelError("CONFIG_INVALID", `-u ${text}: write user, :group or user:group`);
  }
  return { user: user === "" ? undefined : user, group };
}

/**
 * Becomes that user and group.
 * @throws TunnelError CONFIG_INVALID when there is no such user or group, or this process may not switch to it.
 */
export function dropPrivileges(identity: Identity, warn: (line: string) => void): void {
  if (!process.setuid || !process.setgid || !process.setgroups) {
    throw new TunnelError("CONFIG_INVALID", "-u is not supported on this system: start the program as the user it should run as");
  }
  try {
    process.setgroups([]);
  } catch {
    warn("could not leave the supplementary groups (only root can)");
  }
  if (identity.group !== undefined) become(process.setgid, { kind: "group", name: identity.group });
  if (identity.user !== undefined) become(process.setuid, { kind: "user", name: identity.user });
}

/** Tries the name first, then the number, as spiped does. */
function become(set: (id: string | number) => void, wanted: { readonly kind: "user" | "group"; readonly name: string }): void {
  try {
    set(wanted.name);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "ERR_UNKNOWN_CREDENTIAL") throw denied(wanted, cause);
    if (!/^\d+$/.test(wanted.name)) {
      throw new TunnelError("CONFIG_INVALID", `-u: there is no ${wanted.kind} "${wanted.name}" on this system`, { cause });
    }
    try {
      set(Number(wanted.name));
    } catch (error) {
      throw denied(wanted, error);
    }
  }
}

function denied(wanted: { readonly kind: string; readonly name: string }, cause: unknown): TunnelError {
  return new TunnelError("CONFIG_INVALID", `-u: may not become ${wanted.kind} "${wanted.name}": start as root or leave -u out`, { cause });
}
