/**
 * What happens on a connection before it is open: the target is looked up and
 * dialled, and the handshake is made on the wire; in a client role a second time
 * where the far side closed and left its reason open (proof-doubt.ts).
 * `connection.ts` keeps the phase and decides on the order and on failures.
 *
 *     client:  reach ──► connected, handshake ──► verified, or a session of the native wire
 *                │└──◄──────────────┘  once
 *                └──► a session that is there
 *     server:  handshake ──► verified, then reach ──► connected
 *
 * Owns the wire until the connection takes it over, its timers, and `stop`, which
 * ends everything that waits.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { SpipedHandshake } from "../protocol/handshake.ts";
import type { SharedKey } from "../protocol/keys.ts";
import { type ClientQuestion, negotiate, type ServerAnswer } from "../protocol/negotiation.ts";
import type { Begun, Handshake } from "../protocol/wire.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { type Dialled, dial } from "./dial.ts";
import {
  forwardSecrecyWanted,
  handshakeBroken,
  nativeBroken,
  perhapsFull,
  perhapsStrange,
  plainClient,
  sameAsLook,
  strangeServer,
  surelyPlainClient,
} from "./evidence.ts";
import { type NativeSession, SESSION_HOLDS_BYTES } from "./native-session.ts";
import type { WireQuestion } from "./native-way.ts";
import { resetSocket } from "./plain-side.ts";
import { ProofDoubt } from "./proof-doubt.ts";
import type { Route } from "./route.ts";
import type { LookResult, SecondLook } from "./second-look.ts";
import { record } from "./stats.ts";
import type { ResolvedAddress } from "./target.ts";
import { type HandshakeBreak, type HandshakeDone, type NativeDone, WireHandshake } from "./wire-handshake.ts";

/** What an opening needs, and its callbacks; none is called after `stop`. */
export interface OpeningOptions {
  readonly settings: ConnectionSettings;
  /** Client role: the memory of looks at this far side. */
  readonly memory: SecondLook | undefined;
  /** Whether an address is the one where this connection came in. */
  readonly leadsBack: (address: ResolvedAddress) => boolean;
  /** The connection dials once more, for a second look. */
  readonly onDialling: () => void;
  /** The target is reached. */
  readonly onConnected: (socket: net.Socket) => void;
  /** Client role: there is a session of the native wire, and a stream can be opened on it. */
  readonly onSession: (session: NativeSession) => void;
  /** The other end holds the key and speaks the native wire; the caller takes the wire over (`releaseWire`). Like `onVerified` otherwise. */
  readonly onNative: (step: NativeDone, tookMs: number) => void;
  /** The other end holds the key. The wire is paused, and `step.rest` is not put back. */
  readonly onVerified: (step: HandshakeDone, tookMs: number) => void;
  readonly onFailed: (error: TunnelError) => void;
  /** Server role: a client with the key, who speaks the native wire, asks for a session. @throws TunnelError the client is refused */
  readonly onAsked: (question: ClientQuestion) => ServerAnswer | "elsewhere";
  /** Server role: the client asks for a session of another process; the caller takes the wire over (`releaseWire`). */
  readonly onElsewhere: (begun: Begun) => void;
  /** Bytes that went over the wire each way. */
  readonly onBytes: (count: { readonly inBytes: number; readonly outBytes: number }) => void;
  /** Errors of the wire, as long as the wire has an owner: the connection gets them to its very end. */
  readonly onWireError: (error: NodeJS.ErrnoException) => void;
}

/** Our choice: MySQL counts a connect that loses the race towards max_connect_errors, so a backend is tried alone for longer. */
const BACKEND_ALONE_MS = 2_000;

/** Our choice: when we connect again to a far side that closed without a byte; random, so that several connections spread out. */
const AGAIN_SOON_MS = { least: 50, most: 250 };

/** Made once: an error of its own for each connection costs more than all else that ends it. */
const STOPPED = new DOMException("the connection is over", "AbortError");

/** See the file's header. */
export class Opening {
  readonly #options: OpeningOptions;
  #isOver = false;
  /** Made when there is something to abort: a stream on a session that is there needs none. */
  #abort: AbortController | undefined;
  readonly #doubt: ProofDoubt;
  /** Set once known: in a client role when it dials, in a server role only after its handshake. */
  #route: Route | undefined;
  #wire: net.Socket | undefined;
  #handshake: WireHandshake | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** Client role: others wait to hear which wire the far side speaks. */
  #question: WireQuestion | undefined;
  /** Client role: the far side, which spoke native before, has sent a nonce without a hint, and is asked once more. */
  #asksAgain = false;

