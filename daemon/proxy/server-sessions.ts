/**
 * The sessions of the native wire at one port of a server role: each belongs to
 * the key that was proved, and its streams go where that key's entry leads when
 * they are opened. A session whose key is gone takes no more streams. One that has
 * lost its connection waits for its client (waiting-sessions.ts).
 */
import { TunnelError } from "../../shared/errors.ts";
import { type AskedTarget, askedText } from "../../shared/far-target.ts";
import { message } from "../../shared/message.ts";
import { type SharedKey, sameBytes } from "../protocol/keys.ts";
import { NAME_BYTES, SECRET_BYTES } from "../protocol/native-hello.ts";
import type { ClientQuestion, ServerAnswer } from "../protocol/negotiation.ts";
import type { SessionStart } from "./connection.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { targetRefused } from "./far-targets.ts";
import { sessionName } from "./generations.ts";
import { IncomingStream } from "./incoming-stream.ts";
import type { NativeConnection } from "./native-link.ts";
import { NativeSession, SESSION_HOLDS_BYTES } from "./native-session.ts";
import type { SessionNews } from "./native-way.ts";
import type { Route } from "./route.ts";
import { countWire, type RouteStats } from "./stats.ts";
import { ownWaitingSessions, type WaitingSessions } from "./waiting-sessions.ts";

/** What the port does about them. */
export interface ServerSessionsOptions {
  /** The routes of the port as they are now. */
  readonly routes: () => readonly Route[];
  /** A stream for `route` wants a connection to the backend. */
  readonly serve: (incoming: IncomingStream, at: { readonly route: Route; readonly peer: string; readonly settings: ConnectionSettings }) => void;
  readonly failed: (error: TunnelError, at: { readonly route: Route; readonly peer: string }) => void;
  /** A session has lost its connection, or has one again, or was given up. */
  readonly news: (news: SessionNews, at: { readonly route: Route; readonly peer: string }) => void;
  /** Default: this process's. */
  readonly waiting?: WaitingSessions | undefined;
}

/** Our choice: sessions of one entry beyond its limit of connections; a client end needs one, and a second one while it changes. */
const SPARE_SESSIONS = 16;

/** Our choice: streams of a session beyond the entry's limit of connections, so that these are refused with a reason. */
const SPARE_STREAMS = 256;
const MAX_STREAMS = 100_000;

/** Our choice: how long a session that was told to end has for its last words. */
const LAST_WORDS_MS = 2_000;

interface Held {
  /** A copy: the entry's own is overwritten when its tunnel closes. */
  readonly key: SharedKey;
  readonly name: string;
  /** Counters of the entry as it was when the session began. */
  readonly stats: RouteStats;
  /** Where its present connection came from. */
  peer: string;
  /** When it lost its connection (wall clock). */
  cutAtMs: number | undefined;
}

/** See the file's header. `close` it. */
export class ServerSessions {
  readonly #options: ServerSessionsOptions;
  readonly #sessions = new Map<NativeSession, Held>();
  readonly #waiting: WaitingSessions;
  /** No new sessions. */
  #isClosing = false;

