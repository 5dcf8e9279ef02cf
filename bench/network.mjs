/**
 * What the network between the ends adds: a new connection and bulk over a round trip of 50 ms, the bytes on the wire for
 * one command and its answer, and a small command beside a bulk upload on a slow link that both share.
 */
import { startRedis } from "../scripts/lib/redis.mjs";
import { startBulk } from "./bulk-flow.mjs";
import { withContenders } from "./contenders.mjs";
import { withLimit } from "./limit.mjs";
import { answersPing, encodeCommand, PING, pingFor, RedisConnection } from "./redis-client.mjs";
import { startRelay } from "./relay.mjs";
import { ROUND_TRIP_MS } from "./report.mjs";
import { interleave, percentile, summarize } from "./rounds.mjs";

const LIMIT_MS = 60_000;
const CONNECTS = 10;
const COMMANDS = 100;
/** 10 Mbit/s. */
const SLOW_BYTES_PER_SECOND = 1_250_000;
const SMALL_PAUSE_MS = 50;

const METRICS = [
  { id: "network.connect", label: `connect + PING at ${ROUND_TRIP_MS} ms: p50`, unit: "ms", better: "lower", digits: 1 },
  { id: "network.bulk", label: `bulk upload at ${ROUND_TRIP_MS} ms`, unit: "MB/s", better: "higher", digits: 1 },
  { id: "network.bytes", label: "bytes on the wire, 20-byte command and answer", unit: "B", better: "lower", digits: 0 },
  { id: "network.slow", label: "PING beside a bulk upload at 1.25 MB/s: p99", unit: "ms", better: "lower", digits: 0 },
];

/** Resolves to the summaries of METRICS. */
export async function measureNetwork({ programs, rounds, seconds }) {
  const redis = await startRedis();
  const over = async (link, measure) => {
    const between = (port) => startRelay({ targetPort: port, ...link });
    const body = (contenders) => interleave({ contenders, rounds, measure, warmUp: false });
    return await withContenders(programs, { targetPort: redis.port, answers: answersPing, between, body });
  };
  try {
    const samples = {
      ...(await over({ roundTripMs: ROUND_TRIP_MS }, (contender) => overLongWay(contender, seconds))),
      ...(await over({}, overCounter)),
      ...(await over({ bytesPerSecond: SLOW_BYTES_PER_SECOND }, (contender) => overSlowLink(contender, 3 * seconds))),
    };
    return summarize(METRICS, samples);
  } finally {
    await redis.stop();
  }
}

async function overLongWay({ port, title }, seconds) {
  const latencies = [];
  for (let count = 0; count < CONNECTS; count += 1) {
    const before = performance.now();
    const connection = new RedisConnection(port, title);
    await withLimit(connection.ask(PING), LIMIT_MS, `A new connection through ${title}`);
    latencies.push(performance.now() - before);
    connection.close();
  }
  const bulk = startBulk({ port });
  // The windows of TCP open first.
  await bulk.during(seconds * 1000);
  const { bytes, elapsedSeconds } = await bulk.during(seconds * 1000);
  bulk.stop();
  return { "network.connect": percentile(latencies, 0.5), "network.bulk": bytes / 1e6 / elapsedSeconds };
}

async function overCounter({ port, title, relay }) {
  const command = encodeCommand("GET", "k"); // 20 bytes
  const question = { request: Buffer.from(command), answer: Buffer.from("$-1\r\n") };
  const connection = new RedisConnection(port, title);
  const ask = () => withLimit(connection.ask(question), LIMIT_MS, `GET through ${title}`);
  try {
    await ask();
    const before = relay.bytes();
    for (let count = 0; count < COMMANDS; count += 1) await ask();
    return { "network.bytes": (relay.bytes() - before) / COMMANDS };
  } finally {
    connection.close();
  }
}

async function overSlowLink({ port, title }, seconds) {
  const small = new RedisConnection(port, title);
  const ping = (ms) => pingFor(small, { ms, pauseMs: SMALL_PAUSE_MS, what: `A PING on a slow link through ${title}` });
  await ping(1);
  const bulk = startBulk({ port });
  try {
    await bulk.during(1_000);
    const latencies = await ping(seconds * 1000);
    return { "network.slow": percentile(latencies, 0.99) };
  } finally {
    small.close();
    bulk.stop();
  }
}
