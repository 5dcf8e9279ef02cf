import assert from "node:assert/strict";
import fc from "fast-check";
import { parseAddress, parseBindAddress } from "../../../../shared/address.ts";
import { type AddressUse, addressFault, sameListen } from "../../../../shared/contract/address-rules.ts";
import { formatMessage } from "../../../../shared/message.ts";

const use = (role: AddressUse["role"], platform: NodeJS.Platform = "linux"): AddressUse => ({ role, platform });

function faultOf(text: string, how: AddressUse): string {
  const fault = addressFault(text, how);
  return fault ? formatMessage(fault) : "";
}

describe("forms of addresses in tunnels.json", () => {
  for (const text of ["127.0.0.1:6579", "[::1]:6579", "[::]:0", "localhost:6579", "/run/user/1000/cache.sock", "0:6579", "0x7f.1:80", "büro.example:1"]) {
    it(`accepts listen ${text}`, () => {
      assert.equal(addressFault(text, use("listen")), undefined);
    });
  }

  for (const [text, reason] of [
    ["6579", /write 6579 without/],
    [":6579", /no host.*0\.0\.0\.0/],
    ["*:6579", /no host/],
    ["127.0.0.1", /no port/],
    ["127.0.0.1:", /port number/],
    ["127.0.0.1:65536", /65535/],
    ["127.0.0.1:-1", /port number/],
    ["::1:6579", /without brackets/],
    ["[::1:6579", /brackets/],
    ["[nonsense]:1", /brackets/],
    ["redis://127.0.0.1:6579", /URL/],
    ["'[127.0.0.1]:6579'", /remove the quotes/],
    ['"127.0.0.1:6579"', /remove the quotes/],
    ["“127.0.0.1:6579”", /remove the quotes/],
    ["'/run/redis.sock'", /remove the quotes/],
    ["a b:1", /character/],
    ["$(id):1", /character/],
    ["a;b:1", /character/],
    ["-h:1", /character/],
    ["./x.sock", /absolute/],
    ["~/x.sock", /absolute/],
    ["/run/", /folder/],
    [`/${"x".repeat(200)}`, /107 bytes/],
    [`${"a".repeat(254)}:1`, /253/],
  ] as const) {
    it(`refuses listen ${text.slice(0, 30)} and says why`, () => {
      assert.match(faultOf(text, use("listen")), reason);
    });
  }

  it("refuses port 0 for a target, because nothing listens there", () => {
    assert.match(faultOf("h:0", use("target")), /port 0/);
  });

  it("refuses a unix socket on Windows", () => {
    assert.match(faultOf("/run/x.sock", use("listen", "win32")), /Windows/);
    assert.match(faultOf("\\\\.\\pipe\\x", use("listen", "win32")), /no address/);
  });

  it("accepts bind without a port, but no path", () => {
    assert.equal(addressFault("192.0.2.10", use("bind")), undefined);
    assert.equal(addressFault("[2001:db8::1]", use("bind")), undefined);
    assert.match(faultOf("/x", use("bind")), /not an IP address/);
  });

  const text = fc.oneof(
    fc.string({ maxLength: 20 }),
    fc.string({ unit: fc.constantFrom("[", "]", ":", ".", "0", "1", "a", "/", "%", "-") }),
    fc
      .tuple(
        fc.oneof(
          fc.domain(),
          fc.ipV4(),
          fc.ipV6().map((ip) => `[${ip}]`),
        ),
        fc.nat(70_000),
      )
      .map(([host, port]) => `${host}:${port}`),
  );

  it("accepts nothing that the daemon would not read", () =>
    fc.assert(
      fc.property(text, (address) => {
        if (addressFault(address, use("listen", process.platform)) === undefined) assert.doesNotThrow(() => parseAddress(address));
        if (addressFault(address, use("bind", process.platform)) === undefined) assert.doesNotThrow(() => parseBindAddress(address));
      }),
      { numRuns: 2_000 },
    ));
});

describe("the same listen address", () => {
  for (const [a, b] of [
    [6579, "127.0.0.1:6579"],
    ["localhost:6579", 6579],
    ["0.0.0.0:6579", 6579],
    ["[::]:6579", "192.0.2.1:6579"],
    ["/run/x", "/run/x"],
  ] as const) {
    it(`${a} and ${b} can't both be open`, () => {
      assert.ok(sameListen(a, b) && sameListen(b, a));
    });
  }

  for (const [a, b] of [
    [0, 0],
    [6579, 6580],
    ["127.0.0.2:6579", 6579],
    ["/run/x", "/run/y"],
    ["/run/x:1", 1],
  ] as const) {
    it(`${a} and ${b} can both be open`, () => {
      assert.ok(!sameListen(a, b) && !sameListen(b, a));
    });
  }
});
