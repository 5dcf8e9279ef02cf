/** Addresses of any kind are read as they were written. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type Address, formatAddress, isLoopbackIp, parseAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";

/** deepEqual tells objects without a prototype apart. */
const PLAIN = { noNullPrototype: true };

const anyHost = (): fc.Arbitrary<string> => fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.constantFrom("localhost", "redis", "db-1"));
const anyAddress = (): fc.Arbitrary<Address> =>
  fc.oneof(
    fc.record({ kind: fc.constant("tcp" as const), host: anyHost(), port: fc.integer({ min: 0, max: 65_535 }) }, PLAIN),
    fc.record({ kind: fc.constant("unix" as const), path: fc.stringMatching(/^\/[!-~]{1,80}$/) }, PLAIN),
  );

describe("addresses", () => {
  it("are read as they were written", () => fc.assert(fc.property(anyAddress(), (address) => assert.deepEqual(parseAddress(formatAddress(address)), address))));

  it("are read from any text or refused with CONFIG_INVALID, never anything else", () =>
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.string({ unit: fc.constantFrom(...":[]/.%-0129af \0") })), (text) => {
        let address: Address | undefined;
        try {
          address = parseAddress(text);
        } catch (error) {
          assert.ok(error instanceof TunnelError && error.code === "CONFIG_INVALID");
        }
        if (address) assert.deepEqual(parseAddress(formatAddress(address)), address);
      }),
      { numRuns: 500 },
    ));

  it("of 127.0.0.0/8 are loopback and all other IPv4 ones are not", () =>
    fc.assert(fc.property(fc.ipV4(), (ip) => assert.equal(isLoopbackIp(ip), ip.split(".")[0] === "127"))));

  it("of IPv6 are judged without throwing, scoped ones too", () =>
    fc.assert(
      fc.property(fc.ipV6(), fc.constantFrom("", "%eth0", "%1"), (ip, zone) => {
        assert.equal(typeof isLoopbackIp(`${ip}${zone}`), "boolean");
      }),
    ));
});