  constructor(options: ServerSessionsOptions) {
    this.#options = options;
    this.#waiting = options.waiting ?? ownWaitingSessions;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /**
   * What a client that holds `key` gets: the session that it asks for, if it knows that session's secret, else a new one. A
   * session is given to the entry and key that opened it. "elsewhere": it is one of a process before this one, which asks for the
   * proof itself.
   * @throws TunnelError the client is refused; the session that it asks for is as it was
   */
  answer(
    { takesUp }: ClientQuestion,
    { route, key, settings }: { readonly route: Route; readonly key: SharedKey; readonly settings: ConnectionSettings },
  ): ServerAnswer | "elsewhere" {
    const { random, native } = settings;
    if (!native) throw new RangeError("only spiped's wire is spoken here");
    const about = { holdsBytes: SESSION_HOLDS_BYTES, keepsMs: route.keepsMs ?? 0 };
    if (takesUp) {
      const session = this.#askedFor(takesUp.session, { route, key });
      if (session && takesUp.isProved(session.secret)) {
        return { ...about, session: session.name, secret: session.secret, receivedBytes: session.giveTo(takesUp) };
      }
      if (native.generations?.isBefore(takesUp.session) === true) return "elsewhere";
      route.stats.sessions.gone += 1;
    }
    return { ...about, session: sessionName(native.instance, random(NAME_BYTES)), secret: random(SECRET_BYTES) };
  }

  /** Goes on with a wire whose handshake has ended, as `answer` has said. */
  add(start: SessionStart, { route, peer, settings }: { readonly route: Route; readonly peer: string; readonly settings: ConnectionSettings }): void {
    const { key, ...wire } = start;
    const { name, takenUpAt } = start.native.session;
    if (takenUpAt === undefined) {
      this.#begin(wire, { key, route, peer, settings });
      return;
    }
    const session = this.#askedFor(name, { route, key });
    const held = session && this.#sessions.get(session);
    if (!held) {
      wire.wire.destroy();
      return;
    }
    held.peer = peer;
    // `answer` has checked what the client says of it.
    session.goOn(wire);
  }

  #begin(
    wire: NativeConnection,
    { key, route, peer, settings }: { readonly key: SharedKey; readonly route: Route; readonly peer: string; readonly settings: ConnectionSettings },
  ): void {
    const { stats } = route;
    const held: Held = { key: Uint8Array.from(key), name: route.name, stats, peer, cutAtMs: undefined };
    const session: NativeSession = new NativeSession({
      ...wire,
      role: "server",
      holdsBytes: SESSION_HOLDS_BYTES,
      keepsMs: route.keepsMs ?? 0,
      maxStreams: Math.min(MAX_STREAMS, route.maxConnections + SPARE_STREAMS),
      clock: settings.clock,
      keepAlive: settings.keepAlive,
      onStream: (stream) => {
        new IncomingStream(stream, session, {
          onTarget: (incoming, asked) => void this.#serve(incoming, { asked, peer: held.peer, settings }),
          onStrangeTarget: (incoming) => this.#refuseTarget(incoming, held.peer),
          onGone: () => {},
        });
      },
      onBytes: (inBytes, outBytes) => countWire(stats, inBytes, outBytes),
      onWaiting: (what, error) => {
        if (what === "cut") this.#onCut(session, { held, route, error, settings });
      },
      onBack: (how) => {
        if (how === "taken up") this.#onBack(session, { held, route, atMs: settings.clock.wallMs() });
      },
      onLeaving: () => {},
      onClosed: (error, streams) => {
        const wasCut = held.cutAtMs !== undefined;
        this.#uncut(session, held);
        held.key.fill(0);
        this.#sessions.delete(session);
        stats.sessions.open -= 1;
        if (wasCut) {
          stats.sessions.gone += 1;
          if (streams > 0 && error) this.#options.news({ what: "gone", streams, error }, { route, peer: held.peer });
        } else if (error && error.code !== "TRUNCATED") {
          this.#options.failed(error, { route, peer: held.peer });
        }
      },
    });
    const hasRoom = this.#makeRoom(route);
    this.#sessions.set(session, held);
    stats.sessions.open += 1;
    session.start();
    if (hasRoom) return;
    const text = message('"{0}" has its {1} sessions: the other end opens too many', route.name, route.maxConnections + SPARE_SESSIONS);
    session.close(new TunnelError("LIMIT_REACHED", text));
  }

