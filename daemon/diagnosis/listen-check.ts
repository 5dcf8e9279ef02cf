/**
 * Whether a tunnel could listen where it wants to: binds the address and releases
 * it at once. A connection that comes in meanwhile is closed.
 */
import * as net from "node:net";
import { formatAddress } from "../../shared/address.ts";
import { type Message, message } from "../../shared/message.ts";
import { bind } from "../proxy/bind.ts";
import { closeListener } from "../proxy/socket-file.ts";
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
export async function checkListen({ address, isOpenHere, isOwnSocket }: ListenCheck): Promise<Message> {
  const shown = formatAddress(address);
  if (isOpenHere) return message("this tunnel listens at {0}", shown);
  const server = net.createServer((socket) => socket.destroy());
  await bind(server, { address, isOwnSocket });
  closeListener(server);
  return address.kind === "tcp" && address.port === 0 ? message("any free port will do") : message("{0} is free", shown);
}
