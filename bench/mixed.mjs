/**
 * Many at once: the slowest answers of 24 flows beside one bulk upload, and those of one flow beside a storm of new
 * connections. The storm is bounded in number and time.
 */
import { startRedis } from "../scripts/lib/redis.mjs";
import { startBulk } from "./bulk-flow.mjs";
import { withContenders } from "./contenders.mjs";
import { withLimit } from "./limit.mjs";
import { answersPing, PING, pingFor, RedisConnection } from "./redis-client.mjs";
import { interleave, percentile, summarize } from "./rounds.mjs";

const LIMIT_MS = 60_000;
const FLOWS = 24;
/** spiped's listen backlog is ten, so the storm comes in gusts of five. */
const STORM_A_SECOND = 500;
const GUST = 5;

const METRICS = [
  { id: "mixed.p99", label: `PING of ${FLOWS} flows beside a bulk upload: p99`, unit: "ms", better: "lower", digits: 1 },
  { id: "mixed.storm", label: `PING beside ${STORM_A_SECOND} connects a second: p99`, unit: "ms", better: "lower", digits: 1 },
  { id: "mixed.storm.served", label: "  connects of the storm that were answered", unit: "%", better: "higher", digits: 0 },
];

/** Resolves to the summaries of METRICS. */
export async function measureMixed({ programs, rounds, seconds }) {
  const redis = await startRedis();
  const measure = async (contender, { warmUp }) => {
    const ms = (warmUp ? seconds / 2 : seconds) * 1000;
    return { "mixed.p99": await besideBulk(contender, ms), ...(await inStorm(contender, ms)) };
  };
  try {
    const body = (contenders) => interleave({ contenders, rounds, measure });
    return summarize(METRICS, await withContenders(programs, { targetPort: redis.port, answers: answersPing, body }));
  } finally {
    await redis.stop();
  }
}

async function besideBulk({ port, title }, ms) {
  const flows = Array.from({ length: FLOWS }, () => new RedisConnection(port, title));
  const bulk = startBulk({ port });
  try {
    const ping = (flow, forMs) => pingFor(flow, { ms: forMs, what: `A PING beside a bulk upload through ${title}` });
    await Promise.all(flows.map((flow) => ping(flow, ms / 4)));
    const latencies = await Promise.all(flows.map((flow) => ping(flow, ms)));
    return percentile(latencies.flat(), 0.99);
  } finally {
    bulk.stop();
    for (const flow of flows) flow.close();
  }
}

async function inStorm({ port, title }, ms) {
  const flow = new RedisConnection(port, title);
  const ping = (forMs) => pingFor(flow, { ms: forMs, what: `A PING in a storm of connections through ${title}` });
  await ping(50);
  const storm = { sent: 0, served: 0 };
  const gusts = setInterval(
    () => {
      for (let count = 0; count < GUST; count += 1) void visit({ port, title }, storm);
    },
    (1_000 * GUST) / STORM_A_SECOND,
  );
  try {
    const latencies = await ping(ms);
    return { "mixed.storm": percentile(latencies, 0.99), "mixed.storm.served": (100 * storm.served) / storm.sent };
  } finally {
    clearInterval(gusts);
    flow.close();
  }
}

async function visit({ port, title }, storm) {
  storm.sent += 1;
  const connection = new RedisConnection(port, title);
  try {
    await withLimit(connection.ask(PING), LIMIT_MS, "A connection of the storm");
    storm.served += 1;
  } catch {
    // Counted by what is missing.
  } finally {
    connection.close();
  }
}
