/**
 * What a cut of the network between the ends costs: each contender has open transactions, all networks are treated alike
 * at the same time, and then the transactions are ended. One that was lost, or has no answer in time, does not count.
 */
import { connect, createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { startRedis } from "../scripts/lib/redis.mjs";
import { withContenders } from "./contenders.mjs";
import { withLimit } from "./limit.mjs";
import { answersPing, encodeCommand, RedisConnection } from "./redis-client.mjs";
import { summarize } from "./rounds.mjs";

const TRANSACTIONS = 10;
const AWAY_MS = 15_000;
const STOPPED_MS = 60_000;
/** How long an answer may take once the network is back: longer than the 12 s in which a dead connection is noticed. */
const PATIENCE_MS = 20_000;

const METRICS = [
  { id: "cuts.reset", label: "open transactions that outlive a reset of the connection", unit: "%", better: "higher", digits: 0 },
  { id: "cuts.held", label: "  a network that holds everything back for 15 s", unit: "%", better: "higher", digits: 0 },
  { id: "cuts.forgotten", label: "  a network that forgets the connection (NAT, VPN), 15 s", unit: "%", better: "higher", digits: 0 },
  { id: "cuts.stopped", label: "  a near end that is stopped (SIGSTOP) for 60 s", unit: "%", better: "higher", digits: 0 },
  { id: "cuts.asleep", label: "  the same, while the network forgets the connection", unit: "%", better: "higher", digits: 0 },
];

/** What happens, for how long, and how it is undone. */
const CUTS = {
  "cuts.reset": { awayMs: 0, begin: ({ relay }) => relay.reset() },
  "cuts.held": { awayMs: AWAY_MS, begin: ({ relay }) => relay.held() },
  "cuts.forgotten": { awayMs: AWAY_MS, begin: ({ relay }) => relay.forgotten() },
  "cuts.stopped": { awayMs: STOPPED_MS, begin: (contender) => signalNear(contender, "SIGSTOP") },
  "cuts.asleep": {
    awayMs: STOPPED_MS,
    begin: (contender) => {
      signalNear(contender, "SIGSTOP");
      contender.relay.forgotten();
    },
  },
};

function signalNear({ ends }, signal) {
  for (const { role, pid } of ends) if (role === "client") process.kill(pid, signal);
}

/** Resolves to the summaries of METRICS. */
export async function measureCuts({ programs, rounds }) {
  const redis = await startRedis();
  try {
    const samples = {};
    for (const { id } of METRICS) {
      // A direct connection through the same network is as good as any.
      const body = (contenders) => atOnce(contenders, id, rounds);
      samples[id] = await withContenders(programs, { targetPort: redis.port, answers: answersPing, between: startNetwork, body });
    }
    return summarize(METRICS, samples);
  } finally {
    await redis.stop();
  }
}

async function atOnce(contenders, id, rounds) {
  const values = Object.fromEntries(contenders.map(({ name }) => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const open = await Promise.all(contenders.map((contender) => begin(contender)));
    const { awayMs, begin: cut } = CUTS[id];
    for (const contender of contenders) cut(contender);
    if (awayMs > 0) await delay(awayMs);
    for (const contender of contenders) {
      contender.relay.restore();
      signalNear(contender, "SIGCONT");
    }
    const ended = await Promise.all(open.map((transactions) => Promise.all(transactions.map(end))));
    for (const [index, { name }] of contenders.entries()) values[name].push((100 * ended[index].filter(Boolean).length) / TRANSACTIONS);
  }
  return values;
}

const ok = (...words) => ({ request: Buffer.from(encodeCommand(...words)), answer: Buffer.from("+OK\r\n") });

async function begin({ port, title }) {
  return await Promise.all(
    Array.from({ length: TRANSACTIONS }, async () => {
      const connection = new RedisConnection(port, title);
      await withLimit(connection.ask(ok("MULTI")), PATIENCE_MS, `A transaction through ${title}`);
      const queued = { request: Buffer.from(encodeCommand("SET", "cut", "1")), answer: Buffer.from("+QUEUED\r\n") };
      await withLimit(connection.ask(queued), PATIENCE_MS, `A transaction through ${title}`);
      return connection;
    }),
  );
}

/** Whether the transaction could be ended. */
async function end(connection) {
  try {
    const executed = { request: Buffer.from(encodeCommand("EXEC")), answer: Buffer.from("*1\r\n+OK\r\n") };
    await withLimit(connection.ask(executed), PATIENCE_MS, "EXEC");
    return true;
  } catch {
    return false;
  } finally {
    connection.close();
  }
}

/** A relay to `targetPort` whose connections can be reset, held back or forgotten. */
async function startNetwork(targetPort) {
  const ways = new Set();
  let isAway = false;
  const server = createServer({ noDelay: true }, (near) => {
    const far = connect({ port: targetPort, host: "127.0.0.1", noDelay: true });
    const way = { near, far, isForgotten: false };
    ways.add(way);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ]) {
      from.on("data", (chunk) => {
        if (!way.isForgotten) to.write(chunk);
      });
      from.on("error", () => {});
      from.on("close", () => {
        ways.delete(way);
        if (!way.isForgotten) to.destroy();
      });
    }
    if (isAway) hold(way);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const hold = ({ near, far }) => {
    near.pause();
    far.pause();
  };
  return {
    port: server.address().port,
    reset: () => {
      for (const { near, far } of ways) {
        near.resetAndDestroy();
        far.resetAndDestroy();
      }
    },
    held: () => {
      isAway = true;
      for (const way of ways) hold(way);
    },
    forgotten: () => {
      isAway = true;
      for (const way of ways) way.isForgotten = true;
    },
    restore: () => {
      isAway = false;
      for (const { near, far } of ways) {
        near.resume();
        far.resume();
      }
    },
    stop: () => {
      server.close();
      for (const { near, far } of ways) {
        near.destroy();
        far.destroy();
      }
    },
  };
}
