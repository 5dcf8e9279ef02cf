/**
 * A network between the two ends of a tunnel: it delays, limits and counts what passes. A worker thread, so that it has a
 * loop of its own. A new connection waits for one round trip before anything passes, as a SYN and its answer do.
 */
import { connect, createServer } from "node:net";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";

/** What a slow link holds of one connection before its sender has to wait, as a router's buffer does. */
const QUEUE_BYTES = 64 * 1024;

/**
 * Starts a relay to `targetPort`; resolves to { port, bytes, stop }. `roundTripMs`: half of it each way; `bytesPerSecond`:
 * for each direction; `bytes()`: what has passed so far, both ways, payload without headers of TCP.
 */
export async function startRelay({ targetPort, roundTripMs = 0, bytesPerSecond = Number.POSITIVE_INFINITY }) {
  const counter = new BigInt64Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL(import.meta.url), { workerData: { targetPort, roundTripMs, bytesPerSecond, counter } });
  const port = await new Promise((resolve, reject) => {
    worker.once("message", resolve);
    worker.once("error", reject);
  });
  return { port, bytes: () => Number(Atomics.load(counter, 0)), stop: () => worker.terminate() };
}

function serve({ targetPort, roundTripMs, bytesPerSecond, counter }) {
  // All connections share the link, as they would a wire.
  const [up, down] = [{ freeAt: 0 }, { freeAt: 0 }];
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, (near) => {
    const far = connect({ port: targetPort, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    near.on("error", () => far.destroy());
    far.on("error", () => near.destroy());
    near.on("close", () => far.destroy());
    far.on("close", () => near.destroy());
    const join = () => {
      carry(near, far, { link: up, roundTripMs, bytesPerSecond, counter });
      carry(far, near, { link: down, roundTripMs, bytesPerSecond, counter });
    };
    if (roundTripMs === 0) join();
    else setTimeout(join, roundTripMs);
  });
  server.listen(0, "127.0.0.1", () => parentPort.postMessage(server.address().port));
}

/** One direction. */
function carry(from, to, { link, roundTripMs, bytesPerSecond, counter }) {
  let held = 0;
  let chain = Promise.resolve();
  from.on("data", (chunk) => {
    Atomics.add(counter, 0, BigInt(chunk.length));
    const now = performance.now();
    link.freeAt = Math.max(link.freeAt, now) + (chunk.length / bytesPerSecond) * 1000;
    const waitMs = link.freeAt - now + roundTripMs / 2;
    if (waitMs <= 0) {
      if (!to.write(chunk)) from.pause();
      return;
    }
    held += chunk.length;
    // Only a limited link fills up; a long one holds as much as is on its way.
    if (bytesPerSecond !== Number.POSITIVE_INFINITY && held >= QUEUE_BYTES) from.pause();
    const due = new Promise((resolve) => setTimeout(resolve, waitMs));
    chain = chain
      .then(() => due)
      .then(() => {
        held -= chunk.length;
        if (!to.destroyed) to.write(chunk);
        if (held < QUEUE_BYTES / 2) from.resume();
      });
  });
  to.on("drain", () => from.resume());
  from.on("end", () => {
    chain = chain.then(() => setTimeout(() => to.end(), roundTripMs / 2));
  });
  from.resume();
}

if (!isMainThread) serve(workerData);
