/**
 * The price of a new connection: connect, PING, wait for PONG, close. Through a tunnel this is two key agreements and two
 * extra round trips. Latency is measured with one connection after another, the rate with eight at once (spiped's listen
 * backlog is ten: more at once would measure lost SYNs). The number of connections is limited, so that a fast contender
 * does not use up the machine's ports (each stays in TIME_WAIT for a minute).
 */
import { startRedis } from "../scripts/lib/redis.mjs";
import { withContenders } from "./contenders.mjs";
import { withLimit } from "./limit.mjs";
import { answersPing, PING, RedisConnection } from "./redis-client.mjs";
import { interleave, percentile, summarize } from "./rounds.mjs";

const AT_ONCE = 8;
const MOST_CONNECTIONS = 1500;
const LIMIT_MS = 60_000;

const METRICS = [
  { id: "connect.p50", label: "connect + PING, one by one: p50", unit: "ms", better: "lower", digits: 2 },
  { id: "connect.p99", label: "  p99", unit: "ms", better: "lower", digits: 2 },
  { id: "connect.rate", label: `connect + PING, ${AT_ONCE} at once`, unit: "/s", better: "higher", digits: 0 },
];

/** Resolves to the summaries of METRICS. */
export async function measureConnect({ programs, rounds, seconds }) {
  const redis = await startRedis();
  const measure = async ({ port, title }, { warmUp }) => {
    const options = { title, seconds: (warmUp ? seconds / 2 : seconds) / 2 };
    const single = await visit(port, { ...options, atOnce: 1 });
    const many = await visit(port, { ...options, atOnce: AT_ONCE });
    return {
      "connect.p50": percentile(single.latencies, 0.5),
      "connect.p99": percentile(single.latencies, 0.99),
      "connect.rate": many.latencies.length / many.elapsedSeconds,
    };
  };
  try {
    const body = (contenders) => interleave({ contenders, rounds, measure });
    return summarize(METRICS, await withContenders(programs, { targetPort: redis.port, answers: answersPing, body }));
  } finally {
    await redis.stop();
  }
}

async function visit(port, { title, seconds, atOnce }) {
  const start = performance.now();
  const end = start + seconds * 1000;
  const latencies = [];
  let left = MOST_CONNECTIONS;
  const visitor = async () => {
    for (let before = performance.now(); before < end && left > 0; before = performance.now()) {
      left -= 1;
      const connection = new RedisConnection(port, title);
      try {
        await connection.ask(PING);
        latencies.push(performance.now() - before);
      } finally {
        connection.close();
      }
    }
  };
  const visitors = Promise.all(Array.from({ length: atOnce }, visitor));
  await withLimit(visitors, LIMIT_MS, `A new connection through ${title}`);
  return { latencies, elapsedSeconds: (performance.now() - start) / 1000 };
}
