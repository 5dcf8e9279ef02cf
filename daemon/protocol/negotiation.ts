/**
 * Finds out inside spiped's nonces which wire both ends speak, and makes the
 * handshake of that wire. Sans I/O, as the two handshakes that it leads to.
 *
 *     client:  nonces ──hint in nonce_S──► native ──► native step
 *                 └──────no hint──────────► spiped's handshake
 *     server:  nonces ──hint in nonce_C──► native ──► native step
 *                 └──────no hint──────────► spiped's handshake
 *
 * A server reads the client's whole nonce before it sends its own, so that no
 * nonce without a hint ever answers a nonce with one: whoever holds bytes back
 * makes nobody fall back to the other wire. Both nonces are in spiped's keys and
 * in Noise's prologue, so whoever changes one breaks either handshake.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import type { NoiseSuite } from "../crypto/noise-suite.ts";
import { NONCE_BYTES } from "./constants.ts";
import { type HandshakeOptions, SpipedHandshake } from "./handshake.ts";
import { concat, type SharedKey } from "./keys.ts";
import {
  type ClientHello,
  frameMessage,
  type Keeping,
  readClientHello,
  readServerHello,
  type ServerHello,
  type TakeUp,
  takeMessage,
  writeClientHello,
  writeServerHello,
} from "./native-hello.ts";
import { hintedClientNonce, hintedServerNonce, hintOfClient, hintOfServer, NATIVE_VERSION, nativePsk } from "./native-hint.ts";
import { NoiseInitiator, NoiseResponder } from "./noise.ts";
import { clientProof, serverProof } from "./session-proof.ts";
import type { Begun, Handshake, HandshakeProgress, HandshakeStep, SessionTerms, Wire } from "./wire.ts";

/** What an end speaks, as its entry says: `native` takes nothing else. */
export type WireChoice = "auto" | "spiped" | "native";

/** What a client says when it is its turn. */
export interface ClientOffer extends Keeping {
  /** Names this process while it lives. */
  readonly instance: Uint8Array;
  /** A session that has lost its connection, and its secret; undefined: a new one. */
  readonly takesUp?: (TakeUp & { readonly secret: Uint8Array }) | undefined;
}

/** What a client asks a server for. */
export interface ClientQuestion extends Keeping {
  /** Which of the offered keys the client holds. */
  readonly keyIndex: number;
  /** The session that the client asks for. `isProved`: whether the client knows this secret. */
  readonly takesUp: (TakeUp & { isProved(secret: Uint8Array): boolean }) | undefined;
}

/** What a server answers. `receivedBytes`: the session that was asked for goes on; left out: it is a new one. */
export interface ServerAnswer extends Keeping {
  readonly session: Uint8Array;
  readonly secret: Uint8Array;
  readonly receivedBytes?: number;
}

/** What a negotiation needs beside spiped's handshake. */
export interface NegotiationOptions extends HandshakeOptions {
  readonly noise: NoiseSuite;
  /** One for each key: a server's entries may differ. `spiped` neither gives hints nor answers them. */
  readonly wires: readonly WireChoice[];
  /** Client: called once, when message 1 goes out. An error gives the handshake up. */
  readonly offer?: () => ClientOffer;
  /**
   * Server: called once, when message 1 has come and its sender holds the key. An error refuses the client; "elsewhere":
   * the session that the client asks for is another process's, which goes on with the handshake.
   */
  readonly answer?: (question: ClientQuestion) => ServerAnswer | "elsewhere";
  /** Server: another process began the handshake; give what it heard to `receive`. */
  readonly begun?: Begun | undefined;
  /** Client: the far end has spoken native before. A nonce without a hint is refused then (WIRE_REFUSED), as it may be somebody else's. */
  readonly expectsNative?: boolean;
}

const PROLOGUE_LABEL = new TextEncoder().encode("encrypted-tunnels");
const EPHEMERAL_BYTES = 32;
const NO_BYTES = new Uint8Array(0);

/** A negotiation in either role. */
export function negotiate(options: NegotiationOptions): Handshake {
  return options.role === "client" ? new ClientNegotiation(options) : new ServerNegotiation(options);
}

/** What both roles share: the bytes that wait, failures, and spiped's handshake once it is the one. */
abstract class Negotiation implements Handshake {
  protected readonly options: NegotiationOptions;
  protected held: Uint8Array = NO_BYTES;
  protected spiped: SpipedHandshake | undefined;
  #state: "under-way" | "done" | TunnelError = "under-way";

