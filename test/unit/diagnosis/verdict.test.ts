/** The rules as a table: what was seen, and what it means. */
import assert from "node:assert/strict";
import type { Conclusion, StageName } from "../../../daemon/diagnosis/report.ts";
import { judgeService } from "../../../daemon/diagnosis/service-verdict.ts";
import type { ServiceSighting, Sighting } from "../../../daemon/diagnosis/sighting.ts";
import { type Circumstances, forwardSecrecyNeeded, judge } from "../../../daemon/diagnosis/verdict.ts";
import { type ErrorCode, TunnelError } from "../../../shared/errors.ts";
import { ascii, pattern } from "../../support/wire/bytes.ts";

const TIMES = { nonceMs: 5, heldMs: 300, waitedMs: 5 };
const PROVED = { at: "proved", wire: "spiped", forwardSecret: true, nonceMs: 5, proofMs: 5 } as const;
const NATIVE = { ...PROVED, wire: "native" } as const;
const TOLD = { at: "told", nonceMs: 5, proofMs: 5 } as const;
const ANSWERED: ServiceSighting = { seen: "answered", what: "Redis (PONG)", ms: 1, isCluster: false };

type Row = readonly [seen: string, sighting: Sighting, verdict: readonly [ErrorCode | null, "certain" | "a guess", StageName?], more?: Partial<Circumstances>];

