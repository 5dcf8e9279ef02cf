/**
 * spiped's handshake, both roles, sans I/O: bytes in, bytes and at last a channel
 * out. Pure: randomness and primitives are arguments. Steps are named after
 * spiped's DESIGN.md (C1 … C7, S1 … S7); docs/PROTOCOL.md draws them.
 *
 *     client                                             server
 *       | ---- C1: nonce_C (32) ---------------------------> |
 *       | <--- S1: nonce_S (32) ---------------------------- |
 *       | ---- C4: y_C (256) ‖ HMAC(dhmac_C, y_C) (32) ----> | S4 verifies
 *       | <--- S5: y_S (256) ‖ HMAC(dhmac_S, y_S) (32) ----- |
 *    C5 verifies                                             |
 *       | <=========== 1060-byte packets, both ways =======> |
 *
 *     client:  nonces ──► peer-dh ─────────────► done
 *     server:  nonces ──► peer-dh ──► proved ──► done
 *                 └──────────┴──────────┴──────► failed
 */

import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { isBelowPrime, isDegenerate } from "../crypto/dh-group14.ts";
import { type DhPair, makeDhPair } from "../crypto/dh-pairs.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { DH_MESSAGE_BYTES, DH_PUBLIC_BYTES, NONCE_BYTES } from "./constants.ts";
import { concat, type DhMacKeys, dhMacKeys, isWiped, type Nonces, type SharedKey, sessionKeys, WEAK_DH_PUBLIC } from "./keys.ts";
import { RecordOpener, RecordSealer } from "./record.ts";
import type { Channel, Handshake, HandshakeProgress, HandshakeStep, Role } from "./wire.ts";

/** `require` refuses a peer without forward secrecy (spiped -g), `prefer` accepts such a peer, `off` makes this end weak itself (spiped -f). */
export type ForwardSecrecy = "require" | "prefer" | "off";

/** What a handshake needs to know. */
export interface HandshakeOptions {
  readonly role: Role;
  readonly suite: CipherSuite;
  readonly random: RandomSource;
  /** A client offers one key; a server tries all of them on every handshake and takes the one that fits. */
  readonly keys: readonly SharedKey[];
  readonly forwardSecrecy: ForwardSecrecy;
  /** Where x and y come from; left out: made when they are needed. */
  readonly pairs?: { take(): DhPair } | undefined;
  /** Our nonce, 32 bytes; left out: random ones. */
  readonly nonce?: Uint8Array;
}

type Phase =
  | { readonly at: "nonces" }
  | { readonly at: "peer-dh"; readonly nonces: Nonces; readonly macKeys: readonly DhMacKeys[] }
  /** A server has verified the client. The channel's keys are derived when the channel is first read, after S5. */
  | { readonly at: "proved" }
  | { readonly at: "done" }
  | { readonly at: "failed"; readonly error: TunnelError };

/** One handshake in spiped's wire mode. */
export class SpipedHandshake implements Handshake {
  readonly wire = "spiped";
  readonly #options: HandshakeOptions;
  readonly #nonce: Uint8Array;
  /** x; undefined stands for x = 0. Chosen with our y. */
  #privateValue: Uint8Array | undefined;
  /** y. A client makes it while the server's nonce is on its way, a server when S4 has verified. */
  #ownPublic: Uint8Array | undefined;
  #phase: Phase = { at: "nonces" };
  #held: Uint8Array = new Uint8Array(0);

  constructor(options: HandshakeOptions) {
    if (options.keys.length === 0) throw new RangeError("a handshake needs a key");
    if (options.role === "client" && options.keys.length > 1) throw new RangeError("a client offers one key");
    this.#options = options;
    this.#nonce = options.nonce ?? options.random(NONCE_BYTES);
  }

