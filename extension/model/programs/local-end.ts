/**
 * Where local programs connect to a tunnel, as far as it is known: for an open
 * tunnel the daemon's address, for a closed tunnel the entry's address. Pure.
 */
import { type LocalEnd, localEndOf } from "../../../shared/contract/connection-url.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { isOpen, type TunnelItem } from "../tunnel-item.ts";

/** The local end; undefined: it will be known when the tunnel is open (port 0), or there is none. */
export function localEnd(item: TunnelItem): LocalEnd | undefined {
  if (isOpen(item) && item.status) return parsed(item.status.listen);
  const listen = item.entry?.listen;
  if (typeof listen === "number") return listen === 0 ? undefined : { kind: "tcp", host: "127.0.0.1", port: listen };
  const end = listen === undefined ? undefined : parsed(listen);
  return end?.kind === "tcp" && end.port === 0 ? undefined : end;
}

function parsed(listen: string): LocalEnd | undefined {
  try {
    return localEndOf(listen);
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    return undefined;
  }
}
