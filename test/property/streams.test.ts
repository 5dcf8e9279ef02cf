/** Any interleaving of any number of streams on one connection arrives whole and in order, within the bounds on memory. */
import assert from "node:assert/strict";
import fc from "fast-check";
import type { MuxStream } from "../../daemon/protocol/mux-stream.ts";
import { pattern, sameBytes } from "../support/wire/bytes.ts";
import { MuxEnd, Taker } from "../support/wire/muxes.ts";

const RUNS = { numRuns: 150 };

/** One thing that happens; numbers are taken modulo what there is. */
const step = fc.oneof(
  fc.record({ do: fc.constant("open" as const), by: fc.boolean() }),
  fc.record({ do: fc.constant("write" as const), by: fc.boolean(), which: fc.nat(), bytes: fc.nat({ max: 60_000 }) }),
  fc.record({ do: fc.constant("end" as const), by: fc.boolean(), which: fc.nat() }),
  fc.record({ do: fc.constant("reset" as const), by: fc.boolean(), which: fc.nat() }),
  fc.record({ do: fc.constant("move" as const), by: fc.boolean(), most: fc.integer({ min: 13, max: 70_000 }), cut: fc.nat() }),
  fc.record({ do: fc.constant("consume" as const), by: fc.boolean(), which: fc.nat(), most: fc.nat({ max: 50_000 }) }),
  fc.record({ do: fc.constant("acknowledge" as const), by: fc.boolean() }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A stream as one side uses it: what was written, whether it was ended. */
interface Use {
  readonly taker: Taker;
  readonly written: Uint8Array[];
  ended: boolean;
  wasReset: boolean;
}

/** Both ends, their users, and bytes on their way. */
class World {
  readonly ends: readonly [MuxEnd, MuxEnd];
  readonly uses: readonly [Map<number, Use>, Map<number, Use>] = [new Map(), new Map()];
  readonly #onWay: [Uint8Array[], Uint8Array[]] = [[], []];
  readonly #holds: number;
  #seed = 0;

  constructor(holds: number) {
    this.#holds = holds;
    const end = (side: 0 | 1): MuxEnd =>
      new MuxEnd(side === 0 ? "client" : "server", { holdsBytes: holds, peerHoldsBytes: holds, onStream: (stream) => this.#use(side, stream) });
    this.ends = [end(0), end(1)];
  }

  run({ by, ...what }: Step): void {
    const side = by ? 1 : 0;
    switch (what.do) {
      case "open":
        if (this.uses[side].size < 20) this.#use(side, this.ends[side].mux.open());
        return;
      case "write": {
        const use = this.#pick(side, what.which);
        if (!use || use.ended || use.taker.stream.isOver) return;
        this.#seed += 1;
        const bytes = pattern(what.bytes, this.#seed);
        use.written.push(bytes);
        use.taker.stream.write(bytes);
        return;
      }
      case "end": {
        const use = this.#pick(side, what.which);
        if (!use || use.taker.stream.isOver) return;
        use.ended = true;
        use.taker.stream.end();
        return;
      }
      case "reset": {
        const use = this.#pick(side, what.which);
        if (!use || use.taker.stream.isOver) return;
        use.wasReset = true;
        use.taker.stream.reset();
        return;
      }
      case "move":
        this.move(side, what.most, what.cut);
        return;
      case "consume":
        this.#pick(side, what.which)?.taker.consume(what.most);
        return;
      case "acknowledge":
        assert.ok(this.ends[side].mux.peerReleased(this.ends[1 - side]?.mux.releasedBytes ?? 0));
        return;
    }
  }

  /** Takes frames out of one end, and gives a part of what is on its way to the other. True: something moved. */
  move(side: 0 | 1, most: number, cut: number): boolean {
    const sent = this.ends[side].sent(most);
    if (sent.length > 0) this.#onWay[side].push(sent);
    const next = this.#onWay[side].shift();
    if (!next) return false;
    const point = 1 + (cut % next.length);
    if (point < next.length) this.#onWay[side].unshift(next.subarray(point));
    this.ends[1 - side]?.mux.receive(next.subarray(0, point));
    this.#bounded();
    return true;
  }

  /** Everybody consumes everything, and all that is queued arrives. */
  finish(): void {
    for (let rounds = 0, moved = true; moved; rounds++) {
      assert.ok(rounds < 100_000, "it never comes to rest");
      moved = false;
      for (const side of [0, 1] as const) {
        for (const { taker } of this.uses[side].values()) {
          taker.eager = true;
          taker.consume();
        }
        if (this.move(side, 70_000, 69_999)) moved = true;
        this.ends[side].mux.peerReleased(this.ends[1 - side]?.mux.releasedBytes ?? 0);
      }
    }
  }

  check(): void {
    for (const side of [0, 1] as const) {
      for (const [id, use] of this.uses[side]) {
        const other = this.uses[1 - side]?.get(id);
        const wasReset = use.wasReset || other?.wasReset === true;
        // What was reset before its SYN was out, the other end has never heard of.
        if (!other) {
          assert.ok(wasReset, `stream ${id} was not announced`);
          continue;
        }
        const sent = Buffer.concat(other.written);
        if (wasReset) sameBytes(use.taker.bytes, sent.subarray(0, use.taker.length));
        else sameBytes(use.taker.bytes, sent);
        if (!wasReset) assert.equal(use.taker.ended, other.ended);
      }
      assert.equal(this.ends[side].mux.heldBytes, 0);
    }
  }

  #pick(side: 0 | 1, which: number): Use | undefined {
    const all = [...this.uses[side].values()];
    return all[which % Math.max(1, all.length)];
  }

  #use(side: 0 | 1, stream: MuxStream): void {
    this.uses[side].set(stream.id, { taker: new Taker(stream, false), written: [], ended: false, wasReset: false });
  }

  #bounded(): void {
    for (const { mux } of this.ends) {
      assert.ok(mux.heldBytes <= this.#holds + 2 * 32 * 1024 * 40, "it holds more than it said");
      for (const stream of mux.streams.values()) assert.ok(stream.heldBytes <= 256 * 1024, "a stream holds more than its window");
    }
  }
}

describe("streams on one connection, in any interleaving", () => {
  for (const [title, holds] of [
    ["with much room", 32 * 1024 * 1024],
    ["with little room", 100_000],
    ["with no room but what each stream always has", 0],
  ] as const)
    it(`arrive whole and in order ${title}`, function () {
      this.timeout(0);
      fc.assert(
        fc.property(fc.array(step, { minLength: 60, maxLength: 160 }), (steps) => {
          const world = new World(holds);
          for (const one of steps) world.run(one);
          world.finish();
          world.check();
        }),
        RUNS,
      );
    });
});
