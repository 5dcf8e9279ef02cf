/**
 * Ports, and starting a server on one. A port that was free a moment ago can be taken by somebody else before the
 * server binds it, so a start that ends early is tried again on another port.
 */
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "./failure.mjs";
import { endChild, lastLine, spawnOwned } from "./own.mjs";

const ATTEMPTS = 5;

/** A port on 127.0.0.1 that nobody listened on just now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/**
 * Starts `command` with the arguments for a free port and waits until `ready({ child, port })` says true: that must
 * talk to the server, and be sure that it is this one. Resolves to { child, port, log }.
 */
export async function startOnFreePort(name, { command, argsFor, ready, spawnOptions = {}, timeoutMs = 60_000 }) {
  let log = "";
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const port = await freePort();
    const child = spawnOwned(command, argsFor(port), { stdio: ["ignore", "pipe", "pipe"], ...spawnOptions });
    log = "";
    // Bounded: a server that runs for hours must not fill our memory.
    const keep = (text) => {
      log = (log + text).slice(-8192);
    };
    child.stdout?.setEncoding("utf8").on("data", keep);
    child.stderr?.setEncoding("utf8").on("data", keep);
    child.once("error", (error) => keep(error.message));
    if (await waitUntilReady({ child, port, ready, timeoutMs })) return { child, port, log: () => log };
    await endChild(child, 0);
  }
  throw new Failure(`${name} does not start (${lastLine(log)}).`);
}

async function waitUntilReady({ child, port, ready, timeoutMs }) {
  const deadline = performance.now() + timeoutMs;
  while (performance.now() < deadline) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return false;
    if (await ready({ child, port }).catch(() => false)) return true;
    await delay(40);
  }
  return false;
}