  #onCut(
    session: NativeSession,
    { held, route, error, settings }: { readonly held: Held; readonly route: Route; readonly error: TunnelError; readonly settings: ConnectionSettings },
  ): void {
    if (error.code !== "TRUNCATED") this.#options.failed(error, { route, peer: held.peer });
    held.cutAtMs = settings.clock.wallMs();
    held.stats.sessions.waiting += 1;
    if (!this.#mayComeBack(settings) || !this.#routeOf(session)) {
      session.close(error);
      return;
    }
    if (session.streams > 0) this.#options.news({ what: "cut", streams: session.streams, error }, { route, peer: held.peer });
    this.#waiting.enter(session, () => session.close(new TunnelError("LIMIT_REACHED", message("the session gave way to others: it had no connection"))));
  }

  #onBack(session: NativeSession, { held, route, atMs }: { readonly held: Held; readonly route: Route; readonly atMs: number }): void {
    const afterMs = held.cutAtMs === undefined ? 0 : atMs - held.cutAtMs;
    const wasSaid = held.cutAtMs !== undefined && session.streams > 0;
    this.#uncut(session, held);
    held.stats.sessions.resumed += 1;
    if (wasSaid) this.#options.news({ what: "back", streams: session.streams, afterMs }, { route, peer: held.peer });
  }

  #uncut(session: NativeSession, held: Held): void {
    if (held.cutAtMs !== undefined) held.stats.sessions.waiting -= 1;
    held.cutAtMs = undefined;
    this.#waiting.leave(session);
  }

  /** A session of `route` and `key` by its name, if it can be given to a client. */
  #askedFor(name: Uint8Array, { route, key }: { readonly route: Route; readonly key: SharedKey }): NativeSession | undefined {
    for (const [session, held] of this.#sessions) {
      if (sameBytes(session.name, name)) return session.canBeTakenUp && held.name === route.name && sameBytes(held.key, key) ? session : undefined;
    }
    return undefined;
  }

  /** The connections of an entry have reached its limit: the session of it that has waited longest without a connection goes. False: there is none with any. */
  giveWay({ name }: Route): boolean {
    return this.#waiting.giveUpOne((session) => session.streams > 0 && this.#sessions.get(session)?.name === name);
  }

  /** The routes have changed: sessions whose key leads nowhere any more take no more streams. */
  refresh(): void {
    for (const session of [...this.#sessions.keys()]) {
      if (this.#routeOf(session)) continue;
      if (!session.isWaiting) session.goAway();
      else session.close(new TunnelError("TRUNCATED", message("the session's key is not taken any more")));
    }
  }

  /** Whether the client of a session can still reach it on another connection. */
  #mayComeBack({ native }: ConnectionSettings): boolean {
    return !this.#isClosing || native?.generations?.hasSuccessor === true;
  }

  /** No more streams, on any of them; each ends with its last stream, and one that nobody can come back to with its connection. */
  goAway(settings: ConnectionSettings): void {
    this.#isClosing = true;
    for (const session of [...this.#sessions.keys()]) {
      if (!session.isWaiting || (session.streams > 0 && this.#mayComeBack(settings))) session.goAway();
      else session.close(new TunnelError("TRUNCATED", message("the session had no connection when the far end stopped listening")));
    }
  }

  /** Ends all of them, after their last words. */
  close(): void {
    this.#isClosing = true;
    for (const session of [...this.#sessions.keys()]) {
      session.goAway();
      if (!session.isClosed) setTimeout(() => session.close(), LAST_WORDS_MS).unref();
    }
  }

  /** The rights are those that the key's entry has now. */
  async #serve(
    incoming: IncomingStream,
    { asked, ...at }: { readonly asked: AskedTarget | undefined; readonly peer: string; readonly settings: ConnectionSettings },
  ): Promise<void> {
    const route = this.#routeOf(incoming.session);
    if (!route) {
      incoming.stream.reset();
      return;
    }
    if (!asked) {
      this.#options.serve(incoming, { route, ...at });
      return;
    }
    try {
      if (!route.others) throw targetRefused(asked);
      const target = await route.others.find(asked);
      if (!incoming.stream.isOver) this.#options.serve(incoming, { route: { ...route, target, isOther: true }, ...at });
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#options.failed(error, { route: { ...route, isOther: true }, peer: at.peer });
      incoming.refuse(error, askedText(asked));
    }
  }

  #refuseTarget(incoming: IncomingStream, peer: string): void {
    const route = this.#routeOf(incoming.session);
    const error = new TunnelError("TARGET_REFUSED", message("a client asked for a target in a form that this version does not know: it is newer, or not ours"));
    if (route) this.#options.failed(error, { route: { ...route, isOther: true }, peer });
    incoming.refuse(error, "");
  }

  #routeOf(session: NativeSession): Route | undefined {
    const held = this.#sessions.get(session);
    if (!held) return undefined;
    return this.#options.routes().find((route) => route.wire !== "spiped" && route.keys.some((key) => sameBytes(key, held.key)));
  }

  /** Whether one more session of `route` may stay; an idle one gives way to it. */
  #makeRoom({ name, maxConnections }: Route): boolean {
    const own = [...this.#sessions].filter(([, held]) => held.name === name).map(([session]) => session);
    if (own.length < maxConnections + SPARE_SESSIONS) return true;
    const idle = own.find(({ streams }) => streams === 0);
    idle?.goAway();
    return idle !== undefined || this.#waiting.giveUpOne((session) => this.#sessions.get(session)?.name === name);
  }
}
