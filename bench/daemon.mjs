/**
 * One daemon with 200 tunnels, compared with 200 client ends of spiped. Measured are the time from the start of the first
 * process until every port takes connections, the resident memory of all processes, and the time of `tunneld status
 * --json`; the "direct" value of the latter is `node -e 0`, the least that a command written for Node can take.
 */
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { makeKey } from "../scripts/lib/ends.mjs";
import { Failure } from "../scripts/lib/failure.mjs";
import { endChild, lastLine, makeFolder, removeFolder, run, spawnOwned } from "../scripts/lib/own.mjs";
import { freePort } from "../scripts/lib/ports.mjs";
import { withLimit } from "./limit.mjs";
import { residentBytes } from "./proc.mjs";
import { interleave, summarize } from "./rounds.mjs";

const TUNNELS = 200;
/** How many ports are tried at the same time, and the wait before the next try. */
const AT_ONCE = 20;
const POLL_MS = 5;
const LIMIT_MS = 60_000;
/** How many commands are timed in a round. */
const COMMANDS = 5;
/** Nothing is ever sent through these tunnels. */
const TARGET = "127.0.0.1:9";

const METRICS = [
  { id: "daemon.open", label: `opening ${TUNNELS} tunnels`, unit: "ms", better: "lower", digits: 0 },
  { id: "daemon.rss", label: `RSS with ${TUNNELS} tunnels`, unit: "MB", better: "lower", digits: 1 },
  { id: "daemon.status", label: "status --json (direct: node -e 0)", unit: "ms", better: "lower", digits: 0 },
];

/** Resolves to the summaries of METRICS. */
export async function measureDaemon({ programs, rounds, settleMs }) {
  const [ours, spiped] = ["ours", "spiped"].map((name) => programs.find((program) => program.name === name));
  const folder = makeFolder("tun-many");
  const distinct = new Set();
  while (distinct.size < TUNNELS) distinct.add(await freePort());
  const ports = [...distinct];
  const home = await prepare({ folder, ports, ours });
  const measures = {
    ours: () => measureOurs(home, { ports, settleMs }),
    spiped: () => measureSpiped(spiped, { ports, keyFile: home.keyFile, settleMs }),
    direct: async () => ({ "daemon.status": await timeOf(process.execPath, ["-e", "0"]) }),
  };
  const contenders = Object.keys(measures).map((name) => ({ name }));
  try {
    return summarize(METRICS, await interleave({ contenders, rounds, measure: ({ name }) => measures[name]() }));
  } finally {
    removeFolder(folder);
  }
}

/** A project whose tunnels have been approved and pinned: from then on every daemon opens them. */
async function prepare({ folder, ports, ours }) {
  const stateDir = join(folder, "state");
  const keyFile = join(stateDir, "keys", "bench");
  mkdirSync(join(stateDir, "keys"), { recursive: true, mode: 0o700 });
  mkdirSync(join(folder, ".vscode"));
  await makeKey(keyFile);
  const tunnels = Object.fromEntries(ports.map((port, index) => [`t${index}`, { listen: port, target: TARGET, key: "bench" }]));
  writeFileSync(join(folder, ".vscode", "tunnels.json"), JSON.stringify({ version: 1, tunnels }));
  const [bundle] = ours.first;
  const home = { folder, stateDir, keyFile, command: ours.command, bundle, env: ours.env };
  try {
    await command(home, ["up", "--yes"]);
  } finally {
    await command(home, ["stop"]);
  }
  return home;
}

async function measureOurs(home, { ports, settleMs }) {
  const start = performance.now();
  const child = spawnOwned(home.command, [home.bundle, "daemon", "--state-dir", home.stateDir], { cwd: home.folder, env: home.env, stdio: "ignore" });
  try {
    const openMs = await untilAllOpen(ports, { start, alive: () => child.exitCode === null });
    await delay(settleMs);
    const rss = residentBytes(child.pid) / 1e6;
    const statusMs = await timeOf(home.command, [home.bundle, "status", "--json", "--state-dir", home.stateDir], home);
    return { "daemon.open": openMs, "daemon.rss": rss, "daemon.status": statusMs };
  } finally {
    await endChild(child);
  }
}

async function measureSpiped({ command: spiped }, { ports, keyFile, settleMs }) {
  const start = performance.now();
  const args = (port) => ["-F", "-e", "-s", `[127.0.0.1]:${port}`, "-t", TARGET, "-k", keyFile];
  const children = ports.map((port) => spawnOwned(spiped, args(port), { stdio: "ignore" }));
  try {
    const openMs = await untilAllOpen(ports, { start, alive: () => children.every((child) => child.exitCode === null) });
    await delay(settleMs);
    return { "daemon.open": openMs, "daemon.rss": children.reduce((sum, { pid }) => sum + residentBytes(pid), 0) / 1e6 };
  } finally {
    await Promise.all(children.map((child) => endChild(child)));
  }
}

/** Milliseconds from `start` until every port has taken a connection. */
async function untilAllOpen(ports, { start, alive }) {
  const left = [...ports];
  const tryPorts = async () => {
    for (let port = left.pop(); port !== undefined; port = left.pop()) {
      while (!(await accepts(port))) {
        if (!alive()) throw new Failure("a process under test ended by itself.");
        await delay(POLL_MS);
      }
    }
  };
  await withLimit(Promise.all(Array.from({ length: AT_ONCE }, tryPorts)), LIMIT_MS, `Opening ${ports.length} tunnels`);
  return performance.now() - start;
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}

/** The median of a few runs of a command, in milliseconds. */
async function timeOf(program, args, { folder, env } = {}) {
  const times = [];
  while (times.length < COMMANDS) {
    const start = performance.now();
    const { code, stderr } = await run(program, args, { cwd: folder, env });
    times.push(performance.now() - start);
    if (code !== 0) throw new Failure(`${args.join(" ")} failed: ${lastLine(stderr)}.`);
  }
  return times.sort((a, b) => a - b)[COMMANDS >> 1];
}

async function command({ command: program, bundle, folder, stateDir, env }, args) {
  const { code, stdout, stderr } = await run(program, [bundle, ...args, "--state-dir", stateDir], { cwd: folder, env });
  if (code !== 0 || !existsSync(stateDir)) throw new Failure(`tunneld ${args[0]} failed: ${lastLine(stderr || stdout)}.`);
}
