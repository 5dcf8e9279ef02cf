/**
 * The native wire from a client end: which wire its far side speaks, as far as is
 * known, and the one session that all its connections share.
 *
 *     unknown ──a nonce without a hint──► spiped      (each connection has its own, and hints again)
 *        └──a nonce with a hint──► native ──► session there ◄──► session gone
 *
 * While nobody knows, or the session is gone, one connection asks and the others
 * wait for its answer. Belongs to one way of a tunnel: `retire` or `close` it.
 */
import type * as net from "node:net";
import type { NativeStart } from "../protocol/wire.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { NativeSession, SESSION_HOLDS_BYTES } from "./native-session.ts";
import type { RouteStats } from "./stats.ts";

/** A question under way: call `ended` when the wire is known or the connection has failed. */
export interface WireQuestion {
  ended(): void;
}

/** Our choice: streams of one session; the listener's own limit is far lower. */
const MAX_STREAMS = 100_000;

/** See the file's header. */
export class NativeWay {
  #session: NativeSession | undefined;
  /** Sessions that take no more streams. */
  readonly #leaving = new Set<NativeSession>();
  #spoken: "unknown" | "spiped" | "native" = "unknown";
  #asking: Promise<void> | undefined;
  #isOver = false;
  readonly #whenEmpty: (() => void)[] = [];

  /** Whether the far side spoke native the last time. */
  get isNative(): boolean {
    return this.#spoken === "native";
  }

  /** The session, if a stream can be opened on it. */
  get session(): NativeSession | undefined {
    return this.#session?.isUsable ? this.#session : undefined;
  }

  /** The answer that another connection waits for; undefined: nobody asks. */
  get asking(): Promise<void> | undefined {
    return this.#asking;
  }

  /** This connection dials. Others wait for it only where its answer is worth waiting for: not where each has its own connection anyway. */
  ask(): WireQuestion {
    if (this.#asking !== undefined || this.#spoken === "spiped") return { ended: () => {} };
    let settle = (): void => {};
    this.#asking = new Promise((resolve) => {
      settle = resolve;
    });
    return {
      ended: () => {
        this.#asking = undefined;
        settle();
      },
    };
  }

  /** The far side answered without a hint. */
  noteSpiped(): void {
    this.#spoken = "spiped";
  }

  /** Makes a session of a connection whose far side speaks native; the session to open a stream on now, which may be another. */
  adopt(
    start: { readonly wire: net.Socket; readonly native: NativeStart; readonly rest: Uint8Array },
    { settings, stats }: { readonly settings: ConnectionSettings; readonly stats: RouteStats },
  ): NativeSession {
    this.#spoken = "native";
    const session: NativeSession = new NativeSession({
      ...start,
      role: "client",
      holdsBytes: SESSION_HOLDS_BYTES,
      maxStreams: MAX_STREAMS,
      clock: settings.clock,
      keepAlive: settings.keepAlive,
      // A far end opens no streams.
      onStream: (stream) => stream.reset(),
      onBytes: (inBytes, outBytes) => {
        stats.wireInBytes += inBytes;
        stats.wireOutBytes += outBytes;
      },
      onLeaving: () => this.#leaves(session),
      onClosed: () => this.#closed(session),
    });
    const present = this.session;
    if (present) this.#leaving.add(session);
    else this.#session = session;
    session.start();
    // The caller opens its stream first; a way that is over, or has a session, needs no other one after that.
    if (present || this.#isOver) queueMicrotask(() => session.goAway());
    return present ?? session;
  }

  /** The machine has slept, or its network has changed. */
  wake(): void {
    this.#session?.wake();
  }

  /** Opens nothing more; resolves when the last stream is over. */
  async retire(): Promise<void> {
    this.#isOver = true;
    this.#session?.goAway();
    if (this.#session || this.#leaving.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Ends every session now, except those that still have streams: whoever has these ends them, and the session with the last one. */
  close(): void {
    this.#isOver = true;
    for (const session of [this.#session, ...this.#leaving]) {
      if (session?.streams === 0) session.close();
      else session?.goAway();
    }
  }

  #leaves(session: NativeSession): void {
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#leaving.add(session);
  }

  #closed(session: NativeSession): void {
    this.#leaving.delete(session);
    if (this.#session === session) this.#session = undefined;
    if (this.#session || this.#leaving.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }
}
