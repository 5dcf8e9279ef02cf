/**
 * What a wire mode is to the proxy: a handshake that ends in a channel, bytes in
 * and bytes out. Nothing here assumes packets of a size, or that one encrypted
 * connection carries one plain one; spiped's mode is `handshake.ts` and
 * `record.ts`, and another may stand beside it.
 */

/** Which end of the encrypted connection we are: the client encrypts for local clients, the server decrypts for a backend. */
export type Role = "client" | "server";

/** An authenticated connection: plain text in and out, sealed bytes in and out. Not reusable after an error. */
export interface Channel {
  /** All of `plain` as sealed bytes ready for the wire. */
  seal(plain: Uint8Array): Uint8Array;
  /**
   * The plain text that `sealed` completes, perhaps none; keeps an unfinished rest.
   * @throws TunnelError RECORD_INVALID on the first byte sequence the peer can't have sent; then always.
   */
  open(sealed: Uint8Array): Uint8Array;
  /** Bytes of an unfinished record held back; not 0 at the end of the stream means it was cut (TRUNCATED). */
  readonly pendingBytes: number;
  /** Forgets the keys (best effort). */
  wipe(): void;
}

/** What the bytes received so far have led to. */
export type HandshakeStep =
  | { readonly state: "pending"; readonly send: Uint8Array | undefined }
  | {
      readonly state: "done";
      readonly send: Uint8Array | undefined;
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
  /** What to send at once on connecting; call it once, before `receive`. */
  start(): Uint8Array;
  /**
   * Takes the next bytes from the peer, split anywhere.
   * @throws TunnelError when the peer can't be who it should be; then always.
   */
  receive(bytes: Uint8Array): HandshakeStep;
  /** Gives up where it stands and overwrites its secrets (best effort); nothing to do after its end. */
  wipe(): void;
}
