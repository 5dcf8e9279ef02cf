/**
 * Injected faults, each a real one, and what diagnosis says about them: on loopback, and for faults after the dial again
 * through a relay that adds 25 ms each way. The table is the promise: code, certainty and the stage of the fault.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import type { DiagnosisReport, StageName } from "../../daemon/diagnosis/report.ts";
import type { Timings } from "../../daemon/diagnosis/timings.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import {
  atItsLimit,
  blackHole,
  closing,
  farEnd,
  httpServer,
  nodeServer,
  nonceThen,
  onQuestion,
  otherKey,
  ourEndAtItsLimit,
  rawSocket,
  refusing,
  type Servers,
  type SetUpFault,
  saying,
  tampered,
  tlsServer,
  trickle,
} from "../support/diagnose/faults.ts";
import { startStopped } from "../support/diagnose/hole.ts";
import { startSlowRelay } from "../support/diagnose/slow-relay.ts";
import { diagnoseAt, NATIVE, NO_REFUSAL, QUICK, SILENT } from "../support/diagnose/subject.ts";
import { startSink } from "../support/process/backend.ts";
import { makeKey } from "../support/process/ends.ts";
import { mysqlErrorPacket, PROTECTED_MODE } from "../support/refusals.ts";
import { startMariaDb, startRedis } from "../support/servers.ts";
import { stageForAll, stageForEach } from "../support/stage.ts";

interface Row {
  readonly fault: string;
  readonly setUp: SetUpFault;
  readonly code: ErrorCode | null;
  readonly certain: boolean;
  /** The stage of the fault; none when all is well. */
  readonly stage?: StageName;
  /** A text that the cause must contain. */
  readonly says?: RegExp;
  /** Default: QUICK. */
  readonly timings?: Partial<Timings>;
}

const RELAY_MS = 25;

/** A far end that gives up on its backend at once does so before C4 is sent, however busy the machine. */
const HELD: Partial<Timings> = { ...QUICK, holdMs: 60_000 };
/** A service other than MySQL: says nothing first, and answers a question for certain. */
const ASKED: Partial<Timings> = { ...SILENT, strangerMs: 60_000 };
/** For faults that are only known when this time is over. */
const SOON = { timeoutMs: 1_500 } as const;

/** Faults before there is a connection: a relay would have one. */
const UP_TO_THE_DIAL: readonly Row[] = [
  { fault: "a name nobody knows", setUp: async () => ({ target: "no-such-host.invalid:6479" }), code: "DNS_FAILED", certain: true, stage: "resolve" },
  { fault: "a port nobody listens at", setUp: async () => ({ target: await refusing() }), code: "CONNECT_REFUSED", certain: true, stage: "dial" },
  {
    fault: "an address that swallows connections",
    setUp: async (stage) => ({ target: await blackHole(stage), timeoutMs: 400 }),
    code: "CONNECT_TIMEOUT",
    certain: true,
    stage: "dial",
  },
];

const WELL: readonly Row[] = [
  { fault: "none: Redis", setUp: farEnd({ service: "redis", backend: "redis" }), code: null, certain: true, says: /PONG/ },
  { fault: "none: MariaDB", setUp: farEnd({ service: "mysql", backend: "mariaDb" }), code: null, certain: true, says: /MariaDB 10/ },
  { fault: "none: Redis behind our own end", setUp: farEnd({ maker: "ours", service: "redis", backend: "redis" }), code: null, certain: true, says: /PONG/ },
  { fault: "none: MariaDB behind our own end", setUp: farEnd({ maker: "ours", service: "mysql", backend: "mariaDb" }), code: null, certain: true },
  {
    fault: "none that can be seen: a service of no known kind",
    setUp: farEnd({ backend: async (stage) => (await startSink(stage)).address }),
    code: null,
    certain: false,
    says: /probably/,
    timings: SILENT,
  },
];

