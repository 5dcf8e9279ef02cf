/**
 * The far end's own word on the native wire: a stream of one session is opened,
 * and the far end says whether its backend is connected, or why not.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import type { AskedTarget } from "../../shared/far-target.ts";
import { message } from "../../shared/message.ts";
import type { Clock } from "../../shared/time.ts";
import { concat } from "../protocol/keys.ts";
import { readStatus, writeTarget } from "../protocol/stream-words.ts";
import type { NativeStart } from "../protocol/wire.ts";
import { NativeSession, SESSION_HOLDS_BYTES } from "../proxy/native-session.ts";
import { type Link, streamLink } from "./link.ts";

/** What asking needs. */
export interface FarWordOptions {
  /** Paused. */
  readonly wire: net.Socket;
  readonly native: NativeStart;
  /** Bytes of the wire that came right behind the handshake. */
  readonly rest: Uint8Array;
  /** Which backend is asked for; default: the entry's target. */
  readonly backend?: AskedTarget | undefined;
  readonly clock: Clock;
  /** The far end has this time to reach its backend; none after that is a failure of the backend. */
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

/** The backend is connected, and can be asked; or the failure. `isOwnWord`: the far end has said it, otherwise it is concluded. */
export type FarWord = { readonly link: Link } | { readonly error: TunnelError; readonly isOwnWord: boolean };

/** See the file's header. Owns the wire. @throws the signal's reason */
export function askFarEnd({ wire, native, rest, backend, clock, timeoutMs, signal }: FarWordOptions): Promise<FarWord> {
  return new Promise((resolve, reject) => {
    const session: NativeSession = new NativeSession({
      role: "client",
      wire,
      native,
      rest,
      holdsBytes: SESSION_HOLDS_BYTES,
      keepsMs: 0,
      maxStreams: 1,
      clock,
      keepAlive: false,
      onStream: (stream) => stream.reset(),
      onBytes: () => {},
      onLeaving: () => {},
      onClosed: () => {},
    });
    const settle = (word: FarWord | undefined, reason?: unknown): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", aborted);
      // First, as the end of the session ends the stream, which would be told as well.
      if (word) resolve(word);
      else reject(reason);
      if (!word || "error" in word) session.close();
    };
    const failed = (error: TunnelError, isOwnWord = false): void => settle({ error, isOwnWord });
    const aborted = (): void => settle(undefined, signal.reason);
    const timer = setTimeout(
      () =>
        failed(
          new TunnelError(
            "BACKEND_DOWN",
            message("the far end did not say in {0} s whether its backend is there: probably it is still connecting to it", Math.round(timeoutMs / 1000)),
          ),
        ),
      timeoutMs,
    );
    signal.addEventListener("abort", aborted, { once: true });
    session.start();
    if (session.isClosed) {
      failed(
        session.error ??
          new TunnelError(
            "PEER_CLOSED",
            message("the far end closed the connection before it said whether its backend is there: probably it is being stopped"),
          ),
      );
      return;
    }
    const stream = session.openStream();
    let said: Uint8Array = new Uint8Array(0);
    stream.user = {
      onData(bytes) {
        session.consumed(stream, bytes.length);
        said = concat([said, bytes]);
        try {
          const status = readStatus(said);
          if (status.is === "connected") settle({ link: streamLink({ stream, session, rest: status.rest }) });
          else if (status.is === "refused") failed(status.error, true);
        } catch (error) {
          if (!(error instanceof TunnelError)) throw error;
          failed(error);
        }
      },
      onEnd: () =>
        failed(
          new TunnelError(
            "BACKEND_DOWN",
            message("the far end ended the connection before it said whether its backend is there: probably it is being stopped"),
          ),
        ),
      onReset: (by) =>
        failed(
          (by === "session" ? session.error : undefined) ??
            new TunnelError(
              "BACKEND_DOWN",
              message("the far end reset the connection before it said whether its backend is there: probably it is being stopped"),
            ),
        ),
      onWritable() {},
    };
    stream.write(writeTarget(backend));
  });
}
