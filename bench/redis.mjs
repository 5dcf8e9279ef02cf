/**
 * Redis through a tunnel: GET of a 100-byte value, at 1 and 20 connections and pipelined by 16. A closed loop (each
 * connection asks again as soon as it has its answer), so each latency belongs to the load shown with it; with a pipeline
 * it is the latency of the whole batch. All use the same Redis key, because Redis itself is not measured.
 */
import { startRedis } from "../scripts/lib/redis.mjs";
import { withContenders } from "./contenders.mjs";
import { withLimit } from "./limit.mjs";
import { answersPing, encodeCommand, openUpTo, RedisConnection } from "./redis-client.mjs";
import { interleave, percentile, summarize } from "./rounds.mjs";

const LIMIT_MS = 60_000;
const KEY = "bench:key";
const VALUE = "0123456789".repeat(10);
const GET_ANSWER = `$${VALUE.length}\r\n${VALUE}\r\n`;

const LOADS = [
  { id: "1", label: "1 connection", connections: 1, pipeline: 1 },
  { id: "20", label: "20 connections", connections: 20, pipeline: 1 },
  { id: "200", label: "200 connections", connections: 200, pipeline: 1 },
  { id: "10x16", label: "10 connections, pipelined by 16", connections: 10, pipeline: 16 },
];

const METRICS = LOADS.flatMap(({ id, label }) => [
  { id: `redis.${id}.rate`, label: `GET, ${label}`, unit: "/s", better: "higher", digits: 0 },
  { id: `redis.${id}.p50`, label: "  p50", unit: "ms", better: "lower", digits: 3 },
  { id: `redis.${id}.p99`, label: "  p99", unit: "ms", better: "lower", digits: 3 },
]);

/** Resolves to the summaries of METRICS. */
export async function measureRedis({ programs, rounds, seconds }) {
  const redis = await startRedis();
  try {
    await put(redis.port);
    const body = async (contenders) => {
      const samples = {};
      for (const load of LOADS) {
        const measure = (contender, { warmUp }) => measureOne(contender, { load, seconds: warmUp ? seconds / 2 : seconds });
        Object.assign(samples, await interleave({ contenders, rounds, measure }));
      }
      return samples;
    };
    return summarize(METRICS, await withContenders(programs, { targetPort: redis.port, answers: answersPing, body }));
  } finally {
    await redis.stop();
  }
}

async function put(port) {
  const connection = new RedisConnection(port, "no tunnel");
  await withLimit(connection.ask({ request: Buffer.from(encodeCommand("SET", KEY, VALUE)), answer: Buffer.from("+OK\r\n") }), LIMIT_MS, "SET");
  connection.close();
}

async function measureOne({ port, title }, { load: { id, connections, pipeline }, seconds }) {
  const question = { request: Buffer.from(encodeCommand("GET", KEY).repeat(pipeline)), answer: Buffer.from(GET_ANSWER.repeat(pipeline)) };
  const open = [];
  const work = async () => {
    await openUpTo(connections, { open, port, title, question });
    await repeat(open, { question, seconds: seconds / 5 });
    return repeat(open, { question, seconds });
  };
  try {
    const { latencies, elapsedSeconds } = await withLimit(work(), LIMIT_MS, `GET through ${title}`);
    return {
      [`redis.${id}.rate`]: (latencies.length * pipeline) / elapsedSeconds,
      [`redis.${id}.p50`]: percentile(latencies, 0.5),
      [`redis.${id}.p99`]: percentile(latencies, 0.99),
    };
  } finally {
    for (const connection of open) connection.close();
  }
}

/** All connections ask until the time is up; resolves to the time that each answer took, in ms. */
async function repeat(open, { question, seconds }) {
  const start = performance.now();
  const end = start + seconds * 1000;
  const latencies = [];
  const loop = async (connection) => {
    for (let before = performance.now(); before < end; ) {
      await connection.ask(question);
      const after = performance.now();
      latencies.push(after - before);
      before = after;
    }
  };
  await Promise.all(open.map(loop));
  return { latencies, elapsedSeconds: (performance.now() - start) / 1000 };
}
