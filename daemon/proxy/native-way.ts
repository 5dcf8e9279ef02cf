/**
 * The native wire from a client end: which wire its far side speaks, as far as is
 * known, and the one session that all its connections share.
 *
 *     unknown ──a nonce without a hint──► spiped      (each connection has its own, and hints again)
 *        └──a nonce with a hint──► native ──► session there ◄──► session gone
 *                                                 └──cut──► reconnecting ──► there, or gone
 *
 * While nobody knows, or the session is gone, one connection asks and the others
 * wait for its answer. While the session has lost its connection, newcomers wait
 * for it (reconnect.ts). Belongs to one way of a tunnel: `retire` or `close` it.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { type Dispose, withinTime } from "../../shared/time.ts";
import type { NativeConnection } from "./native-link.ts";
import { NativeSession, SESSION_HOLDS_BYTES } from "./native-session.ts";
import { type FarSide, Reconnect } from "./reconnect.ts";
import { countWire, type RouteStats } from "./stats.ts";

/** A question under way: call `ended` when the wire is known or the connection has failed. */
export interface WireQuestion {
  ended(): void;
}

/** A session that has lost its connection. */
export interface Reconnecting {
  /** Since when (wall clock). */
  readonly sinceMs: number;
  /** Connections of applications that it holds. */
  readonly streams: number;
  /** Why: the cut, or what the last attempt failed for. */
  readonly error: TunnelError;
}

/** What happens to a session, for those who show it. */
export type SessionNews =
  | { readonly what: "cut"; readonly streams: number; readonly error: TunnelError }
  | { readonly what: "back"; readonly streams: number; readonly afterMs: number }
  | { readonly what: "gone"; readonly streams: number; readonly error: TunnelError };

/** What those who watch a way are told. trying: a session still has no connection, for another reason than before. */
export type WayNews = SessionNews | { readonly what: "trying" };

/** Our choice: streams of one session; the listener's own limit is far lower. */
const MAX_STREAMS = 100_000;

/** What is kept beside a session. */
interface Held {
  readonly far: FarSide;
  readonly stats: RouteStats;
  reconnect: Reconnect | undefined;
  /** Since the cut (wall clock), and why it lasts. */
  cut: { readonly sinceMs: number; error: TunnelError } | undefined;
}

/** See the file's header. */
export class NativeWay {
  #session: NativeSession | undefined;
  /** All of them, those that take no more streams too. */
  readonly #sessions = new Map<NativeSession, Held>();
  #spoken: "unknown" | "spiped" | "native" = "unknown";
  #asking: Promise<void> | undefined;
  #isOver = false;
  readonly #whenEmpty: (() => void)[] = [];
  readonly #whenSettled: (() => void)[] = [];
  readonly #watchers = new Set<(news: WayNews) => void>();

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

  /** The session that has lost its connection and holds the most streams; undefined: there is none with any. */
  get reconnecting(): Reconnecting | undefined {
    let most: Reconnecting | undefined;
    for (const [session, { cut }] of this.#sessions) {
      if (cut && session.streams > (most?.streams ?? 0)) most = { sinceMs: cut.sinceMs, streams: session.streams, error: cut.error };
    }
    return most;
  }

