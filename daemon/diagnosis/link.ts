/**
 * What carries the plain bytes of a service to a diagnosis: a socket, with sealed
 * packets on it or without, or a stream of the native wire.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { MuxStream } from "../protocol/mux-stream.ts";
import type { Channel } from "../protocol/wire.ts";
import type { NativeSession } from "../proxy/native-session.ts";
import type { Ending } from "./far-socket.ts";

/** Whom a link tells. */
export interface LinkUser {
  /** The next plain bytes. */
  data(plain: Uint8Array): void;
  /** It is over; `fault`: the sealed bytes themselves were wrong. Further calls mean nothing. */
  ended(how: Ending, fault?: TunnelError): void;
}

/** See the file's header. Its user owns it. */
export interface Link {
  /** Called once, first; what has come already is told before this returns. */
  start(user: LinkUser): void;
  /** `done` when more may be written. */
  write(plain: Uint8Array, done: () => void): void;
  /** Ends our half. */
  end(done: () => void): void;
  /** Reads no more. */
  pause(): void;
  destroy(): void;
}

/** Our choice: how long a session has to tell the far end that it is over. */
const LAST_WORDS_MS = 1_000;

/** Plain text as it is. */
const PLAIN: Channel = { seal: (plain) => plain, open: (sealed) => sealed, pendingBytes: 0, wipe: () => {} };

/** A connection to a service itself. `socket`: paused, half-open allowed. */
export function plainLink(socket: net.Socket): Link {
  return sealedLink({ socket, channel: PLAIN, rest: new Uint8Array(0), ending: undefined });
}

/** A connection of spiped's wire, once the key is proved. */
export interface SealedLinkOptions {
  /** Paused, half-open allowed. */
  readonly socket: net.Socket;
  readonly channel: Channel;
  /** Sealed bytes that were received already. */
  readonly rest: Uint8Array;
  /** How the socket ended, if it ended while its last bytes were looked at. */
  readonly ending: Ending | undefined;
}

/** The link of a connection of spiped's wire. */
export function sealedLink({ socket, channel, rest, ending }: SealedLinkOptions): Link {
  let isDestroyed = false;
  return {
    start({ data, ended }) {
      const take = (sealed: Uint8Array): void => {
        if (isDestroyed) return;
        try {
          const plain = channel.open(sealed);
          if (plain.length > 0) data(plain);
        } catch (error) {
          if (!(error instanceof TunnelError)) throw error;
          socket.destroy();
          ended("closed", error);
        }
      };
      const end = (how: Ending): void => {
        const pendingBytes = isDestroyed ? 0 : channel.pendingBytes;
        if (pendingBytes === 0) ended(how);
        else ended(how, new TunnelError("TRUNCATED", message("the encrypted stream ended {0} bytes into a packet: it was cut on the way", pendingBytes)));
      };
      socket.on("data", take);
      socket.on("end", () => end("closed"));
      socket.on("error", () => end("reset"));
      socket.on("close", () => end("reset"));
      take(rest);
      if (ending !== undefined) end(ending);
      socket.resume();
    },
    write(plain, done) {
      if (socket.destroyed) done();
      else socket.write(channel.seal(plain), () => done());
    },
    end(done) {
      if (socket.destroyed) done();
      else socket.end(() => done());
    },
    pause: () => void socket.pause(),
    destroy() {
      isDestroyed = true;
      channel.wipe();
      socket.destroy();
    },
  };
}

/** A stream of the native wire, once the far end has said that its backend is connected; ends the session with itself. */
export interface StreamLinkOptions {
  readonly stream: MuxStream;
  readonly session: NativeSession;
  /** Plain bytes that came with the far end's word; consumed already. */
  readonly rest: Uint8Array;
}

/** The link of a stream of the native wire. */
export function streamLink({ stream, session, rest }: StreamLinkOptions): Link {
  let isPaused = false;
  return {
    start({ data, ended }) {
      stream.user = {
        onData(bytes) {
          // Unread bytes stay held: the far end stops at the stream's window.
          if (!isPaused) session.consumed(stream, bytes.length);
          data(bytes);
        },
        onEnd: () => ended("closed"),
        onReset: (by) => ended("reset", by === "session" ? session.error : undefined),
        onWritable() {},
      };
      if (rest.length > 0) data(rest);
      if (stream.hasPeerEnded) ended("closed");
      else if (stream.isOver) ended("reset", session.error);
    },
    write(plain, done) {
      stream.write(Uint8Array.from(plain));
      done();
    },
    end(done) {
      stream.end();
      done();
    },
    pause() {
      isPaused = true;
    },
    destroy() {
      stream.reset();
      session.goAway();
      setTimeout(() => session.close(), LAST_WORDS_MS).unref();
    },
  };
}
