/**
 * What a wire mode is to the proxy: a handshake that ends in a channel, bytes in
 * and bytes out. Nothing here assumes packets of a fixed size, or that one
 * encrypted connection carries one plain connection. spiped's mode is
 * `handshake.ts` and `record.ts`; `negotiation.ts` finds out whether the native
 * wire can be spoken instead.
 */
import type { Keeping } from "./native-hello.ts";
import type { NoiseTransport } from "./noise.ts";

/** Which end of the encrypted connection we are: the client encrypts for local clients, the server decrypts for a backend. */
export type Role = "client" | "server";

/** An authenticated connection: plain text in and out, sealed bytes in and out. Not reusable after an error. */
export interface Channel {
  /** All of `plain` as sealed bytes ready for the wire. */
  seal(plain: Uint8Array): Uint8Array;
  /**
   * The plain text that `sealed` completes, perhaps none; keeps an unfinished rest.
   * @throws TunnelError RECORD_INVALID on the first byte sequence the peer can't have sent, and on every later call.
   */
  open(sealed: Uint8Array): Uint8Array;
  /** Bytes of an unfinished record held back; not 0 at the end of the stream means it was cut (TRUNCATED). */
  readonly pendingBytes: number;
  /** Forgets the keys (best effort). */
  wipe(): void;
}

/** The two wires: spiped's, one connection each; and ours, on which each connection is a stream. */
export type Wire = "spiped" | "native";

/** A connection of the native wire, agreed on. */
export interface NativeStart {
  readonly transport: NoiseTransport;
  /** What the other end says of what it keeps. */
  readonly peer: Keeping;
  readonly session: SessionTerms;
}

/** Which session a connection belongs to. */
export interface SessionTerms {
  /** Names it; no secret. */
  readonly name: Uint8Array;
  /** Known to its two ends alone. */
  readonly secret: Uint8Array;
  /** It was there before, and goes on: bytes of streams that the other end has received of it. undefined: it begins. */
  readonly takenUpAt: number | undefined;
}

/** A server's handshake that another process goes on with: the client asks for a session that is kept there. */
export interface Begun {
  /** Names the session. */
  readonly session: Uint8Array;
  /** The nonce that the client has got from us. */
  readonly serverNonce: Uint8Array;
  /** All that the client has sent. */
  readonly heard: Uint8Array;
}

/** What the bytes received so far have led to. */
export type HandshakeStep =
  /** `proves`: `send` is spiped's proof of our key, which may be held back. */
  | { readonly state: "pending"; readonly send: Uint8Array | undefined; readonly proves?: boolean }
  /** The other end speaks the native wire and holds the key. */
  | {
      readonly state: "native";
      readonly send: Uint8Array | undefined;
      readonly native: NativeStart;
      readonly keyIndex: number;
      /** Bytes received beyond the handshake: the first records. */
      readonly rest: Uint8Array;
    }
  /** Server: see {@link Begun}. */
  | { readonly state: "elsewhere"; readonly send: undefined; readonly begun: Begun }
  | {
      readonly state: "done";
      readonly send: Uint8Array | undefined;
      /** May be made only when first read, from secrets that `wipe` overwrites. Send `send` first, so that the peer need not wait for that work. */
      readonly channel: Channel;
      /** Which of the offered keys the peer holds, an index. */
      readonly keyIndex: number;
      /** Bytes received beyond the handshake: the first ones for `channel.open`. */
      readonly rest: Uint8Array;
    };

/** How far a handshake has come, for diagnosis: what the peer had proved when it went away. */
export type HandshakeProgress = "no-byte" | "part-nonce" | "nonce" | "done" | "failed";

/** One handshake of either role, sans I/O. */
export interface Handshake {
  readonly progress: HandshakeProgress;
  /** native: the other end has answered a hint. */
  readonly wire: Wire;
  /** What to send at once on connecting; call it once, before `receive`. */
  start(): Uint8Array;
  /** Computes ahead while the peer's first bytes are on their way; call it once `start`'s bytes are sent. Does no work that a stranger could cause. */
  prepare(): void;
  /**
   * Takes the next bytes from the peer, split anywhere.
   * @throws TunnelError when the peer can't be who it should be, and on every later call.
   */
  receive(bytes: Uint8Array): HandshakeStep;
  /** Gives the handshake up and overwrites its secrets (best effort); does nothing once the handshake has ended. */
  wipe(): void;
}
