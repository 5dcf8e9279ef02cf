/**
 * Bulk throughput each way over one connection, and the processor time it costs: MB/s (10^6 bytes) and, for a pair,
 * CPU-seconds a GB (10^9 bytes) of its two processes together. An upload goes from the client's side to the server's.
 * A short transfer comes before each one: it warms the connection up and shows how much fits in the time.
 */
import { connect } from "node:net";
import { Worker } from "node:worker_threads";
import { Failure } from "../scripts/lib/failure.mjs";
import { withContenders } from "./contenders.mjs";
import { withLimit } from "./limit.mjs";
import { cpuSeconds } from "./proc.mjs";
import { interleave, summarize } from "./rounds.mjs";
import { OK, PatternCounter, request, sendPattern } from "./stream.mjs";

const PROBE_BYTES = 8_000_000;
const SMALLEST_BYTES = 8_000_000;
const LARGEST_BYTES = 2_000_000_000;
const LIMIT_MS = 60_000;

const METRICS = [
  { id: "bulk.upload", label: "bulk upload", unit: "MB/s", better: "higher", digits: 0 },
  { id: "bulk.download", label: "bulk download", unit: "MB/s", better: "higher", digits: 0 },
  { id: "bulk.upload.cpu", label: "CPU of both ends, upload", unit: "s/GB", better: "lower", digits: 2 },
  { id: "bulk.download.cpu", label: "CPU of both ends, download", unit: "s/GB", better: "lower", digits: 2 },
];

/** Resolves to the summaries of METRICS. */
export async function measureBulk({ programs, rounds, seconds }) {
  const worker = new Worker(new URL("./peer.mjs", import.meta.url));
  try {
    const targetPort = await new Promise((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    const body = (contenders) => interleave({ contenders, rounds, measure: (contender, { warmUp }) => measureOne(contender, warmUp ? seconds / 2 : seconds) });
    return summarize(METRICS, await withContenders(programs, { targetPort, answers, body }));
  } finally {
    await worker.terminate();
  }
}

async function answers(port) {
  const load = await openLoad(port, "the peer");
  await load.upload(1);
  load.close();
  return true;
}

async function measureOne({ port, title, ends }, seconds) {
  const pids = ends.map(({ pid }) => pid);
  const load = await openLoad(port, title);
  const values = {};
  try {
    for (const way of ["upload", "download"]) {
      const probe = await timed(() => load[way](PROBE_BYTES), []);
      const fits = Math.round((PROBE_BYTES / probe.seconds) * seconds);
      const bytes = Math.min(LARGEST_BYTES, Math.max(SMALLEST_BYTES, fits));
      const { seconds: taken, cpu } = await timed(() => load[way](bytes), pids);
      values[`bulk.${way}`] = bytes / 1e6 / taken;
      if (pids.length > 0) values[`bulk.${way}.cpu`] = cpu / (bytes / 1e9);
    }
  } finally {
    load.close();
  }
  return values;
}

async function timed(action, pids) {
  const [start, cpu] = [performance.now(), cpuSeconds(pids)];
  await action();
  return { seconds: (performance.now() - start) / 1000, cpu: cpuSeconds(pids) - cpu };
}

/** One connection to the peer, for one transfer after another. */
async function openLoad(port, title) {
  let onBytes = () => {};
  let onBroken = () => {};
  const buffer = Buffer.allocUnsafe(256 * 1024);
  const take = (size) => {
    onBytes(buffer.subarray(0, size));
    return true;
  };
  const socket = connect({ port, host: "127.0.0.1", noDelay: true, highWaterMark: 1024 * 1024, onread: { buffer, callback: take } });
  const broken = new Promise((_, reject) => {
    onBroken = (error) => reject(new Failure(`The connection through ${title} broke during a transfer (${error?.code ?? "closed early"}).`));
  });
  // This promise is raced below; before that it must not count as an unhandled rejection.
  broken.catch(() => {});
  socket.on("error", onBroken).on("close", onBroken);
  const within = (promise) => withLimit(Promise.race([promise, broken]), LIMIT_MS, `A transfer through ${title}`);
  const upload = (length) => {
    const done = new Promise((resolve, reject) => {
      onBytes = (bytes) => (bytes[0] === OK ? resolve() : reject(new Failure(`${title} delivered other bytes than were sent.`)));
    });
    socket.write(request("U", length));
    sendPattern(socket, length);
    return within(done);
  };
  const download = (length) => {
    const counter = new PatternCounter(length);
    const done = new Promise((resolve, reject) => {
      onBytes = (bytes) => {
        const extra = counter.take(bytes) !== bytes.length;
        if (extra || !counter.intact) reject(new Failure(`${title} delivered other bytes than were sent.`));
        else if (counter.complete) resolve();
      };
    });
    socket.write(request("D", length));
    return within(done);
  };
  return { upload, download, close: () => socket.destroy() };
}
