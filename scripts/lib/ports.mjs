/**
 * Ports, and starting a server on one. A port that was found but not bound yet belongs to nobody. So it is taken from a
 * range that the system does not give out by itself, and reserved against other runs on this machine. A stranger may still
 * take it, so a start that ends early is tried again on another port.
 */
import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { createServer } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { Failure } from "./failure.mjs";
import { endChild, lastLine, spawnOwned } from "./own.mjs";

const ATTEMPTS = 5;

/** Below 32768: from there on Linux takes ports for outgoing connections and for requests for port 0. */
const FIRST_PORT = 20_000;
const AFTER_LAST_PORT = 32_000;

/** A TCP port of `host` that nobody listens on, and that no other run gets while this process lives. */
export async function freePort(host = "127.0.0.1") {
  for (;;) {
    const port = randomInt(FIRST_PORT, AFTER_LAST_PORT);
    if ((await isReserved(port)) && (await isFree(port, host))) return port;
  }
}

/** The UDP port of the same number is the mark: one process at a time can hold it, and it is freed when that process ends. */
function isReserved(port) {
  return new Promise((resolve) => {
    const mark = createSocket("udp4");
    mark.unref();
    mark.once("error", () => mark.close(() => resolve(false)));
    mark.bind({ port, address: "127.0.0.1", exclusive: true }, () => resolve(true));
  });
}

function isFree(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, host, () => server.close(() => resolve(true)));
  });
}

/**
 * Starts `command` with the arguments for a free port and waits until `ready({ child, port })` returns true: `ready` must
 * talk to the server, and be sure that it is the one that was started. Resolves to { child, port, log }.
 */
export async function startOnFreePort(name, { command, argsFor, ready, spawnOptions = {}, timeoutMs = 60_000 }) {
  let log = "";
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const port = await freePort();
    const child = spawnOwned(command, argsFor(port), { stdio: ["ignore", "pipe", "pipe"], ...spawnOptions });
    log = "";
    // Limited: a server that runs for hours must not fill our memory.
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
