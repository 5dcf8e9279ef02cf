/**
 * Whether a tunnel could listen where it wants to: binds the address and lets it
 * go at once. Nobody can come in meanwhile: a connection that does is closed.
 */
import * as net from "node:net";
import { formatAddress } from "../../shared/address.ts";
import { bind } from "../proxy/bind.ts";
import type { ResolvedAddress } from "../proxy/target.ts";

/** What is known of the address. */
export interface ListenCheck {
  readonly address: ResolvedAddress;
  /** A tunnel of ours listens there already. */
  readonly isOpenHere: boolean;
  /** Whether an earlier daemon of ours made the unix socket at this path. */
  readonly isOwnSocket?: ((path: string) => boolean) | undefined;
}

/**
 * Tries the address.
 * @throws TunnelError LISTEN_IN_USE, LISTEN_DENIED or CONFIG_INVALID
 */
export async function checkListen({ address, isOpenHere, isOwnSocket }: ListenCheck): Promise<string> {
  const shown = formatAddress(address);
  if (isOpenHere) return `this tunnel listens at ${shown}`;
  const server = net.createServer((socket) => socket.destroy());
  await bind(server, { address, isOwnSocket });
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return address.kind === "tcp" && address.port === 0 ? "any free port will do" : `${shown} is free`;
}
