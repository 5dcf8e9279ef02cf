/**
 * The sessions of the native wire at one port of a server role: each belongs to
 * the key that was proved, and its streams go where that key's entry leads when
 * they are opened. A session whose key is gone takes no more streams.
 */
import { TunnelError } from "../../shared/errors.ts";
import { type AskedTarget, askedText } from "../../shared/far-target.ts";
import { message } from "../../shared/message.ts";
import type { SharedKey } from "../protocol/keys.ts";
import type { SessionStart } from "./connection.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { targetRefused } from "./far-targets.ts";
import { IncomingStream } from "./incoming-stream.ts";
import { NativeSession, SESSION_HOLDS_BYTES } from "./native-session.ts";
import type { Route } from "./route.ts";

/** What the port does about them. */
export interface ServerSessionsOptions {
  /** The routes of the port as they are now. */
  readonly routes: () => readonly Route[];
  /** A stream for `route` wants a connection to the backend. */
  readonly serve: (incoming: IncomingStream, at: { readonly route: Route; readonly peer: string; readonly settings: ConnectionSettings }) => void;
  readonly failed: (error: TunnelError, at: { readonly route: Route; readonly peer: string }) => void;
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
}

/** See the file's header. `close` it. */
export class ServerSessions {
  readonly #options: ServerSessionsOptions;
  readonly #sessions = new Map<NativeSession, Held>();

  constructor(options: ServerSessionsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#sessions.size;
  }

  /** Goes on with a wire whose handshake has ended. */
  add(start: SessionStart, { route, peer, settings }: { readonly route: Route; readonly peer: string; readonly settings: ConnectionSettings }): void {
    const { key, ...wire } = start;
    const session: NativeSession = new NativeSession({
      ...wire,
      role: "server",
      holdsBytes: SESSION_HOLDS_BYTES,
      maxStreams: Math.min(MAX_STREAMS, route.maxConnections + SPARE_STREAMS),
      clock: settings.clock,
      keepAlive: settings.keepAlive,
      onStream: (stream) => {
        new IncomingStream(stream, session, {
          onTarget: (incoming, asked) => void this.#serve(incoming, { asked, peer, settings }),
          onStrangeTarget: (incoming) => this.#refuseTarget(incoming, peer),
          onGone: () => {},
        });
      },
      onBytes: (inBytes, outBytes) => {
        route.stats.wireInBytes += inBytes;
        route.stats.wireOutBytes += outBytes;
      },
      onLeaving: () => {},
      onClosed: (error) => {
        this.#sessions.get(session)?.key.fill(0);
        this.#sessions.delete(session);
        if (error && error.code !== "TRUNCATED") this.#options.failed(error, { route, peer });
      },
    });
    const hasRoom = this.#makeRoom(route);
    this.#sessions.set(session, { key: Uint8Array.from(key), name: route.name });
    session.start();
    if (hasRoom) return;
    const text = message('"{0}" has its {1} sessions: the other end opens too many', route.name, route.maxConnections + SPARE_SESSIONS);
    session.close(new TunnelError("LIMIT_REACHED", text));
  }

  /** The routes have changed: sessions whose key leads nowhere any more take no more streams. */
  refresh(): void {
    for (const session of [...this.#sessions.keys()]) {
      if (!this.#routeOf(session)) session.goAway();
    }
  }

  /** No more streams, on any of them, or on those that `of` names; each ends with its last stream. */
  goAway(): void {
    for (const session of [...this.#sessions.keys()]) session.goAway();
  }

  /** Ends all of them, after their last words. */
  close(): void {
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
    return this.#options.routes().find((route) => route.wire !== "spiped" && route.keys.some((key) => sameKey(key, held.key)));
  }

  /** Whether one more session of `route` may stay; an idle one gives way to it. */
  #makeRoom({ name, maxConnections }: Route): boolean {
    const own = [...this.#sessions].filter(([, held]) => held.name === name).map(([session]) => session);
    if (own.length < maxConnections + SPARE_SESSIONS) return true;
    const idle = own.find(({ streams }) => streams === 0);
    idle?.goAway();
    return idle !== undefined;
  }
}

/** Both are ours: nobody learns anything from the time this takes. */
function sameKey(a: SharedKey, b: SharedKey): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
