/** Which handshake gives way: one of the crowd, by chance; and how often a slow friend gets through. */
import assert from "node:assert/strict";
import type { RandomSource } from "../../../daemon/crypto/random.ts";
import { handshakeBudget } from "../../../daemon/proxy/admission.ts";
import { Handshakes, type Handshaking, sourcePrefix } from "../../../daemon/proxy/handshakes.ts";

/** Mulberry32, https://github.com/cprosche/mulberry32: the same numbers in every run. */
function seeded(seed: number): RandomSource {
  let state = seed;
  return (bytes) => {
    const drawn = new Uint8Array(bytes);
    for (let at = 0; at < bytes; at++) {
      state = (state + 0x6d2b79f5) | 0;
      let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
      mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
      drawn[at] = (mixed ^ (mixed >>> 14)) & 0xff;
    }
    return drawn;
  };
}

const silent = (): Handshaking => ({ heardBytes: 0 });

describe("sourcePrefix", () => {
  for (const [ip, prefix] of [
    ["192.0.2.7", "192.0.2"],
    ["::ffff:192.0.2.7", "192.0.2"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2"],
    ["2001:DB8:1:2::6", "2001:db8:1:2"],
    ["2001:db8::6", "2001:db8:0:0"],
    ["fe80::1%eth0", "fe80:0:0:0"],
    ["::1", "0:0:0:0"],
    [undefined, "unix"],
  ] as const) {
    it(`counts ${ip ?? "a unix socket"} under ${prefix}`, () => assert.equal(sourcePrefix(ip), prefix));
  }
});

describe("the handshake that gives way", () => {
  it("is undefined when no handshake is under way", () => {
    const handshakes = new Handshakes(seeded(1));
    const only = silent();
    handshakes.add(only, "a");
    handshakes.delete(only);
    handshakes.delete(silent());
    assert.deepEqual([handshakes.draw(), handshakes.size], [undefined, 0]);
  });

  it("is one of the prefix with the most handshakes, as long as it has the most", () => {
    const handshakes = new Handshakes<Handshaking & { readonly from: string }>(seeded(1));
    for (const [from, count] of [["small", 3] as const, ["big", 5] as const, ["middle", 4] as const]) {
      for (let one = 0; one < count; one++) handshakes.add({ from, heardBytes: 0 }, from);
    }
    const gone: string[] = [];
    for (let one = handshakes.draw(); one; one = handshakes.draw()) {
      handshakes.delete(one);
      gone.push(one.from);
    }
    assert.equal(gone[0], "big");
    assert.deepEqual([...gone.slice(1, 3)].sort(), ["big", "middle"]);
    assert.deepEqual([...gone.slice(3, 6)].sort(), ["big", "middle", "small"]);
    assert.equal(gone.length, 12);
  });

  it("is any of them with the same chance, the newest and the oldest too", () => {
    const handshakes = new Handshakes(seeded(1));
    const all = Array.from({ length: 10 }, silent);
    for (const one of all) handshakes.add(one, "a");
    const draws = Array.from({ length: 10_000 }, () => handshakes.draw());
    const counts = all.map((one) => draws.filter((drawn) => drawn === one).length);
    assert.ok(
      counts.every((count) => count > 800 && count < 1_200),
      String(counts),
    );
  });

  it("is usually one that has said nothing, not one that has sent its nonce", () => {
    const handshakes = new Handshakes(seeded(1));
    const friend = { heardBytes: 32 };
    handshakes.add(friend, "a");
    for (let one = 0; one < 9; one++) handshakes.add(silent(), "a");
    let against = 0;
    for (let draw = 0; draw < 10_000; draw++) against += Number(handshakes.draw() === friend);
    // The friend gives way only when it is drawn twice: 1 in 100.
    assert.ok(against > 50 && against < 150, String(against));
  });

  it("is found by looking at two, however many there are", () => {
    let looks = 0;
    const handshakes = new Handshakes<Handshaking>(seeded(1));
    for (let one = 0; one < 10_000; one++) {
      handshakes.add(
        {
          get heardBytes() {
            looks += 1;
            return 0;
          },
        },
        String(one % 5_000),
      );
    }
    for (let draw = 0; draw < 100; draw++) handshakes.delete(handshakes.draw() as Handshaking);
    assert.ok(looks <= 200, `${looks} looks`);
  });
});

const FRIENDS = 25;

/** The share of friends, in percent, that are still there after their think time, with the budget of 100 connections used up by strangers. */
function shareLeft(how: {
  readonly thinkSeconds: number;
  readonly strangersPerSecond: number;
  readonly strangersFrom: () => string;
  readonly heardBytes: number;
}): number {
  const random = seeded(7);
  const budget = handshakeBudget(100);
  let left = 0;
  for (let trial = 0; trial < FRIENDS; trial++) {
    const handshakes = new Handshakes<Handshaking>(random);
    const friend = { heardBytes: how.heardBytes };
    let isThere = true;
    const comes = (one: Handshaking, from: string): void => {
      const leaving = handshakes.size < budget ? undefined : handshakes.draw();
      if (leaving) handshakes.delete(leaving);
      isThere &&= leaving !== friend;
      handshakes.add(one, from);
    };
    for (let stranger = 0; stranger < budget; stranger++) comes(silent(), how.strangersFrom());
    comes(friend, "friend");
    for (let stranger = 0; stranger < how.thinkSeconds * how.strangersPerSecond; stranger++) comes(silent(), how.strangersFrom());
    left += Number(isThere);
  }
  return (100 * left) / FRIENDS;
}

describe("a friend among strangers that never end", () => {
  const NETWORKS = {
    "one other network": () => "other",
    "the friend's own network": () => "friend",
    "a network each": () => {
      network += 1;
      return String(network);
    },
  } as const;
  let network = 0;

  /** At least this share gets through; `said`: the friend thinks after its nonce. Oldest-first let none through if think time × rate exceeds the budget of 400. */
  for (const [strangersFrom, thinkSeconds, strangersPerSecond, said, atLeast] of [
    ["one other network", 2, 222, false, 100],
    ["one other network", 4, 800, false, 100],
    ["the friend's own network", 0.5, 222, false, 60],
    ["the friend's own network", 2, 222, false, 25],
    ["the friend's own network", 2, 222, true, 98],
    ["the friend's own network", 4, 800, true, 85],
    ["a network each", 0.5, 222, false, 60],
    ["a network each", 2, 222, false, 25],
  ] as const) {
    it(`gets through ${atLeast} times in 100 or more, when it thinks for ${thinkSeconds} s ${said ? "after" : "before"} its nonce and ${strangersPerSecond} a second come from ${strangersFrom}`, () => {
      const left = shareLeft({ thinkSeconds, strangersPerSecond, strangersFrom: NETWORKS[strangersFrom], heardBytes: said ? 32 : 0 });
      assert.ok(left >= atLeast, `${left} %`);
    });
  }
});
