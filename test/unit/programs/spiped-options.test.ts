/** The command lines of spiped and spipe: every default, every option, every combination that is refused. */
import assert from "node:assert/strict";
import { asksForVersion, parseSpipe, parseSpiped } from "../../../daemon/programs/spiped-options.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const BASE = ["-s", "127.0.0.1:6379", "-t", "db.example.com:6479", "-k", "key"] as const;
const spiped = (...more: readonly string[]) => parseSpiped(["-e", ...BASE, ...more]);
const spipe = (...more: readonly string[]) => parseSpipe(["-t", "db.example.com:6479", "-k", "key", ...more]);

const DEFAULTS = {
  role: "client",
  source: { kind: "tcp", host: "127.0.0.1", port: 6379 },
  target: { kind: "tcp", host: "db.example.com", port: 6479 },
  keyFile: "key",
  bind: undefined,
  forwardSecrecy: "prefer",
  keepAlive: true,
  timeoutMs: 5_000,
  waitForDns: false,
  foreground: false,
  maxConnections: 100,
  pidFile: "127.0.0.1:6379.pid",
  refreshMs: 60_000,
  syslog: false,
  user: undefined,
} as const;

describe("asksForVersion", () => {
  for (const args of [["-v"], ["-d", "-v"], ["-dFv"], ["-v", "-X"], ["-vX"], ["-v", "-v"], ["-k", "key", "-v", "more"]]) {
    it(`is true for ${args.join(" ")}`, () => assert.equal(asksForVersion("spiped", args), true));
  }

  for (const args of [[], ["-d"], ["-k", "-v"], ["--", "-v"]]) {
    it(`is false for "${args.join(" ")}"`, () => assert.equal(asksForVersion("spiped", args), false));
  }

  for (const args of [["-X", "-v"], ["-dXv"], ["-d", "-d", "-v"]]) {
    it(`reports the mistake first in ${args.join(" ")}, as spiped does`, () =>
      assert.equal(
        codeOf(() => asksForVersion("spiped", args)),
        "CONFIG_INVALID",
      ));
  }
});