const NONCE: readonly Row[] = [
  {
    fault: "nothing but silence",
    setUp: async (stage) => ({ target: await startStopped(stage), timeoutMs: 600 }),
    code: "HANDSHAKE_TIMEOUT",
    certain: false,
    stage: "nonce",
    says: /probably/,
  },
  {
    fault: "closed without a byte",
    setUp: rawSocket(({ socket }) => void socket.end()),
    code: "PEER_CLOSED",
    certain: false,
    stage: "nonce",
    says: /probably/,
  },
  {
    fault: "reset without a byte",
    setUp: rawSocket(({ socket }) => void socket.once("data", () => socket.resetAndDestroy())),
    code: "PEER_CLOSED",
    certain: false,
    stage: "nonce",
  },
  {
    fault: "spiped that has all the connections it takes",
    setUp: async (stage, servers) => ({ ...(await atItsLimit(stage, servers)), timeoutMs: 600 }),
    code: "HANDSHAKE_TIMEOUT",
    certain: false,
    stage: "nonce",
    says: /probably a spiped that has all/,
  },
  {
    fault: "an SSH server",
    setUp: rawSocket((peer) => peer.send("SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n")),
    code: "NOT_SPIPED",
    certain: true,
    stage: "nonce",
    says: /SSH server \(OpenSSH_9\.2p1\)/,
  },
  {
    fault: "an SSH server with a short greeting",
    setUp: rawSocket((peer) => peer.send("SSH-2.0-dropbear_2020.81\r\n")),
    code: "NOT_SPIPED",
    certain: true,
    stage: "nonce",
    says: /SSH/,
  },
  {
    fault: "MariaDB itself instead of spiped",
    setUp: async (_, { mariaDb }) => ({ target: mariaDb }),
    code: "NOT_SPIPED",
    certain: true,
    stage: "nonce",
    says: /MariaDB 10/,
  },
  {
    fault: "Redis itself instead of spiped",
    setUp: async (_, { redis }) => ({ target: redis }),
    code: "NOT_SPIPED",
    certain: true,
    stage: "nonce",
    says: /Redis/,
  },
  { fault: "an HTTP server", setUp: nodeServer(httpServer), code: "NOT_SPIPED", certain: true, stage: "nonce", says: /HTTP/ },
  { fault: "a TLS server", setUp: nodeServer(tlsServer), code: "NOT_SPIPED", certain: true, stage: "nonce", says: /TLS/ },
  {
    fault: "a mail server, which speaks first",
    setUp: rawSocket((peer) => peer.send("220 mail.example.com ESMTP ready\r\n")),
    code: "NOT_SPIPED",
    certain: true,
    stage: "nonce",
    says: /220 mail/,
  },
  {
    fault: "more than a nonce at once",
    setUp: rawSocket((peer) => peer.send(randomBytes(33))),
    code: "NOT_SPIPED",
    certain: true,
    stage: "nonce",
  },
  { fault: "an echo", setUp: rawSocket(({ socket }) => void socket.pipe(socket)), code: "NOT_SPIPED", certain: true, stage: "nonce", says: /sends back/ },
  {
    fault: "a byte now and then",
    setUp: rawSocket((peer) => trickle(peer), SOON),
    code: "HANDSHAKE_TIMEOUT",
    certain: false,
    stage: "nonce",
    says: /of the 32 bytes/,
  },
];

const KEY: readonly Row[] = [
  {
    fault: "another key at Debian's spiped",
    setUp: otherKey({ service: "redis", backend: "redis" }),
    code: "KEY_MISMATCH",
    certain: false,
    stage: "key-proof",
    says: /probably/,
  },
  {
    fault: "another key at our own end",
    setUp: otherKey({ maker: "ours", service: "redis", backend: "redis" }),
    code: "KEY_MISMATCH",
    certain: false,
    stage: "key-proof",
  },
  {
    fault: "another key, and we without forward secrecy",
    setUp: otherKey({ service: "redis", backend: "redis", wanted: { forwardSecrecy: "off" } }),
    code: "KEY_MISMATCH",
    certain: false,
    stage: "key-proof",
  },
  {
    fault: "spiped -f, and we require forward secrecy",
    setUp: farEnd({ service: "redis", backend: "redis", args: ["-f"] }),
    code: "FORWARD_SECRECY_REFUSED",
    certain: true,
    stage: "forward-secrecy",
    says: /-f/,
  },
  {
    fault: "spiped -g, and we without forward secrecy",
    setUp: farEnd({ service: "redis", backend: "redis", args: ["-g"], wanted: { forwardSecrecy: "off" } }),
    code: "FORWARD_SECRECY_REFUSED",
    certain: true,
    stage: "forward-secrecy",
    says: /-g/,
  },
  {
    fault: "an answer to the key that was changed on the way",
    setUp: tampered({ service: "redis", backend: "redis" }, { offset: 100 }),
    code: "PEER_MAC_INVALID",
    certain: true,
    stage: "key-proof",
  },
  {
    fault: "an answer to the key that is cut short",
    setUp: tampered({ service: "redis", backend: "redis" }, { offset: 200, cut: true }),
    code: "TRUNCATED",
    certain: false,
    stage: "key-proof",
  },
  {
    fault: "no answer to the key",
    setUp: rawSocket(
      nonceThen(() => {}),
      SOON,
    ),
    code: "HANDSHAKE_TIMEOUT",
    certain: false,
    stage: "key-proof",
  },
  {
    fault: "a reset when the key is sent",
    setUp: rawSocket(nonceThen((socket) => socket.resetAndDestroy())),
    code: "BACKEND_DOWN",
    certain: false,
    stage: "backend",
    says: /probably/,
  },
];

