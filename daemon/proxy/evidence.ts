/**
 * What the way a connection ended says about its cause. The rules (d), (e) and
 * (g) of the design: a far side that speaks spiped's protocol closes without a
 * word, so what it had shown before is the only evidence. Where that is a guess
 * the message says "probably".
 */
import { TunnelError } from "../../shared/errors.ts";
import { NONCE_BYTES } from "../protocol/constants.ts";
import { recogniseClient, recogniseServer } from "../protocol/recognise.ts";
import type { HandshakeProgress, Role } from "../protocol/wire.ts";

/** How a handshake broke off. */
export interface BrokenHandshake {
  readonly role: Role;
  readonly progress: HandshakeProgress;
  readonly how: "closed" | "reset";
  /** This key has reached the end of a handshake at this target before. */
  readonly verifiedBefore: boolean;
}

/** The other end went away in the middle of a handshake. */
export function handshakeBroken(broken: BrokenHandshake): TunnelError {
  if (broken.role === "server") {
    return new TunnelError("PEER_CLOSED", "the client went away before it proved a key");
  }
  if (broken.progress !== "nonce") {
    return new TunnelError("PEER_CLOSED", "the far side closed the connection without a greeting: probably nothing that speaks spiped's protocol is there");
  }
  if (broken.verifiedBefore) {
    return new TunnelError(
      "BACKEND_DOWN",
      "the far side closed the connection after the key was sent, and this key has worked there: probably its backend refuses connections, or else its key was changed",
    );
  }
  if (broken.how === "reset") {
    return new TunnelError("BACKEND_DOWN", "the far side reset the connection after the key was sent: probably its backend refuses connections");
  }
  return new TunnelError(
    "KEY_MISMATCH",
    "the far side closed the connection after the key was sent: probably it holds another key, or requires forward secrecy",
  );
}

/** Server role: a handshake failed. What the peer said first may show a client that speaks its plain protocol here by mistake. */
export function plainClient(head: Uint8Array, error: TunnelError): TunnelError {
  const seen = recogniseClient(head);
  if (!seen) return error;
  return new TunnelError("PLAIN_CLIENT", `${seen.label} came to the encrypted port: it belongs at the port of the tunnel's client end`, { cause: error });
}

const NO_SPIPED = "the target must be the port of the encrypted end, not of a service";

/** Client role: what the far side has said before its nonce was whole can be no part of one. No proof of our key is for somebody like that. */
export function strangeServer(head: Uint8Array): TunnelError | undefined {
  const seen = recogniseServer(head);
  return seen?.sure ? new TunnelError("NOT_SPIPED", `the far side is ${seen.label}, not spiped: ${NO_SPIPED}`) : undefined;
}

/** Client role: a handshake failed. What the far side said first may show what it is, for certain or, where it never came to a nonce, probably. */
export function perhapsStrange(head: Uint8Array, error: TunnelError): TunnelError {
  const seen = recogniseServer(head);
  if (!seen || (!seen.sure && head.length >= NONCE_BYTES)) return error;
  const probably = seen.sure ? "" : "probably ";
  return new TunnelError("NOT_SPIPED", `the far side is ${probably}${seen.label}, not spiped: ${NO_SPIPED}`, { cause: error });
}

/** The encrypted stream ended with an unfinished packet of `pendingBytes`. */
export function truncated(pendingBytes: number): TunnelError {
  return new TunnelError("TRUNCATED", `the encrypted stream ended ${pendingBytes} bytes into a packet: the connection was cut`);
}

/**
 * The key was right and the far side closed without one byte of data. Nothing to report when it
 * lasted longer than `patienceMs` unused: that is a service closing an idle connection.
 */
export function backendSilent(end: { readonly sentBytes: number; readonly openMs: number; readonly patienceMs: number }): TunnelError | undefined {
  if (end.sentBytes === 0 && end.openMs > end.patienceMs) return undefined;
  return new TunnelError("BACKEND_DOWN", "the key is right, but the far side closed without any data: its backend is down or refuses connections");
}
