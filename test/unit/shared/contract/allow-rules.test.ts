/** "allow" and "backend": which lines are read, and which addresses they hold. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { readAllow } from "../../../../shared/contract/allow-rules.ts";
import { askedText, readBackend } from "../../../../shared/far-target.ts";
import { ipBytes, ipText, isIn, isWithin } from "../../../../shared/ip-range.ts";
import { formatMessage } from "../../../../shared/message.ts";

describe("a line of allow", () => {
  for (const [text, rule] of [
    ["10.0.0.0/24:6379-6384", { kind: "range", range: { bytes: [10, 0, 0, 0], prefix: 24 }, from: 6379, to: 6384 }],
    ["10.0.0.7:6379", { kind: "range", range: { bytes: [10, 0, 0, 7], prefix: 32 }, from: 6379, to: 6379 }],
    ["10.0.0.0/16:1-65535", { kind: "range", range: { bytes: [10, 0, 0, 0], prefix: 16 }, from: 1, to: 65535 }],
    ["cache-1.internal:6379", { kind: "host", host: "cache-1.internal", from: 6379, to: 6379 }],
  ] as const)
    it(`is read: ${text}`, () => assert.deepEqual(readAllow(text), { rule }));

  it("is read with IPv6 in brackets", () => {
    const read = readAllow("[2001:db8::/64]:6379");
    assert.ok("rule" in read && read.rule.kind === "range");
    assert.deepEqual([read.rule.range.prefix, ipText(read.rule.range.bytes)], [64, "2001:db8::"]);
  });

  for (const [text, fault] of [
    ["10.0.0.0/24", /ports are needed/],
    ["10.0.0.0/24:", /ports are needed/],
    ["10.0.0.0/24:0", /ports that are none/],
    ["10.0.0.0/24:70000", /ports that are none/],
    ["10.0.0.0/24:20-10", /ports that are none/],
    ["10.0.0.0/15:1", /too large: write \/16/],
    ["0.0.0.0/0:1", /too large/],
    ["[2001:db8::/32]:1", /too large: write \/48/],
    ["10.0.0.1/24:1", /write 10\.0\.0\.0\/24/],
    ["10.0.0.0/33:1", /up to 32/],
    ["10.0.0.0/x:1", /up to 32/],
    ["10.0.0.0/8/8:1", /up to 32/],
    ["2001:db8::1:6379", /ports are needed/],
    ["[10.0.0.1]:1", /IPv6 addresses in brackets/],
    ["[::ffff:10.0.0.1]:1", /IPv6 addresses in brackets/],
    ["[fe80::1%eth0]:1", /neither an IP address/],
    ["127.1:1", /neither an IP address/],
    ["0x7f000001:1", /neither an IP address/],
    ["2130706433:1", /neither an IP address/],
    ["0:1", /neither an IP address/],
    ["a b:1", /neither an IP address/],
    ["/run/redis.sock", /ports are needed/],
    ["\uff11\uff12\uff17.0.0.1:1", /neither an IP address/],
    ["", /ports are needed/],
  ] as const)
    it(`is a mistake: ${text}`, () => {
      const read = readAllow(text);
      assert.match("fault" in read ? formatMessage(read.fault) : "none", fault);
    });

  it("holds the addresses of its block and no others, at every border", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        fc.integer({ min: 0, max: 32 }),
        (one, other, prefix) => {
          const number = (bytes: Uint8Array): number => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0);
          const same = prefix === 0 || number(one) >>> (32 - prefix) === number(other) >>> (32 - prefix);
          assert.equal(isIn([...one], { bytes: [...other], prefix }), same);
        },
      ),
    );
  });

  it("lies in a block only if all of it does", () => {
    const block = { bytes: [127, 0, 0, 0], prefix: 8 };
    assert.equal(isWithin({ bytes: [127, 0, 0, 1], prefix: 32 }, block), true);
    assert.equal(isWithin({ bytes: [126, 0, 0, 0], prefix: 7 }, block), false);
    assert.equal(isWithin({ bytes: [127, 0, 0, 0], prefix: 7 }, block), false);
  });
});

describe("the bytes of an address", () => {
  for (const [text, again] of [
    ["127.0.0.1", "127.0.0.1"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["::FFFF:7f00:1", "127.0.0.1"],
    ["0:0:0:0:0:0:0:1", "::1"],
    ["2001:DB8::0:5", "2001:db8::5"],
    ["64:ff9b::127.0.0.1", "64:ff9b::7f00:1"],
  ] as const)
    it(`are those of ${again} for ${text}`, () => assert.equal(ipText(ipBytes(text) ?? []), again));

  for (const text of ["127.1", "0x7f.0.0.1", "2130706433", "0", "localhost", "fe80::1%1", "1.2.3.4.5", ""] as const)
    it(`are none for ${JSON.stringify(text)}`, () => assert.equal(ipBytes(text), undefined));
});

describe("a backend", () => {
  for (const text of ["replica", "10.0.0.12:6380", "[2001:db8::5]:6379", "node-1"] as const)
    it(`is read: ${text}`, () => {
      const asked = readBackend(text);
      assert.equal(asked && askedText(asked), text);
    });

  for (const text of [
    "cache-1.internal:6379",
    "10.0.0.12",
    "127.1:6379",
    "[10.0.0.1]:1",
    "10.0.0.1:0",
    "10.0.0.1:70000",
    "2001:db8::5:1",
    "-x",
    "a/b",
    "",
    "n".repeat(65),
  ] as const) {
    const isName = text === "10.0.0.12";
    it(`is ${isName ? "a name" : "none"}: ${JSON.stringify(text)}`, () => assert.equal(readBackend(text)?.kind, isName ? "name" : undefined));
  }
});