const BACKEND: readonly Row[] = [
  {
    fault: "a backend that refuses at once, behind Debian's spiped",
    setUp: farEnd({ service: "redis", backend: refusing }),
    code: "BACKEND_DOWN",
    certain: false,
    stage: "backend",
    says: /probably/,
    timings: HELD,
  },
  {
    fault: "a backend that refuses, behind our own end",
    setUp: farEnd({ maker: "ours", service: "redis", backend: refusing }),
    code: "BACKEND_DOWN",
    certain: true,
    stage: "backend",
    says: /key is right.*its backend is down or refuses/,
  },
  {
    fault: "a plain TCP backend that refuses, behind our own end",
    setUp: farEnd({ maker: "ours", backend: refusing }),
    code: "BACKEND_DOWN",
    certain: true,
    stage: "backend",
  },
  {
    fault: "a backend that closes at once",
    setUp: farEnd({ service: "mysql", backend: closing, maker: "ours" }),
    code: "BACKEND_DOWN",
    certain: false,
    stage: "backend",
  },
  {
    fault: "a backend that swallows connections, until spiped gives up",
    setUp: farEnd({ service: "redis", backend: blackHole, args: ["-o", "1"] }),
    code: "BACKEND_DOWN",
    certain: false,
    stage: "backend",
    says: /key is right.*probably/,
  },
  {
    fault: "MySQL that swallows connections, until spiped gives up",
    setUp: farEnd({ service: "mysql", backend: blackHole, args: ["-o", "2"] }),
    code: "BACKEND_DOWN",
    certain: true,
    stage: "backend",
    says: /key is right/,
    timings: NO_REFUSAL,
  },
  {
    fault: "a plain TCP backend that swallows connections, until spiped gives up",
    setUp: farEnd({ backend: blackHole, args: ["-o", "2"] }),
    code: "BACKEND_DOWN",
    certain: false,
    stage: "backend",
    says: /probably its backend is down or can't be reached/,
    timings: NO_REFUSAL,
  },
  {
    fault: "a far end of ours that has all the connections it takes, on the native wire",
    setUp: ourEndAtItsLimit({}),
    timings: NATIVE,
    code: "LIMIT_REACHED",
    certain: true,
    stage: "backend",
    says: /has all the connections that it takes/,
  },
  {
    fault: "a far end of ours that has all the connections it takes, on spiped's wire",
    setUp: ourEndAtItsLimit({ wire: "spiped" }),
    code: "BACKEND_DOWN",
    certain: false,
    stage: "backend",
    says: /maxConnections/,
  },
  {
    fault: "a backend that reads PING and closes",
    setUp: farEnd({ service: "redis", backend: onQuestion((socket) => socket.end()) }),
    code: "BACKEND_DOWN",
    certain: false,
    stage: "backend",
    says: /without an answer: probably/,
  },
  {
    fault: "Redis that begins its answer and stops",
    setUp: farEnd({ service: "redis", backend: onQuestion((socket) => socket.write("+PO")) }),
    code: "BACKEND_DOWN",
    certain: false,
    stage: "service",
    says: /began to answer and stopped/,
    timings: SILENT,
  },
  {
    fault: "MySQL that begins its greeting and closes",
    setUp: farEnd({ service: "mysql", backend: saying(Uint8Array.of(0x4a, 0, 0, 0, 0x0a, 0x35, 0x2e)) }),
    code: "BACKEND_DOWN",
    certain: false,
    stage: "service",
    says: /began to answer and closed/,
  },
  {
    fault: "Redis in protected mode, whose refusal is longer than a packet",
    setUp: farEnd({ service: "redis", backend: saying(PROTECTED_MODE) }),
    code: "BACKEND_BLOCKED",
    certain: true,
    stage: "service",
    says: /refuses us: DENIED Redis is running in protected mode/,
  },
  {
    fault: "MySQL that has all its connections",
    setUp: farEnd({ service: "mysql", backend: saying(mysqlErrorPacket(1040, "#08004Too many connections")) }),
    code: "BACKEND_BLOCKED",
    certain: true,
    stage: "service",
    says: /refuses us: error 1040, Too many connections\.$/,
  },
  {
    fault: "a backend that swallows connections, and a patient spiped",
    setUp: farEnd({ service: "mysql", backend: blackHole, args: ["-o", "120"] }),
    code: "BACKEND_DOWN",
    certain: false,
    stage: "backend",
    says: /probably/,
    timings: SILENT,
  },
  {
    fault: "Redis where MySQL should be",
    setUp: farEnd({ service: "mysql", backend: "redis" }),
    code: "BACKEND_DOWN",
    certain: true,
    stage: "service",
    says: /but Redis/,
    timings: ASKED,
  },
  {
    fault: "MariaDB where Redis should be",
    setUp: farEnd({ service: "redis", backend: "mariaDb" }),
    code: "BACKEND_DOWN",
    certain: true,
    stage: "service",
    says: /but MariaDB 10/,
  },
  {
    fault: "a packet that was changed on the way",
    setUp: tampered({ service: "redis", backend: "redis" }, { offset: 400 }),
    code: "RECORD_INVALID",
    certain: true,
    stage: "backend",
  },
  {
    fault: "a packet that is cut short",
    setUp: tampered({ service: "redis", backend: "redis" }, { offset: 400, cut: true }),
    code: "TRUNCATED",
    certain: true,
    stage: "backend",
  },
];

