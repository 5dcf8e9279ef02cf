/** An address of loopback that swallows connections: a stopped process whose backlog is full no longer answers a SYN. */
import assert from "node:assert/strict";
import * as net from "node:net";
import { freePort } from "../../../scripts/lib/ports.mjs";
import { isListening } from "../process/listening.ts";
import { until, untilStill } from "../process/until.ts";
import type { Stage } from "../stage.ts";

const HOST = "127.66.0.1";

/** Makes a hole; returns its address. */
export async function digHole(stage: Stage, at: { readonly port?: number } = {}): Promise<string> {
  return (await digClosableHole(stage, at)).address;
}

/** Makes a hole that can be turned into a port that refuses: the SYN that is repeated after a second gets a reset. */
export async function digClosableHole(stage: Stage, at: { readonly port?: number } = {}): Promise<{ readonly address: string; close(): void }> {
  const host = HOST;
  const port = at.port ?? (await freePort());
  const hole = stage.spawn(process.execPath, ["-e", `require("node:net").createServer().listen({ host: "${host}", port: ${port}, backlog: 1 })`]);
  await until(() => isListening(hole.pid, `[${host}]:${port}`), { what: "the hole listened" });
  hole.child.kill("SIGSTOP");
  let connected = 0;
  const fillers = Array.from({ length: 8 }, () =>
    net
      .connect(port, host, () => {
        connected += 1;
      })
      .on("error", () => {}),
  );
  for (const filler of fillers) stage.own(() => filler.destroy());
  await untilStill(() => connected, { what: "the backlog was full", rounds: 20 });
  assert.ok(connected < fillers.length, "the hole must swallow connections");
  return { address: `${host}:${port}`, close: () => void hole.child.kill("SIGKILL") };
}

/** A program that accepts connections and then never does anything. */
export async function startStopped(stage: Stage): Promise<string> {
  const port = await freePort();
  const program = stage.spawn(process.execPath, ["-e", `require("node:net").createServer().listen(${port}, "127.0.0.1")`]);
  await until(() => isListening(program.pid, `[127.0.0.1]:${port}`), { what: "it listened" });
  program.child.kill("SIGSTOP");
  return `127.0.0.1:${port}`;
}
