/**
 * Memory: the resident size of each end with 0, 100, 1,000 and 5,000 idle connections (-n 0), in a fresh pair each round,
 * and how many sockets lead from one end to the other. Who can't take the last number is left out there.
 * Each connection must answer a PING before the reading and again after it, so that none was dropped. A direct
 * connection has no process to measure.
 */
import { setTimeout as delay } from "node:timers/promises";
import { announce } from "../scripts/lib/output.mjs";
import { startRedis } from "../scripts/lib/redis.mjs";
import { withContenders } from "./contenders.mjs";
import { withLimit } from "./limit.mjs";
import { openFilesLimit, residentBytes, socketsTo } from "./proc.mjs";
import { answersPing, openUpTo, PING } from "./redis-client.mjs";
import { interleave, summarize } from "./rounds.mjs";

const COUNTS = [0, 100, 1000, 5000];
/** Up to here everybody must get. */
const SURE = 1000;
const LIMIT_MS = 60_000;
/** Two sockets per connection, and some more for other files. */
const filesFor = (connections) => 2 * connections + 100;

const METRICS = ["client", "server"]
  .flatMap((role) => [
    ...COUNTS.map((count) => ({
      id: `idle.${role}.${count}`,
      label: `RSS, ${role} end, ${count.toLocaleString("en")} idle`,
      unit: "MB",
      better: "lower",
      digits: 1,
    })),
    { id: `idle.${role}.each`, label: `RSS, ${role} end, each of the first 1,000`, unit: "kB", better: "lower", digits: 1 },
  ])
  .concat(
    COUNTS.filter((count) => count >= SURE).map((count) => ({
      id: `idle.wire.${count}`,
      label: `sockets between the ends, ${count.toLocaleString("en")} idle`,
      unit: "",
      better: "lower",
      digits: 0,
    })),
  );

/** Resolves to the summaries of METRICS. */
export async function measureIdle({ programs, rounds, settleMs }) {
  const redis = await startRedis();
  // Node raised its own limit to the hard limit when it started, and the ends inherit it; Redis raises its own limit.
  const limit = openFilesLimit(process.pid);
  const counts = COUNTS.filter((count) => filesFor(count) <= limit);
  if (counts.length < COUNTS.length) announce(`only ${limit} open files are allowed here (ulimit -Hn): no more than ${counts.at(-1)} connections`);
  const measure = ({ name }) => {
    const program = programs.filter((each) => each.name === name);
    const body = ([contender]) => measureOne(contender, { counts, settleMs });
    return withContenders(program, { targetPort: redis.port, answers: answersPing, body });
  };
  try {
    return summarize(METRICS, await interleave({ contenders: programs, rounds, measure, warmUp: false }));
  } finally {
    await redis.stop();
  }
}

async function measureOne({ port, title, ends }, { counts, settleMs }) {
  const open = [];
  const values = {};
  try {
    for (const count of counts) {
      try {
        await withLimit(openUpTo(count, { open, port, title, question: PING }), LIMIT_MS, `Opening ${count} connections through ${title}`);
      } catch (error) {
        if (count <= SURE) throw error;
        announce(`${title} does not get to ${count}: ${error.message}`);
        return values;
      }
      await delay(settleMs);
      const far = ends.find(({ role }) => role === "server");
      if (count >= SURE && far) values[`idle.wire.${count}`] = socketsTo(far.port);
      for (const { role, pid } of ends) values[`idle.${role}.${count}`] = residentBytes(pid) / 1e6;
    }
    for (const { role } of ends) {
      const [none, thousand] = [values[`idle.${role}.0`], values[`idle.${role}.1000`]];
      if (thousand !== undefined) values[`idle.${role}.each`] = thousand - none; // MB for a thousand are kB for one
    }
    try {
      await withLimit(askAll(open), LIMIT_MS, `One of ${open.length} idle connections through ${title}`);
    } catch (error) {
      if (open.length <= SURE) throw error;
      announce(`${title} does not serve ${open.length}: ${error.message}`);
      for (const id of Object.keys(values)) if (id.endsWith(`.${counts.at(-1)}`)) delete values[id];
    }
  } finally {
    for (const connection of open) connection.close();
  }
  return values;
}

async function askAll(open) {
  for (const connection of open) await connection.ask(PING);
}
