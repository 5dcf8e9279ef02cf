/** Ports for tests and demos: no other run gets a port between its being found and its being bound. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { freePort } from "../../../scripts/lib/ports.mjs";

describe("freePort", () => {
  it("gives no port twice, though none was bound", async () => {
    const ports = await Promise.all(Array.from({ length: 100 }, () => freePort()));
    assert.equal(new Set(ports).size, 100);
  });

  it("gives a port that can be bound", async () => {
    const server = createServer().listen(await freePort(), "127.0.0.1");
    await once(server, "listening");
    server.close();
  });

  it("gives no port that the system may give to a program that asks for any port", async () => {
    const range = process.platform === "linux" ? readFileSync("/proc/sys/net/ipv4/ip_local_port_range", "utf8") : "32768 60999";
    const [first = 0, last = 0] = range.split(/\s+/).map(Number);
    const port = await freePort();
    // If the system gives out all ports, nothing can be done.
    assert.ok(first < 20_000 || port < first || port > last, `${port} is in ${range}`);
  });

  it("keeps a port from every other run while this process lives, and not longer", async () => {
    const taken = createSocket("udp4").bind({ port: await freePort(), address: "127.0.0.1" });
    const [error] = await once(taken, "error");
    assert.equal((error as NodeJS.ErrnoException).code, "EADDRINUSE");
    const module = new URL("../../../scripts/lib/ports.mjs", import.meta.url).href;
    const program = `import { freePort } from ${JSON.stringify(module)}; process.stdout.write(String(await freePort()));`;
    const port = Number(execFileSync(process.execPath, ["--input-type=module", "-e", program], { encoding: "utf8" }));
    const mark = createSocket("udp4").bind({ port, address: "127.0.0.1" });
    await once(mark, "listening");
    mark.close();
  });
});
