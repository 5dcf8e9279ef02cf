/**
 * The two ends of a tunnel as an administrator starts them: two processes of `tunneld spiped` with one key file.
 * TUNNELS_SPIPED=/usr/bin/spiped puts another spiped in place of ours, to compare.
 */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { connect } from "node:net";
import { Failure } from "./failure.mjs";
import { lastLine, run } from "./own.mjs";
import { startOnFreePort } from "./ports.mjs";
import { tunneld } from "./project.mjs";

/** A spiped sends every client its nonce, and not a byte more to a client without the key. */
export const NONCE_BYTES = 32;

export async function makeKey(file) {
  if (other() !== undefined) return writeFileSync(file, randomBytes(32), { mode: 0o600 });
  const result = await run(process.execPath, [tunneld, "keygen", file]);
  if (result.code !== 0) throw new Failure(`tunneld keygen failed: ${lastLine(result.stderr)}.`);
}

export function startServerEnd({ targetPort, keyFile }) {
  return startEnd("The server end", { role: "-d", targetPort, keyFile, ready: greets });
}

/** `answers(port)` tells whether the service can be reached through this end. */
export function startClientEnd({ targetPort, keyFile, answers }) {
  return startEnd("The client end", { role: "-e", targetPort, keyFile, ready: answers });
}

function startEnd(name, { role, targetPort, keyFile, ready }) {
  const [command, first] = other() === undefined ? [process.execPath, [tunneld, "spiped"]] : [other(), []];
  return startOnFreePort(name, {
    command,
    argsFor: (port) => [...[...first, "-F", role, "-s", `[127.0.0.1]:${port}`, "-t", `[127.0.0.1]:${targetPort}`], ...["-k", keyFile]],
    ready: ({ port }) => ready(port),
    timeoutMs: 15_000,
  });
}

function other() {
  return process.env.TUNNELS_SPIPED || undefined;
}

async function greets(port) {
  const { bytes } = await plainClient(port, { words: "", enough: NONCE_BYTES });
  return bytes.length === NONCE_BYTES;
}

/** A client without the key: sends `words` and reads `enough` bytes or until the end; resolves to { bytes, ms, ended }. */
export function plainClient(port, { words, enough = Number.POSITIVE_INFINITY, timeoutMs = 20_000 }) {
  const start = performance.now();
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    let ended = true;
    const socket = connect(port, "127.0.0.1", () => words && socket.write(words));
    const limit = setTimeout(() => {
      ended = false;
      socket.destroy();
    }, timeoutMs);
    socket.on("data", (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      if (bytes.length >= enough) socket.destroy();
    });
    socket.on("error", () => {});
    socket.once("close", () => {
      clearTimeout(limit);
      resolve({ bytes, ms: performance.now() - start, ended });
    });
  });
}
