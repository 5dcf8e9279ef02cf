import assert from "node:assert/strict";
import fc from "fast-check";
import { factLines } from "../../../daemon/cli/consent.ts";
import { stageLine, tell } from "../../../daemon/cli/diagnose.ts";
import { logLine } from "../../../daemon/cli/logs.ts";
import { ago, createOutput, type Output, safeJson, table } from "../../../daemon/cli/output.ts";
import { statusLines } from "../../../daemon/cli/status.ts";
import { statusJson } from "../../../daemon/cli/status-json.ts";
import { nameList, tunnelLines } from "../../../daemon/cli/tunnel-line.ts";
import type { Diagnosis } from "../../../shared/contract/diagnosis.ts";
import { approvedFacts, tunnelStatus } from "../../support/status.ts";

const ESC = "\u001b";
const HOSTILE = `a${ESC}[2Jb\r\nc\u009bd\u202ee`;

function capture(options: { readonly isTTY?: boolean; readonly columns?: number; readonly env?: NodeJS.ProcessEnv } = {}): {
  readonly output: Output;
  out: string;
  err: string;
} {
  const result = { out: "", err: "" };
  const sink = (name: "out" | "err") => ({
    isTTY: options.isTTY ?? false,
    ...(options.columns !== undefined && { columns: options.columns }),
    write: (text: string) => {
      result[name] += text;
    },
    on: () => {},
  });
  const output = createOutput({ name: "tunneld", stdout: sink("out"), stderr: sink("err"), env: options.env ?? {} });
  return Object.assign(result, { output });
}

/** Whether the text has no characters, except line feeds, that could control a terminal. */
function isTame(text: string): boolean {
  return !/[^\P{Cc}\n]|[\u202a-\u202e\u2066-\u2069]/u.test(text);
}

describe("what commands print", () => {
  it("has no control characters from outside on any stream", () => {
    const said = capture();
    said.output.say(HOSTILE);
    said.output.warn(HOSTILE);
    said.output.note(HOSTILE);
    said.output.raw(`${said.output.paint("red", HOSTILE)}\n`);
    for (const line of tunnelLines([tunnelStatus({ target: HOSTILE, listen: HOSTILE })], said.output)) said.output.raw(`${line}\n`);
    said.output.raw(logLine({ atMs: 0, level: "warn", message: HOSTILE, tunnel: HOSTILE, code: HOSTILE }, said.output));
    for (const line of factLines(approvedFacts({ target: HOSTILE, env: { A: HOSTILE } }))) said.output.whole(line);
    assert.ok(isTame(said.out) && isTame(said.err), JSON.stringify(said));
  });

  for (const [what, options, coloured] of [
    ["coloured on a terminal", { isTTY: true }, true],
    ["plain elsewhere", {}, false],
    ["plain with NO_COLOR", { isTTY: true, env: { NO_COLOR: "1" } }, false],
    ["coloured with an empty NO_COLOR", { isTTY: true, env: { NO_COLOR: "" } }, true],
    ["plain on a dumb terminal", { isTTY: true, env: { TERM: "dumb" } }, false],
  ] as const) {
    it(`is ${what}`, () => assert.equal(capture(options).output.paint("red", "x"), coloured ? `${ESC}[31mx${ESC}[0m` : "x"));
  }

  it("is JSON with the same values that can't control a terminal", () =>
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: "binary" }), (value, text) => {
        const json = safeJson({ value, text, HOSTILE }, 2);
        assert.deepEqual(JSON.parse(json), JSON.parse(JSON.stringify({ value, text, HOSTILE })));
        assert.ok(isTame(json));
      }),
    ));
});

describe("a table", () => {
  it("pads every column but the last, and doesn't count styles", () => {
    const rows = [
      [{ text: "a", paint: (text: string) => `<<${text}>>` }, { text: "bb" }],
      [{ text: "ccc" }, { text: "d" }],
    ];
    assert.deepEqual(table(rows), ["<<a>>    bb", "ccc  d"]);
  });

  it("is empty without rows", () => assert.deepEqual(table([]), []));

  for (const [seconds, words] of [
    [-5, "just now"],
    [1.9, "just now"],
    [2, "2 s ago"],
    [119, "119 s ago"],
    [120, "2 min ago"],
    [7_200, "2 h ago"],
    [172_800, "2 d ago"],
  ] as const) {
    it(`says ${words} after ${seconds} s`, () => assert.equal(ago(0, seconds * 1000), words));
  }

  it("names ten, and counts the rest", () => {
    assert.equal(nameList(["a", "b"]), "a, b");
    assert.match(nameList(Array.from({ length: 12 }, (_, index) => `t${index}`)), /^t0, .*t9 and 2 more$/);
  });
});

