import assert from "node:assert/strict";
import fc from "fast-check";
import { canonicalIp, resolveBind, resolveListen } from "../../../daemon/tunnels/listen-address.ts";
import { rejectionOf } from "../../support/wire/codes.ts";

const noLookup = (host: string): Promise<readonly string[]> => assert.fail(`${host} was looked up`);
const lookup =
  (...ips: readonly string[]) =>
  () =>
    Promise.resolve(ips);

describe("the address a tunnel really listens at", () => {
  for (const [listen, host, beyond] of [
    [6579, "127.0.0.1", false],
    ["127.0.0.1:6579", "127.0.0.1", false],
    ["127.9.9.9:6579", "127.9.9.9", false],
    ["[::1]:6579", "::1", false],
    ["[0:0:0:0:0:0:0:1]:6579", "::1", false],
    ["[::ffff:127.0.0.1]:6579", "127.0.0.1", false],
    ["[::ffff:7f00:1]:6579", "127.0.0.1", false],
    ["127.1:6579", "127.0.0.1", false],
    ["2130706433:6579", "127.0.0.1", false],
    ["0x7f000001:6579", "127.0.0.1", false],
    ["017700000001:6579", "127.0.0.1", false],
    ["0x7F.0.0.01:6579", "127.0.0.1", false],
    [":6579", "::", true],
    ["0:6579", "0.0.0.0", true],
    ["0x0:6579", "0.0.0.0", true],
    ["00.0:6579", "0.0.0.0", true],
    ["0.0.0.0:6579", "0.0.0.0", true],
    ["[::]:6579", "::", true],
    ["[0::0]:6579", "::", true],
    ["[::ffff:0.0.0.0]:6579", "0.0.0.0", true],
    ["[::ffff:0:0]:6579", "0.0.0.0", true],
    ["0177.0.0.1:6579", "127.0.0.1", false],
    ["010.0.0.1:6579", "8.0.0.1", true],
    ["3232235777:6579", "192.168.1.1", true],
    ["192.0.2.7:6579", "192.0.2.7", true],
    ["[fe80::1%eth0]:6579", "fe80::1%eth0", true],
    ["[::127.0.0.1]:6579", "::7f00:1", true],
  ] as const) {
    it(`of ${listen} is ${host}, ${beyond ? "beyond" : "on"} this machine`, async () => {
      const { address, beyondLoopback } = await resolveListen(listen, noLookup);
      assert.deepEqual(address, { kind: "tcp", host, port: 6579 });
      assert.equal(beyondLoopback, beyond);
    });
  }

  it("of a name is what the name stands for, whatever the name is", async () => {
    const { address, beyondLoopback } = await resolveListen("localhost:1", lookup("0.0.0.0"));
    assert.deepEqual([address, beyondLoopback], [{ kind: "tcp", host: "0.0.0.0", port: 1 }, true]);
  });

  it("of localhost is 127.0.0.1 when that is among its addresses", async () => {
    const { address } = await resolveListen("localhost:1", lookup("::1", "127.0.0.1"));
    assert.deepEqual(address, { kind: "tcp", host: "127.0.0.1", port: 1 });
  });

  it("of a name with several addresses is the same in whatever order the addresses come", async () => {
    const [one, other] = await Promise.all([resolveListen("h:1", lookup("192.0.2.2", "192.0.2.1")), resolveListen("h:1", lookup("192.0.2.1", "192.0.2.2"))]);
    assert.deepEqual(one, other);
  });

  it("of a name that resolves to an odd spelling is judged after the look-up too", async () => {
    assert.equal((await resolveListen("h:1", lookup("::ffff:0:0"))).beyondLoopback, true);
    assert.equal((await resolveListen("h:1", lookup("::ffff:127.0.0.1"))).beyondLoopback, false);
  });

  it("of a socket is its normalised path", async () => {
    const { address, beyondLoopback } = await resolveListen("/run/../run//x.sock", noLookup);
    assert.deepEqual([address, beyondLoopback], [{ kind: "unix", path: "/run/x.sock" }, false]);
  });

  it("keeps port 0, which the manager picks", async () => {
    assert.deepEqual((await resolveListen(0, noLookup)).address, { kind: "tcp", host: "127.0.0.1", port: 0 });
  });

  it("is DNS_FAILED for a name without an address, and for a number that is no address", async () => {
    const failing = () => Promise.reject(new Error("ENOTFOUND"));
    assert.equal((await rejectionOf(resolveListen("nowhere:1", failing))).code, "DNS_FAILED");
    assert.equal((await rejectionOf(resolveListen("nowhere:1", lookup()))).code, "DNS_FAILED");
    assert.equal((await rejectionOf(resolveListen("4294967296:1", failing))).code, "DNS_FAILED");
  });

  it("is CONFIG_INVALID for text that is no address", async () => {
    assert.equal((await rejectionOf(resolveListen("nonsense", noLookup))).code, "CONFIG_INVALID");
    assert.equal((await rejectionOf(resolveListen(":99999", noLookup))).code, "CONFIG_INVALID");
  });

  it("is the same for every spelling of an IPv4 address", () =>
    fc.assert(
      fc.property(fc.ipV4Extended(), (text) => {
        const canonical = canonicalIp(text);
        // The URL standard reads the same spellings; like inet_aton, it has no upper limit for leading zeros.
        assert.equal(canonical, new URL(`http://${text}/`).hostname);
      }),
    ));

  it("is the same for every spelling of an IPv6 address", () =>
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const canonical = canonicalIp(text) ?? "";
        assert.equal(canonicalIp(canonical), canonical);
      }),
    ));
});

describe("the outgoing address", () => {
  it("is resolved like the listen address; its port is 0 unless given", async () => {
    assert.deepEqual(await resolveBind("192.0.2.1", noLookup), { kind: "tcp", host: "192.0.2.1", port: 0 });
    assert.deepEqual(await resolveBind("[::1]:5", noLookup), { kind: "tcp", host: "::1", port: 5 });
    assert.deepEqual(await resolveBind("out.example", lookup("192.0.2.9")), { kind: "tcp", host: "192.0.2.9", port: 0 });
  });

  it("can't be a path", async () => {
    assert.equal((await rejectionOf(resolveBind("/x", noLookup))).code, "CONFIG_INVALID");
  });
});
