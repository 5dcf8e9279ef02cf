/**
 * npm run bench: our ends on either wire, Debian's spiped, other tunnels and a direct connection, interleaved in one run on
 * 127.0.0.1.
 * Prints ratios first and a table last, and writes everything to bench/results/<time>.json. It only reports: the exit
 * code is 0 unless something could not be measured. The measures are in bench/, one file each.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { loadavg } from "node:os";
import { join, relative } from "node:path";
import { parseArgs } from "node:util";
import { build } from "../scripts/lib/build.mjs";
import { Failure, main } from "../scripts/lib/failure.mjs";
import { install } from "../scripts/lib/install.mjs";
import { bold, dim, duration, say, step } from "../scripts/lib/output.mjs";
import { root } from "../scripts/lib/project.mjs";
import { provision } from "../scripts/lib/provision.mjs";
import { measureBulk } from "./bulk.mjs";
import { measureConnect } from "./connect.mjs";
import { CONTENDERS, programsFor } from "./contenders.mjs";
import { measureCuts } from "./cuts.mjs";
import { measureDaemon } from "./daemon.mjs";
import { describeEnvironment } from "./environment.mjs";
import { measureIdle } from "./idle.mjs";
import { measureMixed } from "./mixed.mjs";
import { measureNetwork } from "./network.mjs";
import { drawPicture } from "./picture.mjs";
import { measureRedis } from "./redis.mjs";
import { judgeAims, printReport } from "./report.mjs";

const MEASURES = {
  bulk: { label: "bulk throughput and processor time", measure: measureBulk },
  redis: { label: "Redis GET/s and latency", measure: measureRedis },
  connect: { label: "new connections", measure: measureConnect },
  mixed: { label: "many at once", measure: measureMixed },
  network: { label: "a long way, a slow link, bytes on the wire", measure: measureNetwork },
  cuts: { label: "cuts of the network", measure: measureCuts },
  idle: { label: "memory with idle connections", measure: measureIdle },
  daemon: { label: "a daemon with 200 tunnels", measure: measureDaemon },
};
/** `seconds`: one contender's turn in a round. Memory hardly varies, so fewer rounds are enough for it. */
const FULL = { rounds: 5, idleRounds: 3, seconds: 1, settleMs: 1000 };
const QUICK = { rounds: 2, idleRounds: 1, seconds: 0.3, settleMs: 500 };

const HELP = `npm run bench [-- OPTIONS]

  --quick            two short rounds: under a minute, rough figures
  --rounds N         rounds a measure (${FULL.rounds}; ${QUICK.rounds} with --quick)
  --only A,B         only these measures: ${Object.keys(MEASURES).join(", ")}
  --contenders A,B   only these: ${CONTENDERS.join(", ")}
  --crypto SUITE     force our crypto suite: node or noble (TUNNELD_CRYPTO)
  --picture          draw the README's picture from this run

Compares our ends on either wire with Debian's spiped, stunnel, ssh -L, a plain pipe on the same Node.js and a direct
connection, in turns, on 127.0.0.1. Trust the ratios, not the absolute figures: client, both ends and server share this
machine's processors. The JSON file has every round.`;

await main(async () => {
  const options = readOptions(process.argv.slice(2));
  if (options === "help") return say(HELP);
  // Memory and processor time are read from /proc.
  if (!existsSync("/proc/self/stat")) throw new Failure("The bench needs Linux: it reads /proc. Run it in a Debian or Ubuntu container.");
  say(`\n${bold("Setting up")}`);
  await step("packages", install);
  await step("build", () => build());
  let tools;
  await step("Redis and Debian's spiped", async () => {
    tools = await provision(["redis", "spiped"]);
  });
  for (const group of ["stunnel", "ssh"].filter((name) => options.contenders.includes(name))) {
    await step(group, async () => {
      tools = { ...tools, ...(await provision([group])) };
    }).catch((error) => say(`  left out: ${error.message}`));
  }
  const programs = programsFor({ tools, crypto: options.crypto, only: options.contenders });
  const environment = await describeEnvironment(tools);
  const start = performance.now();
  const metrics = await measureAll(options, programs);
  const aims = judgeAims(metrics);
  printReport({ metrics, aims, names: CONTENDERS.filter((name) => options.contenders.includes(name)) });
  if (options.picture) say(`\nThe picture is in ${drawPicture({ metrics, environment }).join(" and ")}.`);
  const file = writeResult({ options, environment: { ...environment, loadAtEnd: loadavg() }, aims, metrics });
  const suite = options.crypto === undefined ? "" : `, our crypto suite forced: ${options.crypto}`;
  say(`\n${dim(`${environment.processor}, ${environment.processors} processors, Node ${environment.node}, ${environment.spiped}${suite}`)}`);
  say(
    `${options.rounds} rounds (memory: ${options.idleRounds}) in ${duration(performance.now() - start)}; every round is in ${relative(process.cwd(), file) || file}`,
  );
});

async function measureAll({ only, rounds, idleRounds, seconds, settleMs }, programs) {
  say(`\n${bold("Measuring")} ${dim(`(${[...programs.map(({ name }) => name), "direct"].join(", ")} in turns)`)}`);
  const metrics = [];
  for (const name of only) {
    const { label, measure } = MEASURES[name];
    await step(label, async () => {
      metrics.push(...(await measure({ programs, seconds, settleMs, rounds: name === "idle" ? idleRounds : name === "cuts" ? 1 : rounds })));
    });
  }
  return metrics;
}

function readOptions(args) {
  let values;
  try {
    const string = { type: "string" };
    const flag = { type: "boolean", default: false };
    values = parseArgs({
      args,
      options: { quick: flag, help: { ...flag, short: "h" }, rounds: string, only: string, contenders: string, crypto: string, picture: flag },
    }).values;
  } catch (error) {
    throw new Failure(`${error.message.split(". ")[0]}: npm run bench -- --help lists the options.`);
  }
  if (values.help) return "help";
  const base = values.quick ? QUICK : FULL;
  const rounds = values.rounds === undefined ? base.rounds : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1 || rounds > 1000) throw new Failure(`--rounds ${values.rounds}: a whole number from 1 to 1000.`);
  const only = values.only === undefined ? Object.keys(MEASURES) : values.only.split(",");
  const unknown = only.find((name) => !Object.hasOwn(MEASURES, name));
  if (unknown !== undefined) throw new Failure(`--only ${unknown}: the measures are ${Object.keys(MEASURES).join(", ")}.`);
  const contenders = values.contenders === undefined ? CONTENDERS : values.contenders.split(",");
  const stranger = contenders.find((name) => !CONTENDERS.includes(name));
  if (stranger !== undefined) throw new Failure(`--contenders ${stranger}: the contenders are ${CONTENDERS.join(", ")}.`);
  if (values.crypto !== undefined && !["node", "noble"].includes(values.crypto)) throw new Failure(`--crypto ${values.crypto}: node or noble.`);
  const crypto = values.crypto ?? process.env.TUNNELD_CRYPTO;
  return {
    ...base,
    rounds,
    idleRounds: Math.min(rounds, base.idleRounds),
    only,
    contenders,
    picture: values.picture,
    quick: values.quick,
    ...(crypto ? { crypto } : {}),
  };
}

function writeResult(result) {
  const folder = join(root, "bench", "results");
  mkdirSync(folder, { recursive: true });
  const time = new Date().toISOString();
  const file = join(folder, `${time.replaceAll(":", "-")}.json`);
  writeFileSync(file, `${JSON.stringify({ version: 1, time, ...result }, null, 2)}\n`);
  return file;
}