  constructor(options: NegotiationOptions) {
    this.options = options;
  }

  abstract start(): Uint8Array;
  /** Overwrites the secrets of the native handshake. */
  protected abstract forget(): void;
  protected abstract readonly hasNonce: boolean;
  /** The bytes in `held` may be enough for the next step. */
  protected abstract advance(): HandshakeStep;

  prepare(): void {}

  get wire(): Wire {
    return this.hasNonce ? "native" : "spiped";
  }

  get progress(): HandshakeProgress {
    if (this.spiped) return this.spiped.progress;
    if (this.#state === "done") return "done";
    if (this.#state !== "under-way") return "failed";
    if (this.hasNonce) return "nonce";
    return this.held.length === 0 ? "no-byte" : "part-nonce";
  }

  receive(bytes: Uint8Array): HandshakeStep {
    if (this.spiped) return this.spiped.receive(bytes);
    if (this.#state === "done") throw new RangeError("the handshake is over: these bytes belong to its session");
    if (this.#state !== "under-way") throw this.#state;
    this.held = concat([this.held, bytes]);
    try {
      const step = this.advance();
      if (step.state === "native" || step.state === "elsewhere") this.#state = "done";
      return step;
    } catch (error) {
      if (error instanceof TunnelError) {
        this.forget();
        this.#state = error;
      }
      throw error;
    }
  }

  wipe(): void {
    this.spiped?.wipe();
    if (this.#state !== "under-way") return;
    this.forget();
    this.#state = new TunnelError("PEER_CLOSED", message("the handshake was given up"));
  }

  /** The rest is spiped's: what came so far is its beginning. */
  protected goOnAsSpiped(nonce: Uint8Array): HandshakeStep {
    const { role, suite, random, keys, pairs, forwardSecrecy } = this.options;
    const spiped = this.spiped ?? new SpipedHandshake({ role, suite, random, keys, pairs, forwardSecrecy, nonce });
    this.spiped = spiped;
    const held = this.held;
    this.held = NO_BYTES;
    return spiped.receive(held);
  }

  protected take(count: number): Uint8Array {
    const taken = this.held.subarray(0, count);
    this.held = this.held.subarray(count);
    return taken;
  }

  /** The psk, wiped by the caller, and what Noise begins with. */
  protected noiseStart(key: SharedKey, nonces: readonly [Uint8Array, Uint8Array]): ConstructorParameters<typeof NoiseInitiator>[0] {
    const { suite, noise, random } = this.options;
    const prologue = concat([PROLOGUE_LABEL, Uint8Array.of(NATIVE_VERSION), ...nonces]);
    return { suite: noise, psk: nativePsk(suite, key), prologue, ephemeral: random(EPHEMERAL_BYTES) };
  }
}

class ClientNegotiation extends Negotiation {
  readonly #key: SharedKey;
  readonly #nonce: Uint8Array;
  #noise: NoiseInitiator | undefined;
  #offer: ClientOffer | undefined;
  /** spiped's handshake, made ahead so that its exponentiation is done while the nonce is on its way. */
  #ahead: SpipedHandshake | undefined;

  constructor(options: NegotiationOptions) {
    super(options);
    const { suite, random, keys } = options;
    const [key] = keys;
    if (!key || keys.length > 1) throw new RangeError("a client offers one key");
    this.#key = key;
    this.#nonce = hintedClientNonce(suite, key, { random, version: NATIVE_VERSION });
  }

  start(): Uint8Array {
    return this.#nonce;
  }

  override prepare(): void {
    if (this.options.expectsNative === true || this.hasNonce || this.spiped) return;
    const { role, suite, random, keys, pairs, forwardSecrecy } = this.options;
    this.#ahead = new SpipedHandshake({ role, suite, random, keys, pairs, forwardSecrecy, nonce: this.#nonce });
    this.#ahead.prepare();
  }

  protected get hasNonce(): boolean {
    return this.#noise !== undefined;
  }

  protected forget(): void {
    this.#noise?.wipe();
    this.#ahead?.wipe();
  }

  protected advance(): HandshakeStep {
    if (!this.#noise) {
      if (this.held.length < NONCE_BYTES) return { state: "pending", send: undefined };
      const { suite } = this.options;
      const nonce = this.held.subarray(0, NONCE_BYTES);
      const version = hintOfServer(suite, this.#key, { nonce, clientNonce: this.#nonce });
      if (version === undefined) {
        this.#refuseSpiped();
        this.spiped = this.#ahead;
        return this.goOnAsSpiped(this.#nonce);
      }
      this.#ahead?.wipe();
      if (version !== NATIVE_VERSION)
        throw new TunnelError("NOT_SPIPED", message("the far end chose version {0} of the native wire, which was not offered", version));
      return this.#begin(Uint8Array.from(this.take(NONCE_BYTES)));
    }
    return this.#onAnswer(this.#noise);
  }

  /** The far end has sent a nonce without a hint. */
  #refuseSpiped(): void {
    if (this.options.wires[0] === "native") {
      throw new TunnelError(
        "WIRE_REFUSED",
        message("the far end does not answer in the native wire, which is all that this entry takes: it speaks only spiped's, or holds another key"),
      );
    }
    if (this.options.expectsNative === true) {
      throw new TunnelError("WIRE_REFUSED", message("the far end spoke the native wire before, and speaks only spiped's now"));
    }
  }

  /** Message 1. */
  #begin(serverNonce: Uint8Array): HandshakeStep {
    const start = this.noiseStart(this.#key, [this.#nonce, serverNonce]);
    this.#noise = new NoiseInitiator(start);
    start.psk.fill(0);
    if (this.held.length > 0)
      throw new TunnelError("RECORD_INVALID", message("the far end answered before it was asked: the handshake was changed on the way"));
    const offer = needed(this.options.offer)();
    this.#offer = offer;
    const send = frameMessage(this.#noise.first((hash) => writeClientHello(this.#helloOf(offer, hash))));
    return { state: "pending", send };
  }

  #helloOf({ takesUp, ...about }: ClientOffer, hash: Uint8Array): ClientHello {
    if (!takesUp) return about;
    const { secret, ...asked } = takesUp;
    return { ...about, takesUp: { ...asked, proof: clientProof({ noise: this.options.noise, secret, hash }, asked) } };
  }

  /** Message 2. */
  #onAnswer(noise: NoiseInitiator): HandshakeStep {
    const taken = takeMessage(this.held);
    if (!taken) return { state: "pending", send: undefined };
    const answer = noise.second(taken.noise);
    if (!answer) throw new TunnelError("PEER_MAC_INVALID", message("the far end's answer can't be opened: the handshake was changed on the way"));
    const hello = readServerHello(answer.payload);
    const session = hello && this.#termsOf(hello, answer.hash);
    if (!session) throw new TunnelError("RECORD_INVALID", message("the far end's answer lacks what it must say: it is another version"));
    this.take(taken.bytes);
    const { holdsBytes, keepsMs } = hello;
    return { state: "native", send: undefined, native: { transport: answer.transport, peer: { holdsBytes, keepsMs }, session }, keyIndex: 0, rest: this.held };
  }

  /** The session that begins or goes on; undefined: it can be neither. */
  #termsOf({ session: name, secret, takenUp }: ServerHello, hash: Uint8Array): SessionTerms | undefined {
    const { suite, noise } = this.options;
    if (!takenUp) return secret && { name, secret, takenUpAt: undefined };
    const asked = this.#offer?.takesUp;
    if (!asked || !suite.equal(asked.session, name)) return undefined;
    if (!suite.equal(serverProof({ noise, secret: asked.secret, hash }, takenUp.receivedBytes), takenUp.proof)) return undefined;
    return { name, secret: asked.secret, takenUpAt: takenUp.receivedBytes };
  }
}

class ServerNegotiation extends Negotiation {
  #noise: NoiseResponder | undefined;
  #keyIndex = -1;
  #nonces: { readonly client: Uint8Array; readonly server: Uint8Array } | undefined;

  /** Nothing: the client's nonce comes first. */
  start(): Uint8Array {
    return NO_BYTES;
  }

  protected get hasNonce(): boolean {
    return this.#noise !== undefined;
  }

  protected forget(): void {
    this.#noise?.wipe();
  }

  protected advance(): HandshakeStep {
    if (this.#noise) return this.#onQuestion(this.#noise);
    if (this.held.length < NONCE_BYTES) return { state: "pending", send: undefined };
    const { random } = this.options;
    const clientNonce = this.held.subarray(0, NONCE_BYTES);
    this.#keyIndex = this.#hinted(clientNonce);
    if (this.#keyIndex < 0) {
      if (this.options.begun) throw unopened();
      const nonce = random(NONCE_BYTES);
      return withFirst(nonce, this.goOnAsSpiped(nonce));
    }
    return this.#answerHint(Uint8Array.from(this.take(NONCE_BYTES)));
  }

  /** Which key's hint is in the nonce; -1: none. All keys are always tried, so that the time taken reveals nothing. */
  #hinted(clientNonce: Uint8Array): number {
    const { suite, keys, wires } = this.options;
    let found = -1;
    keys.forEach((key, index) => {
      const version = hintOfClient(suite, key, clientNonce);
      if (version !== undefined && wires[index] !== "spiped") found = index;
    });
    return found;
  }

  #answerHint(clientNonce: Uint8Array): HandshakeStep {
    const { suite, random, keys, begun } = this.options;
    const key = keys[this.#keyIndex] as SharedKey;
    const serverNonce = begun?.serverNonce ?? hintedServerNonce(suite, key, { random, version: NATIVE_VERSION, clientNonce });
    this.#nonces = { client: clientNonce, server: serverNonce };
    const start = this.noiseStart(key, [clientNonce, serverNonce]);
    this.#noise = new NoiseResponder(start);
    start.psk.fill(0);
    const step = this.#onQuestion(this.#noise);
    return begun ? step : withFirst(serverNonce, step);
  }

  /** Message 1, and message 2 as its answer. A stranger costs hashes and one AES-GCM: no X25519. */
  #onQuestion(noise: NoiseResponder): HandshakeStep {
    const taken = takeMessage(this.held);
    if (!taken) return { state: "pending", send: undefined };
    const first = noise.first(taken.noise);
    const hello = first && readClientHello(first.payload);
    if (!hello) throw unopened();
    const answer = this.#answerTo(hello, first.hash);
    if (answer === "elsewhere") return this.#elsewhere(hello);
    const second = noise.second((hash) => writeServerHello(this.#helloOf(answer, hash)));
    if (!second) throw unopened();
    this.take(taken.bytes);
    const { holdsBytes, keepsMs } = hello;
    const { session: name, secret } = answer;
    const session = { name, secret, takenUpAt: answer.receivedBytes === undefined ? undefined : hello.takesUp?.receivedBytes };
    const native = { transport: second.transport, peer: { holdsBytes, keepsMs }, session };
    return { state: "native", send: frameMessage(second.message), native, keyIndex: this.#keyIndex, rest: this.held };
  }

  /** Another process goes on, from the beginning: both nonces are in Noise's prologue. */
  #elsewhere({ takesUp }: ClientHello): HandshakeStep {
    const { client, server } = needed(this.#nonces);
    const { session } = needed(takesUp);
    this.forget();
    return { state: "elsewhere", send: undefined, begun: { session, serverNonce: server, heard: concat([client, this.held]) } };
  }

  #answerTo({ holdsBytes, keepsMs, takesUp }: ClientHello, hash: Uint8Array): ServerAnswer | "elsewhere" {
    const { suite, noise } = this.options;
    return needed(this.options.answer)({
      ...{ keyIndex: this.#keyIndex, holdsBytes, keepsMs },
      takesUp: takesUp && { ...takesUp, isProved: (secret) => suite.equal(clientProof({ noise, secret, hash }, takesUp), takesUp.proof) },
    });
  }

  #helloOf({ session, secret, receivedBytes, holdsBytes, keepsMs }: ServerAnswer, hash: Uint8Array): ServerHello {
    const about = { session, holdsBytes, keepsMs };
    if (receivedBytes === undefined) return { ...about, secret };
    return { ...about, takenUp: { receivedBytes, proof: serverProof({ noise: this.options.noise, secret, hash }, receivedBytes) } };
  }
}

function unopened(): TunnelError {
  return new TunnelError("PEER_MAC_INVALID", message("the client's native handshake can't be opened: it was changed on the way, or is a replay"));
}

function needed<T>(value: T | undefined): T {
  if (value === undefined) throw new RangeError("this role needs it");
  return value;
}

/** The same step, with `first` before what it sends. */
function withFirst(first: Uint8Array, step: HandshakeStep): HandshakeStep {
  if (step.state === "done" || step.state === "elsewhere") throw new RangeError("a client proves its key only once it has our nonce");
  return { ...step, send: step.send ? concat([first, step.send]) : first };
}