  /** Tells `watcher` what happens to sessions until the result is called. */
  watch(watcher: (news: WayNews) => void): Dispose {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /**
   * The session, if there is one: one that has lost its connection is waited for.
   * @throws TunnelError why it has none after `timeoutMs`; the signal's reason
   */
  async whenUsable(timeoutMs: number, signal: () => AbortSignal): Promise<NativeSession | undefined> {
    const waited = this.#session;
    if (!waited?.wantsConnection) return this.session;
    const settled = new Promise<void>((resolve) => this.#whenSettled.push(resolve));
    const late = (): TunnelError => this.#sessions.get(waited)?.cut?.error ?? new TunnelError("CONNECT_TIMEOUT", message("the far end does not answer"));
    await withinTime(settled, { timeoutMs, late, signal: signal() });
    return this.session;
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

  /** Makes a session of a connection whose far side speaks native; the session to open a stream on now, which may be another. The key in `far` is copied. */
  adopt(start: NativeConnection, { far, stats }: { readonly far: FarSide; readonly stats: RouteStats }): NativeSession {
    this.#spoken = "native";
    const { settings, keepsMs } = far;
    const session: NativeSession = new NativeSession({
      ...start,
      role: "client",
      holdsBytes: SESSION_HOLDS_BYTES,
      keepsMs,
      maxStreams: MAX_STREAMS,
      clock: settings.clock,
      keepAlive: settings.keepAlive,
      // A far end opens no streams.
      onStream: (stream) => stream.reset(),
      onBytes: (inBytes, outBytes) => countWire(stats, inBytes, outBytes),
      onWaiting: (what, why) => this.#onWaiting(session, what, why),
      onBack: (how) => this.#onBack(session, how),
      onLeaving: () => this.#leaves(session),
      onClosed: (error, streams) => this.#closed(session, error, streams),
    });
    const present = this.session;
    this.#sessions.set(session, { far: { ...far, key: Uint8Array.from(far.key) }, stats, reconnect: undefined, cut: undefined });
    stats.sessions.open += 1;
    if (!present) this.#session = session;
    session.start();
    // The caller opens its stream first; a way that is over, or has a session, needs no other one after that.
    if (present || this.#isOver) queueMicrotask(() => session.goAway());
    return present ?? session;
  }

  /** The machine has slept, or its network has changed. */
  wake(): void {
    for (const [session, { reconnect }] of this.#sessions) {
      session.wake();
      reconnect?.now();
    }
  }

  /** Opens nothing more; resolves when the last stream is over. */
  async retire(): Promise<void> {
    this.#isOver = true;
    this.#session?.goAway();
    this.#giveUpIdle();
    if (this.#sessions.size > 0) await new Promise<void>((resolve) => this.#whenEmpty.push(resolve));
  }

  /** Ends every session now, except those that still have streams: whoever has these ends them, and the session with the last one. */
  close(): void {
    this.#isOver = true;
    for (const session of [...this.#sessions.keys()]) {
      if (session.streams === 0) session.close();
      else session.goAway();
    }
  }

  /** A session that has no connection and nothing to carry is not worth one. */
  #giveUpIdle(): void {
    for (const [session, { cut }] of [...this.#sessions]) if (cut && session.streams === 0) session.close();
  }

  #onWaiting(session: NativeSession, what: "cut" | "doubted", error: TunnelError): void {
    const held = this.#sessions.get(session);
    if (!held) return;
    if (what === "cut") this.#noteCut(session, held, error);
    // Somebody on the way has changed what was sent.
    if (error.code !== "TRUNCATED") held.stats.fail(error, held.far.settings.clock.wallMs());
    if (held.reconnect) {
      if (what === "cut") held.reconnect.now();
      return;
    }
    const reconnect = new Reconnect({
      session,
      far: held.far,
      onBytes: ({ inBytes, outBytes }) => countWire(held.stats, inBytes, outBytes),
      onFailed: (why) => {
        // The connection before may have been taken out for this attempt.
        if (session.isWaiting) this.#noteCut(session, held, why);
      },
      onDone: () => {
        held.reconnect = undefined;
        if (!session.isClosed && session.wantsConnection) this.#onWaiting(session, "doubted", error);
        else this.#settle();
      },
      onGone: (why, fresh) => {
        held.reconnect = undefined;
        // It was only doubted until now.
        if (!held.cut) this.#noteCut(session, held, why);
        if (fresh) this.#replace(session, held, fresh);
        session.close(why);
      },
    });
    held.reconnect = reconnect;
    reconnect.start();
  }

  #noteCut(session: NativeSession, held: Held, error: TunnelError): void {
    if (held.cut) {
      const isNew = held.cut.error.code !== error.code;
      held.cut.error = error;
      if (isNew) this.#tell({ what: "trying" });
      return;
    }
    held.cut = { sinceMs: held.far.settings.clock.wallMs(), error };
    held.stats.sessions.waiting += 1;
    this.#tell({ what: "cut", streams: session.streams, error });
  }

  #onBack(session: NativeSession, how: "taken up" | "alive"): void {
    const held = this.#sessions.get(session);
    if (held && how === "taken up") held.stats.sessions.resumed += 1;
    if (held?.cut) {
      const afterMs = held.far.settings.clock.wallMs() - held.cut.sinceMs;
      this.#endCut(held);
      this.#tell({ what: "back", streams: session.streams, afterMs });
    }
    this.#settle();
  }

  #endCut(held: Held): void {
    if (held.cut) held.stats.sessions.waiting -= 1;
    held.cut = undefined;
  }

  /** The far end has given a new session in place of one that it does not know. */
  #replace(session: NativeSession, { far, stats }: Held, fresh: NativeConnection): void {
    if (this.#session === session) this.#session = undefined;
    this.adopt(fresh, { far, stats });
  }

  #leaves(session: NativeSession): void {
    if (this.#session === session) this.#session = undefined;
    this.#settle();
  }

  #closed(session: NativeSession, error: TunnelError | undefined, streams: number): void {
    const held = this.#sessions.get(session);
    this.#sessions.delete(session);
    if (this.#session === session) this.#session = undefined;
    if (held) {
      held.reconnect?.stop();
      held.stats.sessions.open -= 1;
      if (held.cut) {
        held.stats.sessions.gone += 1;
        this.#endCut(held);
        this.#tell({ what: "gone", streams, error: error ?? new TunnelError("TRUNCATED", message("the session with the other end was ended")) });
      }
      held.far.key.fill(0);
    }
    this.#settle();
    if (this.#sessions.size > 0) return;
    for (const resolve of this.#whenEmpty.splice(0)) resolve();
  }

  #settle(): void {
    if (this.#session?.wantsConnection) return;
    for (const resolve of this.#whenSettled.splice(0)) resolve();
  }

  #tell(news: WayNews): void {
    for (const watcher of this.#watchers) watcher(news);
  }
}