const HANDSHAKES: readonly Row[] = [
  ["(a) no byte, then close", { at: "silent", end: "closed" }, ["PEER_CLOSED", "a guess", "nonce"]],
  ["(a) no byte, then reset", { at: "silent", end: "reset" }, ["PEER_CLOSED", "a guess", "nonce"]],
  ["no byte at all", { at: "silent", end: "waiting" }, ["HANDSHAKE_TIMEOUT", "a guess", "nonce"]],
  ["no byte where the key has worked", { at: "silent", end: "waiting" }, ["LIMIT_REACHED", "a guess", "nonce"], { verifiedBefore: true }],
  ["no byte, a nonce on a later connection", { at: "silent", end: "waiting" }, ["LIMIT_REACHED", "a guess", "nonce"], { stranger: { is: "late" } }],
  [
    "no byte, Redis on a later connection",
    { at: "silent", end: "waiting" },
    ["NOT_SPIPED", "certain", "nonce"],
    { stranger: { is: "known", words: "Redis", sure: true } },
  ],
  [
    "closed, some word on a later connection",
    { at: "silent", end: "closed" },
    ["NOT_SPIPED", "a guess", "nonce"],
    { stranger: { is: "known", words: "a text", sure: false } },
  ],
  ["(b) more than 32 bytes before C4", { at: "talkative", head: pattern(33) }, ["NOT_SPIPED", "certain", "nonce"]],
  ["(b) more than 32 bytes, known ones", { at: "talkative", head: ascii("HTTP/1.1 400 Bad Request\r\nServer: x") }, ["NOT_SPIPED", "certain", "nonce"]],
  ["what we sent ourselves", { at: "echo" }, ["NOT_SPIPED", "certain", "nonce"]],
  ["7 bytes of a TLS alert, then close", { at: "opening", end: "closed", head: Uint8Array.of(0x15, 3, 3, 0, 2, 2, 40) }, ["NOT_SPIPED", "certain", "nonce"]],
  ["a readable word, then silence", { at: "opening", end: "waiting", head: ascii("ERROR\r\n") }, ["NOT_SPIPED", "a guess", "nonce"]],
  ["5 unknown bytes, then close", { at: "opening", end: "closed", head: pattern(5) }, ["NOT_SPIPED", "a guess", "nonce"]],
  ["5 unknown bytes, then silence", { at: "opening", end: "waiting", head: pattern(5) }, ["HANDSHAKE_TIMEOUT", "a guess", "nonce"]],
  ["no byte and the end, and a nonce the next time", { at: "silent", end: "closed" }, ["BACKEND_DOWN", "a guess", "backend"], { stranger: { is: "late" } }],
  ["(c) nonce, then close while C4 is held", { at: "held", end: "closed", nonceMs: 5, heldMs: 1 }, ["BACKEND_DOWN", "a guess", "backend"]],
  ["(c) nonce, then reset while C4 is held", { at: "held", end: "reset", nonceMs: 5, heldMs: 1 }, ["BACKEND_DOWN", "a guess", "backend"]],
  ["(e) reset after C4", { at: "unproved", end: "reset", gotBytes: 0, ...TIMES }, ["BACKEND_DOWN", "a guess", "backend"]],
  ["(e, f) close after C4, each time", { at: "unproved", end: "closed", gotBytes: 0, ...TIMES }, ["KEY_MISMATCH", "a guess", "key-proof"]],
  [
    "the same where the key has worked",
    { at: "unproved", end: "closed", gotBytes: 0, ...TIMES },
    ["KEY_MISMATCH", "a guess", "key-proof"],
    { verifiedBefore: true },
  ],
  ["silence after C4", { at: "unproved", end: "waiting", gotBytes: 0, ...TIMES }, ["HANDSHAKE_TIMEOUT", "a guess", "key-proof"]],
  ["part of S5, then silence", { at: "unproved", end: "waiting", gotBytes: 9, ...TIMES }, ["HANDSHAKE_TIMEOUT", "a guess", "key-proof"]],
  ["part of S5, then close", { at: "unproved", end: "closed", gotBytes: 9, ...TIMES }, ["TRUNCATED", "a guess", "key-proof"]],
  [
    "S5 with a wrong MAC",
    { at: "refuted", error: new TunnelError("PEER_MAC_INVALID", "x"), nonceMs: 5, proofMs: 5 },
    ["PEER_MAC_INVALID", "certain", "key-proof"],
  ],
  [
    "S5 with y = 1",
    { at: "refuted", error: new TunnelError("FORWARD_SECRECY_REFUSED", "x"), nonceMs: 5, proofMs: 5 },
    ["FORWARD_SECRECY_REFUSED", "certain", "forward-secrecy"],
  ],
  ["S5, then half an answer", { ...PROVED, service: { seen: "unfinished", end: "waiting", ms: 5 } }, ["BACKEND_DOWN", "a guess", "service"]],
  ["S5, then TLS that the entry knows nothing of", { ...PROVED, service: { seen: "tls", speaks: true, ms: 5 } }, ["BACKEND_DOWN", "certain", "service"]],
  ["S5, then no TLS that the entry speaks of", { ...PROVED, service: { seen: "tls", speaks: false, ms: 5 } }, ["BACKEND_DOWN", "certain", "service"]],
  [
    "S5, then TLS that ends for want of a certificate",
    { ...PROVED, service: { ...ANSWERED, what: "TLS, which probably wants a certificate,", isGuess: true } },
    [null, "a guess"],
  ],
  ["S5, then nothing", { ...PROVED, service: { seen: "silent", waitedMs: 6_000 } }, ["BACKEND_DOWN", "a guess", "backend"]],
  ["S5, then another service", { ...PROVED, service: { seen: "other", what: "MariaDB 10", ms: 1 } }, ["BACKEND_DOWN", "certain", "service"]],
  [
    "S5, then a database that is blocked",
    { ...PROVED, service: { seen: "refused", code: "BACKEND_BLOCKED", text: "error 1129", ms: 1 } },
    ["BACKEND_BLOCKED", "certain", "service"],
  ],
  [
    "S5, then a damaged packet",
    { ...PROVED, service: { seen: "fault", error: new TunnelError("RECORD_INVALID", "a packet has a wrong MAC") } },
    ["RECORD_INVALID", "certain", "backend"],
  ],
  ["S5 and the service", { ...PROVED, service: ANSWERED }, [null, "certain"]],
  ["S5, and a plain service that says nothing", { ...PROVED, service: { seen: "open", openMs: 1_000 } }, [null, "a guess"]],
  ["S5 where only the native wire is taken", { ...PROVED, service: ANSWERED }, ["WIRE_REFUSED", "certain", "nonce"], { wire: "native" }],
  ["an answered hint, then close", { at: "cut", end: "closed", nonceMs: 5, waitedMs: 5 }, ["PEER_CLOSED", "a guess", "key-proof"]],
  ["an answered hint, then silence", { at: "cut", end: "waiting", nonceMs: 5, waitedMs: 5 }, ["HANDSHAKE_TIMEOUT", "a guess", "key-proof"]],
  [
    "the far end's word that its backend refuses connections",
    { ...TOLD, isOwnWord: true, error: new TunnelError("BACKEND_DOWN", "the far end says that its backend refuses connections") },
    ["BACKEND_DOWN", "certain", "backend"],
  ],
  [
    "the far end's word that it is full",
    { ...TOLD, isOwnWord: true, error: new TunnelError("LIMIT_REACHED", "the far end has all the connections that it takes") },
    ["LIMIT_REACHED", "certain", "backend"],
  ],
  [
    "no word of the far end in time",
    { ...TOLD, isOwnWord: false, error: new TunnelError("BACKEND_DOWN", "probably it waits for its backend") },
    ["BACKEND_DOWN", "a guess", "backend"],
  ],
  ["native, and the service", { ...NATIVE, service: ANSWERED }, [null, "certain"], { wire: "native" }],
  ["native, and a plain service that says nothing", { ...NATIVE, service: { seen: "open", openMs: 1_000 } }, [null, "certain"]],
  [
    "native, and a backend that closes at once",
    { ...NATIVE, service: { seen: "closed", end: "closed", asked: false, isEarly: true, waitedMs: 5 } },
    ["BACKEND_DOWN", "certain", "backend"],
  ],
  [
    "native, and a backend that closes on the question",
    { ...NATIVE, service: { seen: "closed", end: "closed", asked: true, isEarly: false, waitedMs: 5 } },
    ["BACKEND_DOWN", "a guess", "backend"],
  ],
  ["native, and a backend that says nothing", { ...NATIVE, service: { seen: "silent", waitedMs: 6_000 } }, ["BACKEND_DOWN", "a guess", "backend"]],
];