function check(report: DiagnosisReport, row: Row): void {
  const told = JSON.stringify(report, null, 1);
  assert.deepEqual({ code: report.code, certain: report.certain }, { code: row.code, certain: row.certain }, told);
  const failed = report.stages.filter(({ ok }) => ok === false);
  assert.deepEqual(
    failed.map(({ stage, code }) => ({ stage, code })),
    row.stage ? [{ stage: row.stage, code: row.code }] : [],
    told,
  );
  assert.match(report.cause, row.says ?? /./);
  assert.equal(report.certain, !/probably|can't be known/.test(report.cause), "a guess, and only a guess, says so");
}

describe("diagnosis of a fault", () => {
  const all = stageForAll();
  const stage = stageForEach();
  let servers: Servers;

  before(async () => {
    const [redis, mariaDb] = await Promise.all([startRedis(), startMariaDb()]);
    all.own(() => redis.stop());
    all.own(() => mariaDb.stop());
    servers = { redis: `127.0.0.1:${redis.port}`, mariaDb: `127.0.0.1:${mariaDb.port}` };
  });

  for (const row of [...UP_TO_THE_DIAL, ...WELL, ...NONCE, ...KEY, ...BACKEND]) {
    it(`says ${row.code ?? "all is well"}${row.certain ? ", certain" : ""}: ${row.fault}`, async () => {
      const wanted = await row.setUp(stage, servers);
      check(await diagnoseAt({ key: makeKey(stage, "some"), ...wanted }, { context: { timings: row.timings ?? QUICK } }), row);
    });
  }

  for (const row of [...WELL, ...NONCE, ...KEY, ...BACKEND]) {
    it(`says the same ${RELAY_MS} ms away: ${row.fault}`, async () => {
      const wanted = await row.setUp(stage, servers);
      const target = await startSlowRelay(stage, wanted.target, RELAY_MS);
      check(await diagnoseAt({ key: makeKey(stage, "some"), ...wanted, target }, { context: { timings: row.timings ?? QUICK } }), row);
    });
  }
});
