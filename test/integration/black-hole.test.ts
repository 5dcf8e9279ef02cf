/**
 * Addresses that swallow connections. Without leaving loopback: a listener whose process is stopped (SIGSTOP) and whose
 * backlog is full no longer answers a SYN. A name with two addresses comes from a stub that is loaded into our process
 * before the program (node --import) and stands in for getaddrinfo.
 */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import * as net from "node:net";
import { pathToFileURL } from "node:url";
import { startEcho } from "../support/process/backend.ts";
import { makeKey, startEnd } from "../support/process/ends.ts";
import { isListening } from "../support/process/listening.ts";
import { connectTo, exchange } from "../support/process/peer.ts";
import { until, untilStill } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

const HOLE = "127.66.0.1";

/** Makes `HOLE:port` swallow connections. */
async function digHole(stage: Stage, port: number): Promise<void> {
  const script = `require("node:net").createServer().listen({ host: "${HOLE}", port: ${port}, backlog: 1 })`;
  const hole = stage.spawn(process.execPath, ["-e", script]);
  await until(() => isListening(hole.pid, `[${HOLE}]:${port}`), { what: "the hole listened" });
  hole.child.kill("SIGSTOP");
  let connected = 0;
  // More connections than the backlog of one: the excess ones stay in SYN-SENT, which makes the hole.
  const fillers = Array.from({ length: 8 }, () =>
    net
      .connect(port, HOLE, () => {
        connected += 1;
      })
      .on("error", () => {}),
  );
  for (const filler of fillers) stage.own(() => filler.destroy());
  await untilStill(() => connected, { what: "the backlog was full", rounds: 20 });
  assert.ok(connected < fillers.length, "the hole must swallow connections");
}

describe("a black-holed address", () => {
  const stage = stageForEach();

  it("that comes first of two does not keep the connection from the second", async () => {
    const key = makeKey(stage);
    const server = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key });
    const port = Number(server.address.split(":").at(-1));
    await digHole(stage, port);
    const stub = stage.path("stub.mjs");
    writeFileSync(stub, `import dns from "node:dns"; dns.promises.lookup = async () => ["${HOLE}", "127.0.0.1"].map((address) => ({ address, family: 4 }));`);
    const client = await startEnd(stage, {
      role: "-e",
      target: `two.addresses.test:${port}`,
      key,
      args: ["-o", "120"],
      nodeArgs: ["--import", pathToFileURL(stub).href],
    });
    // With 120 s for each address, this test ends in time only if the second address is tried beside the first.
    assert.equal((await exchange(stage, client.address, "hello")).toString(), "hello");
  });

  it("that is the only one closes the client when the -o time is over, with CONNECT_TIMEOUT in the log", async () => {
    const spare = await startEcho(stage);
    const port = Number(spare.address.split(":").at(-1));
    await digHole(stage, port);
    const client = await startEnd(stage, { role: "-e", target: `[${HOLE}]:${port}`, key: makeKey(stage), args: ["-o", "1"] });
    assert.equal((await (await connectTo(stage, client.address)).closed()).length, 0);
    await client.program.logs(/CONNECT_TIMEOUT/);
  });
});