function check(conclusion: Conclusion, [code, sureness, stage]: Row[2]): void {
  assert.deepEqual([conclusion.code, conclusion.certain ? "certain" : "a guess", conclusion.stage], [code, sureness, stage]);
  assert.equal(/probably/.test(conclusion.cause), !conclusion.certain, conclusion.cause);
  for (const text of [conclusion.cause, ...(code === null ? [] : [conclusion.cure])]) assert.match(text, /^\S.{10,}\.$/s);
  assert.equal(conclusion.cure === "", code === null);
}

describe("the verdict on a connection", () => {
  for (const [seen, sighting, expected, more] of HANDSHAKES) {
    it(`${seen}: ${expected[0] ?? "all is well"}, ${expected[1]}`, () => {
      check(judge(sighting, { target: "cache.example.com:6479", service: "redis", verifiedBefore: false, ...more }), expected);
    });
  }

  it("refused without forward secrecy and accepted with it: FORWARD_SECRECY_REFUSED, certain", () => {
    check(forwardSecrecyNeeded("cache.example.com:6479"), ["FORWARD_SECRECY_REFUSED", "certain", "forward-secrecy"]);
  });

  it("never says that the key is right when the key was not proved", () => {
    for (const [seen, sighting] of HANDSHAKES) {
      const { cause } = judge(sighting, { target: "t", service: "redis", verifiedBefore: false });
      if (sighting.at !== "proved" && sighting.at !== "told") assert.doesNotMatch(cause, /key is right/, seen);
    }
  });
});

/**
 * S5 (or, in the server role, a connection) and then the end without a byte: what can be the cause? A full far end of
 * ours, and a backend that refuses the far end at once, look alike; a service may close on a question, and a service of
 * unknown kind on silence.
 */
const CLOSED: readonly (readonly [
  service: "redis" | "mysql" | "tcp",
  how: { readonly end: "closed" | "reset"; readonly asked: boolean; readonly isEarly: boolean },
  throughTunnel: "certain" | "a guess",
  directly: "certain" | "a guess",
])[] = [
  ["redis", { end: "closed", asked: false, isEarly: true }, "a guess", "certain"],
  ["redis", { end: "reset", asked: false, isEarly: true }, "certain", "certain"],
  ["redis", { end: "closed", asked: true, isEarly: false }, "a guess", "a guess"],
  ["redis", { end: "reset", asked: true, isEarly: false }, "a guess", "a guess"],
  ["mysql", { end: "closed", asked: false, isEarly: true }, "a guess", "certain"],
  ["mysql", { end: "closed", asked: false, isEarly: false }, "certain", "certain"],
  ["mysql", { end: "reset", asked: false, isEarly: false }, "certain", "certain"],
  ["tcp", { end: "closed", asked: false, isEarly: true }, "a guess", "certain"],
  ["tcp", { end: "closed", asked: false, isEarly: false }, "a guess", "a guess"],
  ["tcp", { end: "reset", asked: false, isEarly: true }, "certain", "certain"],
];

describe("the verdict on a close without a byte", () => {
  for (const [service, how, ...expected] of CLOSED)
    for (const [index, sureness] of expected.entries()) {
      const isTunnel = index === 0;
      const words = `${how.isEarly ? "early" : "late"} ${how.end}, ${how.asked ? "asked" : "not asked"}, ${service}, ${isTunnel ? "through a far end" : "directly"}`;
      it(`${words}: BACKEND_DOWN, ${sureness}`, () => {
        const where = isTunnel ? "behind cache.example.com:6479" : "at 127.0.0.1:6379";
        check(judgeService({ seen: "closed", waitedMs: 5, ...how }, { service, where, isTunnel }), ["BACKEND_DOWN", sureness, "backend"]);
      });
    }

  it("names a full far end among the causes when it may be the cause", () => {
    const sighting = { seen: "closed", end: "closed", asked: false, isEarly: true, waitedMs: 5 } as const;
    assert.match(judgeService(sighting, { service: "redis", where: "behind x", isTunnel: true }).cause, /down or refuses.*maxConnections/);
  });
});

describe("the verdict on a service that is asked directly", () => {
  it("does not mention keys or a far side", () => {
    const sightings: ServiceSighting[] = [
      ANSWERED,
      { seen: "closed", end: "closed", asked: false, isEarly: true, waitedMs: 5 },
      { seen: "silent", waitedMs: 50 },
      { seen: "open", openMs: 50 },
    ];
    for (const sighting of sightings) {
      assert.doesNotMatch(judgeService(sighting, { service: "redis", where: "at 127.0.0.1:6379", isTunnel: false }).cause, /key|far side/);
    }
  });

  for (const [text, cure] of [
    ["error 1129, Host is blocked", /FLUSH HOSTS.*mysqladmin flush-hosts/],
    ["error 1040, Too many connections", /max_connections/],
    ["ERR max number of clients reached", /maxclients/],
    ["DENIED Redis is running in protected mode", /protected mode/],
  ] as const) {
    it(`has its own cure for "${text}"`, () => {
      const conclusion = judgeService({ seen: "refused", code: "BACKEND_BLOCKED", text, ms: 1 }, { service: "mysql", where: "behind x", isTunnel: true });
      assert.match(conclusion.cure, cure);
    });
  }
});
