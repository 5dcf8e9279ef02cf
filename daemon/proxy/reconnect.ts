/**
 * Gives a client's session another connection: dials its far side again and again,
 * makes the handshake, and asks for the session.
 *
 *     dialling ──► nonces ──still wanted──► the connection before is taken out, message 1 ──► taken up
 *         ▲           │                                          ├──► gone: the far end knows it no more
 *         └──waiting──┴──◄── failed ─────────────────────────────┘
 *
 * One attempt at a time. TCP and nonces are made beside a connection that is only
 * doubted: if it answers after all, nothing was lost. Ends itself once it has a
 * result; `stop` it before.
 */
import type * as net from "node:net";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { Backoff, jittered } from "../../shared/time.ts";
import type { SharedKey } from "../protocol/keys.ts";
import { negotiate } from "../protocol/negotiation.ts";
import type { ConnectionSettings } from "./connection-settings.ts";
import { dial } from "./dial.ts";
import { nativeBroken } from "./evidence.ts";
import type { NativeConnection } from "./native-link.ts";
import { type NativeSession, SESSION_HOLDS_BYTES } from "./native-session.ts";
import { resetSocket } from "./plain-side.ts";
import type { ResolvedAddress, Target } from "./target.ts";
import { WireHandshake } from "./wire-handshake.ts";

/** The far side of a session, as its first connection reached it. */
export interface FarSide {
  readonly target: Target;
  readonly bind: ResolvedAddress | undefined;
  /** Owned by whoever owns this record. */
  readonly key: SharedKey;
  readonly keepsMs: number;
  readonly settings: ConnectionSettings;
}

/** What to reconnect, and the callbacks; one of them is called once, last. */
export interface ReconnectOptions {
  readonly session: NativeSession;
  readonly far: FarSide;
  readonly onBytes: (count: { readonly inBytes: number; readonly outBytes: number }) => void;
  /** An attempt has failed; there will be another. */
  readonly onFailed: (error: TunnelError) => void;
  /** The session has a connection again, or needs none any more. */
  readonly onDone: () => void;
  /** The session can't be taken up. `fresh`: a connection with a new session, which the far end has given in its place. */
  readonly onGone: (error: TunnelError, fresh: NativeConnection | undefined) => void;
}

/** The design's figures, before up to a quarter more by chance. */
const AGAIN_MS = { first: 200, most: 5_000 };

/** Our choice: a network that forgets a connection is noticed only by a limit; the entry's own counts if it is less. */
const ATTEMPT_MS = 10_000;

/** Our choice: answers without a hint before it is believed that the far side does not speak the native wire with our key any more. */
const REFUSALS = 3;

/** Not a failure: the connection before has answered. */
const NOT_WANTED = new TunnelError("PEER_CLOSED", message("the connection before is alive after all"));

const STOPPED = new DOMException("the session needs no connection", "AbortError");

/** See the file's header. Create, then `start`. */
export class Reconnect {
  readonly #options: ReconnectOptions;
  readonly #backoff = new Backoff(AGAIN_MS);
  readonly #abort = new AbortController();
  #timer: NodeJS.Timeout | undefined;
  #handshake: WireHandshake | undefined;
  #attempts = 0;
  #refusals = 0;

  constructor(options: ReconnectOptions) {
    this.#options = options;
  }

  start(): void {
    void this.#attempt();
  }

  /** The machine has woken, or its network has changed: does not wait any longer. */
  now(): void {
    if (!this.#timer) return;
    this.#backoff.reset();
    clearTimeout(this.#timer);
    void this.#attempt();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#abort.abort(STOPPED);
    this.#handshake?.stop();
  }

  async #attempt(): Promise<void> {
    this.#timer = undefined;
    const { session, far } = this.#options;
    if (!session.wantsConnection) {
      this.#end(() => this.#options.onDone());
      return;
    }
    try {
      const wire = await this.#dial(far);
      if (this.#abort.signal.aborted) resetSocket(wire);
      else this.#shake(wire);
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#failed(far.target.failure(error));
    }
  }

  /** The address that worked last comes first; its name is looked up again from the second attempt on. */
  async #dial({ target, bind, settings }: FarSide): Promise<net.Socket> {
    const timeoutMs = Math.min(settings.connectTimeoutMs, ATTEMPT_MS);
    const { signal } = this.#abort;
    this.#attempts += 1;
    const addresses = await target.addressesWithin(timeoutMs, { signal, afresh: this.#attempts > 1 });
    const { socket, address } = await dial({ addresses, timeoutMs, bind, signal });
    target.noteGood(address);
    return socket;
  }

  #shake(wire: net.Socket): void {
    const { session, far, onBytes } = this.#options;
    const { suite, random, native, clock, handshakeTimeoutMs } = far.settings;
    if (!native) throw new RangeError("the native wire is needed");
    wire.on("error", () => {});
    const leave = (): void => {
      wire.destroy();
      this.#handshake = undefined;
    };
    const running = new WireHandshake({
      wire,
      clock,
      onBytes,
      timeoutMs: Math.min(handshakeTimeoutMs, ATTEMPT_MS),
      handshake: negotiate({
        ...{ role: "client", suite, random, noise: native.noise, keys: [far.key], wires: ["native"], forwardSecrecy: "require" },
        expectsNative: true,
        offer: () => {
          if (!session.wantsConnection) throw NOT_WANTED;
          return { instance: native.instance, holdsBytes: SESSION_HOLDS_BYTES, keepsMs: far.keepsMs, takesUp: session.askAgain() };
        },
      }),
      onNative: (step) => {
        this.#handshake = undefined;
        this.#onNative({ wire, native: step.native, rest: step.rest });
      },
      // Only the native wire is taken: see `wires`.
      onDone: (step) => {
        step.channel.wipe();
        leave();
      },
      onFailed: (error) => {
        leave();
        this.#failed(error);
      },
      explainBreak: nativeBroken,
    });
    this.#handshake = running;
    running.start();
  }

  #onNative(connection: NativeConnection): void {
    const { session, onDone, onGone } = this.#options;
    if (connection.native.session.takenUpAt === undefined) {
      const error = new TunnelError("TRUNCATED", message("the far end knows the session no more: it was restarted, or has given the session up"));
      this.#end(() => onGone(error, connection));
      return;
    }
    try {
      session.goOn(connection);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      this.#failed(error);
      return;
    }
    this.#end(onDone);
  }

  #failed(error: TunnelError): void {
    const { session, far, onFailed, onDone, onGone } = this.#options;
    if (error === NOT_WANTED || session.isClosed) {
      this.#end(onDone);
      return;
    }
    this.#refusals = error.code === "WIRE_REFUSED" ? this.#refusals + 1 : 0;
    if (this.#refusals >= REFUSALS) {
      this.#end(() => onGone(error, undefined));
      return;
    }
    onFailed(error);
    const share = (far.settings.random(1)[0] ?? 0) / 256;
    this.#timer = setTimeout(() => void this.#attempt(), jittered(this.#backoff.next(), share));
  }

  #end(tell: () => void): void {
    this.stop();
    tell();
  }
}