describe("status --json", () => {
  const daemon = { pid: 7, version: "1.2.3", protocol: 1, instanceId: "x", startedAtMs: 0, stateDir: "/s", crypto: "node", draining: false };

  it("is null and empty without a daemon", () => assert.deepEqual(statusJson(undefined), { daemon: null, tunnels: [] }));

  it("keeps the form that scripts rely on", () => {
    const failure = { code: "KEY_MISMATCH", message: "another key", atMs: 2_000, count: 3 } as const;
    const user = { kind: "vscode", name: "app", pid: 8 };
    const tunnel = tunnelStatus({
      openConnections: 2,
      totalConnections: 5,
      keyVerifiedAtMs: 1_500,
      lastFailure: failure,
      users: [user],
      plainInBytes: 1,
      plainOutBytes: 2,
    });
    assert.deepEqual(statusJson({ daemon, tunnels: [tunnel] }), {
      daemon: {
        pid: 7,
        version: "1.2.3",
        protocol: 1,
        startedAt: "1970-01-01T00:00:00.000Z",
        stateDir: "/s",
        crypto: "node",
        draining: false,
        predecessors: [],
        unsaved: null,
      },
      tunnels: [
        {
          name: "cache",
          configPath: "/srv/app/.vscode/tunnels.json",
          role: "client",
          service: "redis",
          state: "listening",
          since: "1970-01-01T00:00:01.000Z",
          listen: "127.0.0.1:6579",
          target: "cache.example.com:6479",
          backend: null,
          group: null,
          connections: 2,
          totalConnections: 5,
          keyVerifiedAt: "1970-01-01T00:00:01.500Z",
          backendVerifiedAt: null,
          keyFingerprints: ["aaaa-bbbb"],
          keyUses: [],
          wire: null,
          product: null,
          reconnecting: null,
          sessions: null,
          lastFailure: { code: "KEY_MISMATCH", message: "another key", at: "1970-01-01T00:00:02.000Z", count: 3 },
          bytesIn: 1,
          bytesOut: 2,
          pinned: false,
          closedByUser: false,
          users: [user],
        },
      ],
    });
  });
});

describe("tunneld status for people", () => {
  const daemon = { pid: 7, version: "1.2.3", protocol: 1, instanceId: "i", startedAtMs: 0, stateDir: "/s", crypto: "node", draining: false } as const;
  const linesFor = (tunnel: Parameters<typeof tunnelStatus>[0], terminal: Parameters<typeof capture>[0] = {}): string[] =>
    statusLines({ daemon, tunnels: [tunnelStatus(tunnel)] }, { output: capture({ env: { NO_COLOR: "1" }, ...terminal }).output, nowMs: 100_000 });
  const degraded = {
    state: "degraded",
    lastFailure: { code: "BACKEND_DOWN", message: "the service did not answer within 15 s", atMs: 97_000, count: 1 },
  } as const;

  for (const [what, tunnel, said] of [
    ["the answer of the service", { keyVerifiedAtMs: 99_500, backendVerifiedAtMs: 90_000 }, "10 s ago"],
    ["nothing as long as a Redis has not answered", { keyVerifiedAtMs: 90_000 }, "not yet"],
    ["the key for a tcp service, which may never speak", { service: "tcp", keyVerifiedAtMs: 90_000 }, "10 s ago"],
    ["the answer of a tcp service that did speak", { service: "tcp", keyVerifiedAtMs: 90_000, backendVerifiedAtMs: 95_000 }, "5 s ago"],
  ] as const)
    it(`counts as verified ${what}`, () => {
      assert.match(linesFor(tunnel)[2] ?? "", new RegExp(` 0 {5}${said} +$`));
    });

  it("says how many connections wait for the network, and why", () => {
    const reconnecting = { sinceMs: 88_000, connections: 1, code: "CONNECT_TIMEOUT", message: "no answer within 5 s" } as const;
    const lines = linesFor({ state: "reconnecting", reconnecting, lastFailure: degraded.lastFailure });
    assert.deepEqual(lines.slice(3), ["  1 connection waits for the network, cut 12 s ago: CONNECT_TIMEOUT no answer within 5 s"]);
  });

  it("wraps failure and cure between words on a terminal, with an indent", () => {
    const lines = linesFor(degraded, { isTTY: true, columns: 50 }).slice(3);
    assert.deepEqual(lines.slice(0, 2), ["  BACKEND_DOWN the service did not answer within", "    15 s (3 s ago)"]);
    assert.ok(lines.length > 3);
    for (const line of lines) assert.match(line, /^(?=.{3,50}$) {2}(?: {2})?\S/);
  });

  it("leaves failure and cure in one line each without a terminal", () => {
    assert.deepEqual(linesFor(degraded).slice(3).length, 2);
  });
});

describe("a line of tunneld diagnose", () => {
  const { output } = capture();

  it("has the code of a failure and not its message, which comes below", () => {
    assert.equal(
      stageLine({ stage: "backend", ok: false, ms: 0, code: "BACKEND_DOWN", detail: "it closed" }, output).trimEnd(),
      "✖ backend                      BACKEND_DOWN",
    );
  });

  it("says why an approval can't be judged without the key", () => {
    assert.match(stageLine({ stage: "approval", ok: null, ms: 0.5 }, output), /^– approval +0\.5 ms {2}can't be judged before the key is there$/);
  });

  it("has the stage's finding when all is well", () => {
    assert.match(stageLine({ stage: "listen", ok: true, ms: 1, detail: "127.0.0.1:6579 is free" }, output), / 127\.0\.0\.1:6579 is free$/);
  });
});

describe("the verdict of tunneld diagnose", () => {
  const cause = "127.0.0.1:6579 is in use";
  const busy = { stage: "listen", ok: false, ms: 1, code: "LISTEN_IN_USE", detail: cause } as const;
  const refused = { stage: "dial", ok: false, ms: 1, code: "CONNECT_REFUSED", detail: "nothing listens there" } as const;
  const diagnosis: Omit<Diagnosis, "stages"> = {
    ...{ name: "cache", role: "client", service: "redis", target: "far:1", code: "LISTEN_IN_USE", certain: true, cause, cure: "Choose another port." },
    ...{ addresses: [], roundTrips: {}, warnings: [] },
  };

  it("shows each failure's message once", () => {
    const said = capture();
    tell({ ...diagnosis, stages: [busy, refused] }, said.output);
    assert.equal(said.out, `\nLISTEN_IN_USE: ${cause}\nWhat mends it: Choose another port.\nBesides, dial: nothing listens there\n`);
  });
});
