/**
 * Works out why a connection ended from the way it ended. The rules (d), (e) and
 * (g) of the design: a far side that speaks spiped's protocol closes without
 * giving a reason, so its earlier behaviour is the only evidence. Where the cause
 * is a guess, the message says "probably".
 */
import { saidBy, TunnelError } from "../../shared/errors.ts";
import { type Message, type MessageArgument, message } from "../../shared/message.ts";
import { NONCE_BYTES } from "../protocol/constants.ts";
import type { HandshakeProgress, Role } from "../protocol/wire.ts";
import { isPlainOpening } from "../services/plain-opening.ts";
import { recogniseClient, recogniseServer } from "../services/recognise.ts";
import type { ProofFate } from "./wire-handshake.ts";

/** How a handshake broke off. */
export interface BrokenHandshake {
  readonly role: Role;
  readonly progress: HandshakeProgress;
  readonly how: "closed" | "reset";
  /** This key has reached the end of a handshake at this target before. */
  readonly verifiedBefore: boolean;
  /** The far side sent its nonce on another connection a short while ago. */
  readonly hasGreeted?: boolean;
  /** Where our proof of the key was; left out: the proof was sent, and nothing more is known. */
  readonly proof?: ProofFate;
  /** This was the second look: while the proof was held back, the far side did not close. */
  readonly isSecondLook?: boolean;
}

/** The other end went away in the middle of a handshake. */
export function handshakeBroken(broken: BrokenHandshake): TunnelError {
  if (broken.role === "server") {
    return new TunnelError("PEER_CLOSED", message("the client went away before it proved a key"));
  }
  if (broken.progress === "no-byte" && broken.hasGreeted) {
    return new TunnelError(
      "BACKEND_DOWN",
      message(
        "the far side closed the connection without a greeting, and has greeted others as spiped does: probably its backend refuses connections (the key was not tested)",
      ),
    );
  }
  if (broken.progress !== "nonce") {
    return new TunnelError(
      "PEER_CLOSED",
      message("the far side closed the connection without a greeting: probably nothing that speaks spiped's protocol is there"),
    );
  }
  const { proof, how } = broken;
  if (proof?.at === "held") {
    return new TunnelError(
      "BACKEND_DOWN",
      message("the far side closed the connection before the key was sent: probably its backend refuses connections (the key was not tested)"),
    );
  }
  if (proof?.at === "sent" && proof.answerBytes > 0) {
    return new TunnelError("TRUNCATED", message("the far side closed the connection in the middle of its answer to the key: probably it was cut on the way"));
  }
  if (how === "reset") {
    return new TunnelError("BACKEND_DOWN", message("the far side reset the connection after the key was sent: probably its backend refuses connections"));
  }
  if (broken.isSecondLook) {
    return new TunnelError(
      "KEY_MISMATCH",
      broken.verifiedBefore
        ? message("the far side closes the connection as soon as it gets our key: probably it holds another key now, or requires forward secrecy")
        : message("the far side closes the connection as soon as it gets our key: probably it holds another key, or requires forward secrecy"),
    );
  }
  if (broken.verifiedBefore) {
    return new TunnelError(
      "BACKEND_DOWN",
      message(
        "the far side closed the connection after the key was sent, and this key has worked there: probably its backend refuses connections, or else its key was changed",
      ),
    );
  }
  return new TunnelError(
    "KEY_MISMATCH",
    message("the far side closed the connection after the key was sent: probably it holds another key, or requires forward secrecy"),
  );
}

/** Client role: the far end, which speaks the native wire, went away in the middle of that handshake. */
export function nativeBroken(): TunnelError {
  return new TunnelError(
    "PEER_CLOSED",
    message("the far end closed the connection in the middle of the native handshake: it stopped, or the connection was cut"),
  );
}

/** Whether the far side closed cleanly on our proof, which was sent at once: the far side may or may not have judged the key. */
export function isClosedOnProof({ progress, how, proof }: Pick<BrokenHandshake, "progress" | "how" | "proof">): boolean {
  return progress === "nonce" && how === "closed" && proof?.at === "sent" && proof.answerBytes === 0;
}