  constructor(options: OpeningOptions) {
    this.#options = options;
    this.#doubt = new ProofDoubt({ memory: options.memory, handshakeTimeoutMs: options.settings.handshakeTimeoutMs });
  }

  /** The encrypted side; undefined before there is one. */
  get wire(): net.Socket | undefined {
    return this.#wire;
  }

  /** The connection is over, with `error` if it failed. Lets go of the wire without closing it. */
  stop(error: TunnelError | undefined): void {
    clearTimeout(this.#timer);
    this.#isOver = true;
    this.#abort?.abort(STOPPED);
    this.#handshake?.stop();
    this.#question?.ended();
    this.#doubt.ended(error);
  }

  /** Gives the wire away: its errors and its end are somebody else's from now on. */
  releaseWire(): net.Socket {
    const wire = this.#wire as net.Socket;
    wire.removeListener("error", this.#options.onWireError);
    this.#wire = undefined;
    return wire;
  }

  /** Looks the target of `route` up and dials it. */
  async reach(route: Route): Promise<void> {
    this.#route = route;
    const { clock, connectTimeoutMs } = this.#options.settings;
    try {
      const session = await this.#sessionOf(route);
      if (this.#isStopped()) return;
      if (session) {
        this.#options.onSession(session);
        return;
      }
      const startMs = clock.monotonicMs();
      const addresses = await route.target.addressesWithin(connectTimeoutMs, { signal: this.#signal });
      if (this.#isStopped()) return;
      const connectMs = clock.monotonicMs();
      const { socket, address } = await this.#connect(route, addresses);
      if (this.#isStopped()) {
        resetSocket(socket);
        return;
      }
      route.target.noteGood(address);
      record(route.stats.dial, clock.monotonicMs() - startMs);
      this.#doubt.connected(clock.monotonicMs() - connectMs);
      this.#options.onConnected(socket);
    } catch (error) {
      if (!this.#isStopped()) this.#options.onFailed(route.target.failure(error));
    }
  }

  /** Client role: a session of the native wire, if there is one or another connection makes one now. */
  async #sessionOf({ native }: Route): Promise<NativeSession | undefined> {
    if (!native || this.#asksAgain) return undefined;
    const present = native.session ?? (await native.whenUsable(this.#options.settings.connectTimeoutMs, () => this.#signal));
    if (present || this.#isStopped()) return present;
    if (native.asking === undefined) {
      this.#question = native.ask();
      return undefined;
    }
    await native.asking;
    return native.session;
  }

  /** Dials the addresses that do not lead back to us; a name may have addresses of ours and of others. */
  async #connect(route: Route, addresses: readonly ResolvedAddress[]): Promise<Dialled> {
    const elsewhere = addresses.filter((address) => !this.#options.leadsBack(address));
    const { role, connectTimeoutMs } = this.#options.settings;
    const how = { timeoutMs: connectTimeoutMs, bind: route.bind, signal: this.#signal };
    const options = { addresses: elsewhere, ...how, ...(role === "server" && { aloneMs: BACKEND_ALONE_MS }) };
    if (elsewhere.length === addresses.length) return await dial(options);
    try {
      return await dial(options);
    } catch (cause) {
      const text = message('"{0}" would lead to itself: {1} is its own listen address, correct its target', route.name, route.target.text);
      throw new TunnelError("CONFIG_INVALID", text, { cause });
    }
  }

  /** Makes the handshake on `wire`, and owns the wire from now on. `routes`: their keys count. `begun`: by another process. */
  handshake(wire: net.Socket, routes: readonly Route[], begun?: Begun): void {
    const { settings, onBytes, onWireError, onElsewhere } = this.#options;
    const { role, handshakeTimeoutMs, clock } = settings;
    this.#wire = wire;
    wire.on("error", onWireError);
    const startMs = clock.monotonicMs();
    const { holdProofMs } = this.#doubt;
    const running = new WireHandshake({
      wire,
      handshake: this.#makeHandshake(routes, begun),
      clock,
      timeoutMs: handshakeTimeoutMs,
      ...(holdProofMs && { holdProofMs }),
      onBytes,
      onNative: (step) => {
        this.#doubt.ended("works");
        this.#options.onNative(step, clock.monotonicMs() - startMs);
        this.#question?.ended();
      },
      onElsewhere,
      onDone: (step) => this.#onDone(step, clock.monotonicMs() - startMs - running.heldMs),
      onFailed: (error) => this.#onFailed(error),
      explainBreak: (broken) => (role === "server" ? handshakeBroken({ role, ...broken, verifiedBefore: false }) : this.#explain(broken)),
      ...(role === "server"
        ? { refuseEarly: surelyPlainClient, recognise: plainClient }
        : { refuseEarly: strangeServer, recognise: (head, error) => perhapsStrange(head, perhapsFull(head, error, this.#before)) }),
    });
    this.#handshake = running;
    running.start();
  }

  /** spiped's handshake, or one that begins with the question which wire is spoken. `routes`: their keys count. */
  #makeHandshake(routes: readonly Route[], begun: Begun | undefined): Handshake {
    const { role, suite, random, native, pairs, forwardSecrecy } = this.#options.settings;
    const keysOf = ({ keys }: Route): readonly SharedKey[] => (role === "client" ? keys.slice(0, 1) : keys);
    const keys = routes.flatMap(keysOf);
    const wires = routes.flatMap((route) => keysOf(route).map(() => route.wire ?? "spiped"));
    const options = { role, suite, random, keys, pairs, forwardSecrecy: this.#doubt.triesForwardSecrecy ? ("prefer" as const) : forwardSecrecy };
    if (!native || wires.every((wire) => wire === "spiped")) return new SpipedHandshake(options);
    return negotiate({
      ...{ ...options, noise: native.noise, wires, expectsNative: this.#route?.native?.isNative === true && !this.#asksAgain },
      offer: () => ({ instance: native.instance, holdsBytes: SESSION_HOLDS_BYTES, keepsMs: this.#route?.keepsMs ?? 0 }),
      answer: (question) => this.#options.onAsked(question),
      begun,
    });
  }

  /** A far side that spoke native before is asked once more before it is believed that it speaks spiped's wire now. */
  #onFailed(error: TunnelError): void {
    if (error.code !== "WIRE_REFUSED" || this.#route?.wire === "native" || this.#asksAgain) {
      this.#options.onFailed(error);
      return;
    }
    this.#asksAgain = true;
    this.#question?.ended();
    this.#leaveWire();
    this.#options.onDialling();
    void this.reach(this.#route as Route);
  }

  /** C5 or S4 has succeeded: the other end holds the key. */
  #onDone(step: HandshakeDone, tookMs: number): void {
    this.#route?.native?.noteSpiped();
    this.#question?.ended();
    if (this.#doubt.triesForwardSecrecy) {
      step.channel.wipe();
      this.#options.onFailed(forwardSecrecyWanted());
      return;
    }
    this.#doubt.ended("works");
    this.#options.onVerified(step, tookMs);
  }

  /** What this way to the far side has shown before. */
  get #before(): { readonly verifiedBefore: boolean } {
    return { verifiedBefore: this.#route?.stats.keyVerifiedAtMs !== undefined };
  }

  /** Client role: the far side has gone in the middle of the handshake. The failure to report; undefined: a look for the cause is under way. */
  #explain(broken: HandshakeBreak): TunnelError | undefined {
    const { settings, onDialling } = this.#options;
    this.#question?.ended();
    if (broken.wire === "native") {
      return nativeBroken();
    }
    const next = this.#doubt.next(broken, { ...this.#before, forwardSecrecy: settings.forwardSecrecy });
    switch (next.do) {
      case "say":
        return next.error;
      case "again":
        this.#leaveWire();
        onDialling();
        this.#timer = setTimeout(() => void this.reach(this.#route as Route), next.when === "soon" ? this.#randomMs(AGAIN_SOON_MS) : 0);
        return undefined;
      case "wait":
        this.#leaveWire();
        void next.result.then((result) => this.#explainLater(broken, result));
        return undefined;
    }
  }

  #randomMs({ least, most }: { readonly least: number; readonly most: number }): number {
    return least + ((most - least) * (this.#options.settings.random(1)[0] ?? 0)) / 256;
  }

  /** Another connection has looked; if it gave up, we look ourselves. */
  #explainLater(broken: HandshakeBreak, result: LookResult): void {
    if (this.#isStopped()) return;
    const error = result ? sameAsLook(result) : this.#explain(broken);
    if (error) this.#options.onFailed(error);
  }

  #leaveWire(): void {
    this.#wire?.removeListener("error", this.#options.onWireError);
    this.#wire?.destroy();
    this.#wire = undefined;
  }

  get #signal(): AbortSignal {
    this.#abort ??= new AbortController();
    return this.#abort.signal;
  }

  #isStopped(): boolean {
    return this.#isOver;
  }
}
