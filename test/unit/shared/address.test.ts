/** Addresses in spiped's forms: what is read, what is refused, and what counts as this machine. */
import assert from "node:assert/strict";
import { type Address, formatAddress, isLoopbackIp, MAX_SOCKET_PATH_BYTES, parseAddress, parseBindAddress } from "../../../shared/address.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

describe("parseAddress", () => {
  const good: readonly (readonly [string, Address])[] = [
    ["localhost:6379", { kind: "tcp", host: "localhost", port: 6379 }],
    ["cache.example.com:1", { kind: "tcp", host: "cache.example.com", port: 1 }],
    ["127.0.0.1:0", { kind: "tcp", host: "127.0.0.1", port: 0 }],
    ["[127.0.0.1]:65535", { kind: "tcp", host: "127.0.0.1", port: 65_535 }],
    ["[::1]:8080", { kind: "tcp", host: "::1", port: 8080 }],
    ["[::]:22", { kind: "tcp", host: "::", port: 22 }],
    ["[2001:db8::7]:3306", { kind: "tcp", host: "2001:db8::7", port: 3306 }],
    ["/run/redis.sock", { kind: "unix", path: "/run/redis.sock" }],
    ["/tmp/a socket:6379", { kind: "unix", path: "/tmp/a socket:6379" }],
  ];
  for (const text of [
    "'[127.0.0.1]:21000'",
    '"127.0.0.1:21000"',
    "‘localhost:1’",
    "“localhost:1”",
    "`localhost:1`",
    "'/run/redis.sock'",
    "'localhost:1",
    "localhost:1'",
  ]) {
    it(`says to remove the quotes of ${text}`, () => assert.match(errorOf(() => parseAddress(text)).message, /remove the quotes/));
    it(`says to remove the quotes of ${text} as bind address`, () => assert.match(errorOf(() => parseBindAddress(text)).message, /remove the quotes/));
  }

  for (const [text, address] of good) it(`reads ${text}`, () => assert.deepEqual(parseAddress(text), address));

  const bad: readonly (readonly [string, string])[] = [
    ["the empty text", ""],
    ["a host without a port", "localhost"],
    ["a port without a host", ":6379"],
    ["an empty port", "localhost:"],
    ["a port above 65535", "localhost:65536"],
    ["a port of six digits", "localhost:000080"],
    ["a negative port", "localhost:-1"],
    ["a port with a sign", "localhost:+80"],
    ["a port in hex", "localhost:0x50"],
    ["a port with a space", "localhost: 80"],
    ["a port that is a word", "localhost:http"],
    ["a fractional port", "localhost:80.5"],
    ["IPv6 without brackets", "::1:6379"],
    ["IPv6 in brackets without a port", "[::1]"],
    ["brackets that don't close", "[::1:6379"],
    ["brackets that don't open", "127.0.0.1]:6379"],
    ["something between bracket and colon", "[::1]x:6379"],
    ["empty brackets", "[]:6379"],
    ["a name in brackets", "[localhost]:6379"],
    ["half an IPv4 address in brackets", "[127.0.0]:6379"],
    ["a host with a space", "my host:6379"],
    ["a host with a slash", "run/redis:6379"],
    ["a relative socket path", "run/redis.sock"],
    ["a socket path with a NUL", "/run/redis\0.sock"],
    ["a host with a NUL", "local\0host:6379"],
    ["a host with an escape sequence", "\u001b[2Jlocalhost:6379"],
  ];
  for (const [what, text] of bad)
    it(`refuses ${what}`, () =>
      assert.equal(
        codeOf(() => parseAddress(text)),
        "CONFIG_INVALID",
      ));

  it("accepts a socket path as long as the kernel's limit", () => {
    const path = `/${"x".repeat(MAX_SOCKET_PATH_BYTES - 1)}`;
    assert.deepEqual(parseAddress(path), { kind: "unix", path });
  });

  it("refuses a socket path one byte longer", () => {
    assert.equal(
      codeOf(() => parseAddress(`/${"x".repeat(MAX_SOCKET_PATH_BYTES)}`)),
      "CONFIG_INVALID",
    );
  });

  it("measures a socket path in bytes, not in characters", () => {
    assert.equal(
      codeOf(() => parseAddress(`/${"ü".repeat(Math.ceil(MAX_SOCKET_PATH_BYTES / 2))}`)),
      "CONFIG_INVALID",
    );
  });

  if (process.platform === "linux") it("knows Linux's limit of 107 bytes", () => assert.equal(MAX_SOCKET_PATH_BYTES, 107));
});

describe("parseBindAddress", () => {
  for (const [text, address] of [
    ["192.0.2.7", { kind: "tcp", host: "192.0.2.7", port: 0 }],
    ["192.0.2.7:1234", { kind: "tcp", host: "192.0.2.7", port: 1234 }],
    ["[::1]", { kind: "tcp", host: "::1", port: 0 }],
    ["[::1]:99", { kind: "tcp", host: "::1", port: 99 }],
    ["localhost", { kind: "tcp", host: "localhost", port: 0 }],
    ["/tmp/bound.sock", { kind: "unix", path: "/tmp/bound.sock" }],
  ] as const) {
    it(`reads ${text}`, () => assert.deepEqual(parseBindAddress(text), address));
  }

  for (const text of ["", "::1", "[::1]:", "host:port", "[host]", ":80"]) {
    it(`refuses "${text}"`, () =>
      assert.equal(
        codeOf(() => parseBindAddress(text)),
        "CONFIG_INVALID",
      ));
  }
});

describe("formatAddress", () => {
  it("puts IPv6 in brackets", () => assert.equal(formatAddress({ kind: "tcp", host: "::1", port: 80 }), "[::1]:80"));
  it("leaves IPv4 without brackets", () => assert.equal(formatAddress({ kind: "tcp", host: "127.0.0.1", port: 80 }), "127.0.0.1:80"));
  it("writes a socket path as it is", () => assert.equal(formatAddress({ kind: "unix", path: "/run/x" }), "/run/x"));
});

describe("isLoopbackIp", () => {
  for (const ip of [
    "127.0.0.1",
    "127.0.0.0",
    "127.255.255.255",
    "::1",
    "0:0:0:0:0:0:0:1",
    "0000:0000:0000:0000:0000:0000:0000:0001",
    "::ffff:127.0.0.1",
    "::FFFF:127.8.9.10",
  ]) {
    it(`is true for ${ip}`, () => assert.equal(isLoopbackIp(ip), true));
  }

  for (const ip of [
    ...["0.0.0.0", "126.255.255.255", "128.0.0.1", "10.0.0.1", "1.127.0.0", "::", "::2", "::127.0.0.1", "::ffff:128.0.0.1", "::ffff:0.0.0.0", "fe80::1"],
    ...["fe80::1%eth0", "1::1", "", "localhost", "127.0.0.1.example.com", "127.1", "127.0.0.1:80", "[::1]", "127.0.0.256"],
  ]) {
    it(`is false for "${ip}"`, () => assert.equal(isLoopbackIp(ip), false));
  }
});