/** Whether only a second look tells: closed on our proof, or without a byte. A spiped closes without a byte if its backend refuses early. */
export function leavesDoubt(broken: Pick<BrokenHandshake, "progress" | "how" | "proof">): boolean {
  return broken.progress === "no-byte" || isClosedOnProof(broken);
}

/** The result of a look, as the error of another connection that broke off in the same way and made no look itself. */
export function sameAsLook(result: TunnelError | "works"): TunnelError {
  if (result !== "works") return new TunnelError(result.code, saidBy(result), { cause: result });
  return new TunnelError(
    "BACKEND_DOWN",
    message("the far side closed the connection, and took the same key on another one a moment later: probably its backend refused connections"),
  );
}

/** The far side closed on our weak proof (x = 0), but accepted the same key with forward secrecy. */
export function forwardSecrecyWanted(): TunnelError {
  return new TunnelError(
    "FORWARD_SECRECY_REFUSED",
    message("the far side holds the key and closes connections without forward secrecy: probably it requires it (spiped -g), and it is off here"),
  );
}

/** Server role: a handshake failed. The peer's first bytes may show a client that speaks its plain protocol here by mistake. */
export function plainClient(head: Uint8Array, error: TunnelError): TunnelError {
  const seen = recogniseClient(head);
  if (!seen) return error;
  return new TunnelError("PLAIN_CLIENT", message("{0} came to the encrypted port: it belongs at the port of the tunnel's client end", seen.words), {
    cause: error,
  });
}

/** Server role: the error if the bytes before a whole nonce can't be part of a nonce. Such a client is not kept waiting. */
export function surelyPlainClient(head: Uint8Array): TunnelError | undefined {
  return isPlainOpening(head) ? plainClient(head, new TunnelError("PEER_CLOSED", message("it sent no nonce"))) : undefined;
}

/** Client role: the error if the bytes before a whole nonce can't be part of a nonce. Such a far side gets no proof of our key. */
export function strangeServer(head: Uint8Array): TunnelError | undefined {
  const seen = recogniseServer(head);
  return seen?.sure ? new TunnelError("NOT_SPIPED", isStranger(seen.words)) : undefined;
}

/** Client role: a handshake failed. The far side's first bytes may show what it is, for certain or, if it sent no whole nonce, probably. */
export function perhapsStrange(head: Uint8Array, error: TunnelError): TunnelError {
  const seen = recogniseServer(head);
  if (!seen || (!seen.sure && head.length >= NONCE_BYTES)) return error;
  return new TunnelError("NOT_SPIPED", seen.sure ? isStranger(seen.words) : isProbablyStranger(seen.words), { cause: error });
}

function isStranger(what: MessageArgument): Message {
  return message("the far side is {0}, not spiped: the target must be the port of the encrypted end, not of a service", what);
}

function isProbablyStranger(what: MessageArgument): Message {
  return message("the far side is probably {0}, not spiped: the target must be the port of the encrypted end, not of a service", what);
}

/** Client role: the far side accepted and said nothing. If this key has worked there, that is LIMIT_REACHED, caused by the time-out, as in a diagnosis. */
export function perhapsFull(head: Uint8Array, error: TunnelError, about: { readonly verifiedBefore: boolean }): TunnelError {
  if (error.code !== "HANDSHAKE_TIMEOUT" || head.length > 0 || !about.verifiedBefore) return error;
  const text = message("{0}, though this key has worked there: probably the far end has all the connections it takes (-n)", saidBy(error));
  return new TunnelError("LIMIT_REACHED", text, { cause: error });
}

/** The encrypted stream ended with an unfinished packet of `pendingBytes`. */
export function truncated(pendingBytes: number): TunnelError {
  return new TunnelError("TRUNCATED", message("the encrypted stream ended {0} bytes into a packet: the connection was cut", pendingBytes));
}

/**
 * The key was right and the far side closed without one byte of data. Undefined when the connection
 * lasted longer than `patienceMs` unused: then a service closed an idle connection.
 */
export function backendSilent(end: { readonly sentBytes: number; readonly openMs: number; readonly patienceMs: number }): TunnelError | undefined {
  if (end.sentBytes === 0 && end.openMs > end.patienceMs) return undefined;
  return new TunnelError("BACKEND_DOWN", message("the key is right, but the far side closed without any data: its backend is down or refuses connections"));
}