describe("parseSpiped", () => {
  for (const option of ["-s", "-t"] as const) {
    it(`refuses port 0 after ${option}, as spiped does`, () => {
      const args = ["-e", ...BASE].map((arg, index, all) => (all[index - 1] === option ? "[127.0.0.1]:0" : arg));
      assert.match(errorOf(() => parseSpiped(args)).message, new RegExp(`^${option} .*name a port`));
    });
  }

  it("has spiped's defaults", () => assert.deepEqual(spiped(), DEFAULTS));

  it("takes -d for the server's side", () => assert.equal(parseSpiped(["-d", ...BASE]).role, "server"));

  for (const [args, change] of [
    [["-b", "192.0.2.7"], { bind: { kind: "tcp", host: "192.0.2.7", port: 0 } }],
    [["-D"], { waitForDns: true }],
    [["-f"], { forwardSecrecy: "off" }],
    [["-g"], { forwardSecrecy: "require" }],
    [["-F"], { foreground: true }],
    [["-j"], { keepAlive: false }],
    [["-n", "1"], { maxConnections: 1 }],
    [["-n", "0"], { maxConnections: Number.POSITIVE_INFINITY }],
    [["-n", "100000"], { maxConnections: 100_000 }],
    [["-o", "0.25"], { timeoutMs: 250 }],
    [["-o", "30"], { timeoutMs: 30_000 }],
    [["-p", "/run/x.pid"], { pidFile: "/run/x.pid" }],
    [["-r", "10"], { refreshMs: 10_000 }],
    [["-r", "1.5"], { refreshMs: 1_500 }],
    [["-R"], { refreshMs: undefined }],
    [["-r", "60", "-R"], { refreshMs: undefined }],
    [["--syslog"], { syslog: true }],
    [["-u", "redis:redis"], { user: "redis:redis" }],
    [["-DFjn7"], { waitForDns: true, foreground: true, keepAlive: false, maxConnections: 7 }],
  ] as const) {
    it(`reads ${args.join(" ")}`, () => assert.deepEqual(spiped(...args), { ...DEFAULTS, ...change }));
  }

  it("names the pid file after the source as given", () => {
    assert.equal(parseSpiped(["-d", "-s", "/run/in.sock", "-t", "[::1]:1", "-k", "key"]).pidFile, "/run/in.sock.pid");
  });

  it("limits a time to the maximum of a timer", () => assert.equal(spiped("-o", "99999999").timeoutMs, 2_147_483_647));

  for (const [what, args] of [
    ["-e with -d", ["-e", "-d", ...BASE]],
    ["neither -e nor -d", [...BASE]],
    ["-f with -g", ["-e", "-f", "-g", ...BASE]],
    ["-r with -R", ["-e", "-r", "10", "-R", ...BASE]],
    ["no -s", ["-e", "-t", "a:1", "-k", "key"]],
    ["no -t", ["-e", "-s", "a:1", "-k", "key"]],
    ["no -k", ["-e", "-s", "a:1", "-t", "b:1"]],
    ["an empty -k", ["-e", "-s", "a:1", "-t", "b:1", "-k", ""]],
    ["an operand", ["-e", ...BASE, "extra"]],
    ["a malformed source", ["-e", "-s", "nowhere", "-t", "b:1", "-k", "key"]],
    ["a malformed target", ["-e", "-s", "a:1", "-t", "b:http", "-k", "key"]],
    ["a malformed bind address", ["-e", ...BASE, "-b", "::1"]],
    ["a negative -n", ["-e", ...BASE, "-n", "-1"]],
    ["a fractional -n", ["-e", ...BASE, "-n", "1.5"]],
    ["a -n that is no number", ["-e", ...BASE, "-n", "many"]],
    ["an empty -n", ["-e", ...BASE, "-n", ""]],
    ["a negative -o", ["-e", ...BASE, "-o", "-1"]],
    ["a -o that is no number", ["-e", ...BASE, "-o", "soon"]],
    ["a -o that only begins with a number", ["-e", ...BASE, "-o", "5s"]],
    ["an empty -o", ["-e", ...BASE, "-o", ""]],
    ["a -o that is NaN", ["-e", ...BASE, "-o", "NaN"]],
    ["a negative -r", ["-e", ...BASE, "-r", "-60"]],
    ["an unknown option", ["-e", ...BASE, "-z"]],
  ] as const) {
    it(`refuses ${what}`, () =>
      assert.equal(
        codeOf(() => parseSpiped(args)),
        "CONFIG_INVALID",
      ));
  }

  it("says in one line what is wrong and how to fix it", () => {
    for (const args of [["-e", "-d", ...BASE], [...BASE], ["-e", ...BASE, "-n", "many"]]) {
      assert.match(errorOf(() => parseSpiped(args)).message, /^[^\n]{20,200}$/);
    }
  });
});

describe("parseSpipe", () => {
  it("has spipe's defaults", () => {
    assert.deepEqual(spipe(), { target: DEFAULTS.target, keyFile: "key", bind: undefined, forwardSecrecy: "prefer", keepAlive: true, timeoutMs: 5_000 });
  });

  it("accepts the options that it shares with spiped", () => {
    const { bind, forwardSecrecy, keepAlive, timeoutMs } = spipe("-gj", "-o", "2", "-b", "[::1]:9");
    assert.deepEqual(
      { bind, forwardSecrecy, keepAlive, timeoutMs },
      { bind: { kind: "tcp", host: "::1", port: 9 }, forwardSecrecy: "require", keepAlive: false, timeoutMs: 2_000 },
    );
  });

  for (const option of ["-e", "-d", "-D", "-F", "-R", "--syslog"]) {
    it(`refuses spiped's ${option}`, () =>
      assert.equal(
        codeOf(() => spipe(option)),
        "CONFIG_INVALID",
      ));
  }

  for (const [what, args] of [
    ["no -t", ["-k", "key"]],
    ["no -k", ["-t", "a:1"]],
    ["-f with -g", ["-t", "a:1", "-k", "key", "-fg"]],
    ["an operand", ["-t", "a:1", "-k", "key", "host"]],
  ] as const) {
    it(`refuses ${what}`, () =>
      assert.equal(
        codeOf(() => parseSpipe(args)),
        "CONFIG_INVALID",
      ));
  }
});
