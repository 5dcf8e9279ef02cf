/** A client of the native wire that is driven by hand. */
import assert from "node:assert/strict";
import { nodeNoiseSuite } from "../../../daemon/crypto/node-noise.ts";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { writeAcknowledgement } from "../../../daemon/protocol/native-records.ts";
import { type ClientOffer, negotiate } from "../../../daemon/protocol/negotiation.ts";
import { NoiseOpener, NoiseSealer } from "../../../daemon/protocol/noise-record.ts";
import type { NativeStart } from "../../../daemon/protocol/wire.ts";
import type { Stage } from "../stage.ts";
import { join, pattern } from "./bytes.ts";
import type { End } from "./ends.ts";
import { keyOf } from "./handshakes.ts";
import { connectTo, type Peer } from "./peer.ts";

/** The plain text of an acknowledgement. */
export function acknowledgement(receivedBytes: number, releasedBytes: number): Uint8Array {
  const into = new Uint8Array(100);
  return into.slice(0, writeAcknowledgement(into, { receivedBytes, releasedBytes }));
}

/** After its handshake. */
export class NativePeer {
  readonly peer: Peer;
  readonly native: NativeStart;
  readonly #sealer: NoiseSealer;
  readonly #opener: NoiseOpener;

  constructor(peer: Peer, native: NativeStart) {
    this.peer = peer;
    this.native = native;
    this.#sealer = new NoiseSealer(native.transport.send);
    this.#opener = new NoiseOpener(native.transport.receive);
  }

  /** Sends a record of frames. */
  frames(...frames: readonly Uint8Array[]): void {
    this.record(join(Uint8Array.of(0), ...frames));
  }

  record(text: Uint8Array): void {
    this.peer.write(this.#sealer.seal(text));
  }

  /** Plain texts of the records that come until the connection ends. */
  async untilEnd(): Promise<readonly Uint8Array[]> {
    await this.peer.ending();
    return this.#opener.open(this.peer.unread);
  }
}

/** What a client by hand may say otherwise. */
export interface ShakeOptions {
  readonly key?: string;
  readonly keepsMs?: number;
  readonly takesUp?: ClientOffer["takesUp"];
}

/** Does a client's whole handshake. @throws Error when the server ends it */
export async function shakeNative(scope: Stage, server: End, { key = "one", keepsMs = 0, takesUp }: ShakeOptions = {}): Promise<NativePeer> {
  const peer = await connectTo(scope, server);
  const client = negotiate({
    ...{ role: "client", suite: nodeSuite, noise: nodeNoiseSuite, random: systemRandom, forwardSecrecy: "prefer", keys: [keyOf(key)], wires: ["native"] },
    offer: () => ({ instance: pattern(16), holdsBytes: 1_000_000, keepsMs, takesUp }),
  });
  peer.write(client.start());
  const question = client.receive(await peer.read(32)).send ?? assert.fail("no message 1");
  peer.write(question);
  for (;;) {
    const step = client.receive(await peer.read(1));
    if (step.state === "native") return new NativePeer(peer, step.native);
  }
}