  get progress(): HandshakeProgress {
    if (this.#phase.at === "nonces") return this.#held.length === 0 ? "no-byte" : "part-nonce";
    if (this.#phase.at === "peer-dh") return "nonce";
    return this.#phase.at === "proved" ? "done" : this.#phase.at;
  }

  /** C1 / S1: our nonce, which is sent at once and waits for nothing. */
  start(): Uint8Array {
    return this.#nonce;
  }

  /** C4's exponentiation. A server makes none here, so a stranger costs a server no more than HMACs. */
  prepare(): void {
    if (this.#options.role === "client" && this.#phase.at === "nonces") this.#makeOwnPublic();
  }

  receive(bytes: Uint8Array): HandshakeStep {
    if (this.#phase.at === "failed") throw this.#phase.error;
    if (this.#phase.at === "done" || this.#phase.at === "proved") throw new RangeError("the handshake is over: these bytes belong to its channel");
    this.#held = concat([this.#held, bytes]);
    try {
      return this.#advance();
    } catch (error) {
      if (error instanceof TunnelError) {
        this.#forget();
        this.#phase = { at: "failed", error };
      }
      throw error;
    }
  }

  wipe(): void {
    if (this.#phase.at === "done" || this.#phase.at === "failed") return;
    this.#forget();
    this.#phase = { at: "failed", error: new TunnelError("PEER_CLOSED", message("the handshake was given up")) };
  }

  #advance(): HandshakeStep {
    let send: Uint8Array | undefined;
    if (this.#phase.at === "nonces") {
      if (this.#held.length < NONCE_BYTES) return { state: "pending", send };
      send = this.#onNonce();
    }
    if (this.#phase.at === "peer-dh" && this.#held.length >= DH_MESSAGE_BYTES) return this.#onPeerDh(this.#phase);
    return { state: "pending", send, ...(send && { proves: true }) };
  }

  /** C2/S2, C3/S3 and, as client, C4. */
  #onNonce(): Uint8Array | undefined {
    const { role, suite, keys } = this.#options;
    const peerNonce = this.#take(NONCE_BYTES);
    if (role === "client" && this.#held.length > 0) {
      // A spiped server sends nothing between S1 and its check of C4, and we have not sent C4.
      throw new TunnelError("NOT_SPIPED", message("the far side sent more than a nonce before it was asked: it does not speak spiped's protocol"));
    }
    if (role === "client" && suite.equal(peerNonce, this.#nonce)) {
      throw new TunnelError("NOT_SPIPED", message("the far side sends back what it gets: it does not speak spiped's protocol"));
    }
    const nonces: Nonces = role === "client" ? { client: this.#nonce, server: peerNonce } : { client: peerNonce, server: this.#nonce };
    const macKeys = keys.map((key) => dhMacKeys(suite, key, nonces));
    this.#phase = { at: "peer-dh", nonces, macKeys };
    return role === "client" ? this.#ownDh(macKeys[0]?.client) : undefined;
  }

  /** S4 and S5, or C5; then C6 and C7. A server does C6 and C7 only once S5 is on its way, so that both ends compute at the same time. */
  #onPeerDh(phase: Extract<Phase, { at: "peer-dh" }>): HandshakeStep {
    const { role, keys } = this.#options;
    const message = this.#take(DH_MESSAGE_BYTES);
    const peerPublic = message.subarray(0, DH_PUBLIC_BYTES);
    const keyIndex = this.#verify(message, phase.macKeys);
    this.#refuseBadElement(peerPublic);
    const key = keys[keyIndex];
    if (!key) throw new RangeError("no such key");
    const rest = this.#held;
    if (role === "client") {
      return { state: "done", send: undefined, channel: this.#makeChannel({ key, nonces: phase.nonces, peerPublic }), keyIndex, rest };
    }
    const send = this.#ownDh(phase.macKeys[keyIndex]?.server);
    const makeChannel = (): Channel => this.#makeChannel({ key, nonces: phase.nonces, peerPublic });
    for (const { client, server } of phase.macKeys) for (const macKey of [client, server]) macKey.fill(0);
    this.#phase = { at: "proved" };
    let channel: Channel | undefined;
    return {
      ...{ state: "done", send, keyIndex, rest },
      get channel(): Channel {
        channel ??= makeChannel();
        return channel;
      },
    };
  }

  /** C6/S6: y_SC = y_peer ^ x mod p, and 1 for x = 0. C7/S7: the keys of both directions. */
  #makeChannel({ key, nonces, peerPublic }: { readonly key: SharedKey; readonly nonces: Nonces; readonly peerPublic: Uint8Array }): Channel {
    const { role, suite } = this.#options;
    if (this.#phase.at === "failed") throw new RangeError("the handshake was given up: there is no channel");
    const dhSecret = this.#privateValue ? suite.dhShared(peerPublic, this.#privateValue) : WEAK_DH_PUBLIC;
    const derived = sessionKeys(suite, key, { nonces, dhSecret });
    const [outbound, inbound] = role === "client" ? [derived.client, derived.server] : [derived.server, derived.client];
    const channel = new SpipedChannel(new RecordSealer(suite, outbound), new RecordOpener(suite, inbound));
    for (const secret of [...Object.values(derived.client), ...Object.values(derived.server)]) secret.fill(0);
    if (dhSecret !== WEAK_DH_PUBLIC) dhSecret.fill(0);
    this.#forget();
    this.#phase = { at: "done" };
    return channel;
  }

  /** S4/C5, first half: whose key made this MAC? All candidates are always tried, so that the time taken reveals nothing. */
  #verify(dhMessage: Uint8Array, candidates: readonly DhMacKeys[]): number {
    const { role, suite } = this.#options;
    const peerPublic = dhMessage.subarray(0, DH_PUBLIC_BYTES);
    const mac = dhMessage.subarray(DH_PUBLIC_BYTES);
    let found = -1;
    candidates.forEach((candidate, index) => {
      // A key is wiped when its tunnel has been closed meanwhile.
      const wiped = isWiped(this.#options.keys[index] ?? new Uint8Array(0));
      const expected = suite.hmacSha256(role === "server" ? candidate.client : candidate.server, peerPublic);
      if (suite.equal(expected, mac) && !wiped) found = index;
    });
    if (found >= 0) return found;
    if (role === "server") throw new TunnelError("KEY_MISMATCH", message("the other end does not hold this key: its proof (C4) has a wrong MAC"));
    throw new TunnelError("PEER_MAC_INVALID", message("the far side's answer (S5) has a wrong MAC: it was changed on the way, or is not spiped's"));
  }

  /** S4/C5, second half: y < p. Everybody knows the secret of y = 0, 1 or p-1: refused if we require forward secrecy. spiped -g takes 0 and p-1. */
  #refuseBadElement(peerPublic: Uint8Array): void {
    if (!isBelowPrime(peerPublic)) {
      throw new TunnelError("PEER_MAC_INVALID", message("the other end holds the key but sent a group element that is out of range"));
    }
    if (this.#options.forwardSecrecy !== "require" || !isDegenerate(peerPublic)) return;
    throw new TunnelError(
      "FORWARD_SECRECY_REFUSED",
      this.#options.suite.equal(peerPublic, WEAK_DH_PUBLIC)
        ? message("the other end has forward secrecy off (spiped -f) and this end requires it")
        : message("the other end sent a group element that gives no forward secrecy and this end requires it"),
    );
  }

  /** C4/S5: our y and its MAC. */
  #ownDh(macKey: Uint8Array | undefined): Uint8Array {
    if (!macKey) throw new RangeError("no MAC key");
    const ownPublic = this.#ownPublic ?? this.#makeOwnPublic();
    return concat([ownPublic, this.#options.suite.hmacSha256(macKey, ownPublic)]);
  }

  /** Makes x and y = 2^x mod p for C4 or S5; without forward secrecy x = 0 and y = 1. */
  #makeOwnPublic(): Uint8Array {
    const { suite, random, forwardSecrecy } = this.#options;
    this.#ownPublic = WEAK_DH_PUBLIC;
    if (forwardSecrecy !== "off") {
      const { privateValue, publicValue } = this.#options.pairs?.take() ?? makeDhPair(suite, random);
      this.#privateValue = privateValue;
      this.#ownPublic = publicValue;
    }
    return this.#ownPublic;
  }

  #take(count: number): Uint8Array {
    const taken = this.#held.subarray(0, count);
    this.#held = this.#held.subarray(count);
    return taken;
  }

  #forget(): void {
    this.#privateValue?.fill(0);
    this.#privateValue = undefined;
    const macKeys = this.#phase.at === "peer-dh" ? this.#phase.macKeys : [];
    for (const { client, server } of macKeys) for (const key of [client, server]) key.fill(0);
    this.#held = new Uint8Array(0);
  }
}

/** A spiped connection after its handshake: one sealer and one opener. */
class SpipedChannel implements Channel {
  readonly #sealer: RecordSealer;
  readonly #opener: RecordOpener;

  constructor(sealer: RecordSealer, opener: RecordOpener) {
    this.#sealer = sealer;
    this.#opener = opener;
  }

  get pendingBytes(): number {
    return this.#opener.pendingBytes;
  }

  seal(plain: Uint8Array): Uint8Array {
    return this.#sealer.seal(plain);
  }

  open(sealed: Uint8Array): Uint8Array {
    return this.#opener.open(sealed);
  }

  wipe(): void {
    this.#sealer.wipe();
    this.#opener.wipe();
  }
}
