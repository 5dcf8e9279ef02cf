/** Real programs that come to an encrypted port by mistake: each one's connection is ended at once, and the log names the program. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { freePort } from "../../scripts/lib/ports.mjs";
import { startEcho } from "../support/process/backend.ts";
import { makeKey, startEnd, TUNNELD } from "../support/process/ends.ts";
import { exchange } from "../support/process/peer.ts";
import type { Program } from "../support/process/program.ts";
import { run } from "../support/process/run.ts";
import { Home } from "../support/process/tunneld.ts";
import { tools } from "../support/servers.ts";
import { stageForEach } from "../support/stage.ts";

/** Longer than any test may take, so a client that is closed was closed for another reason. */
const NEVER_SECONDS = 600;

describe("a plain client at an encrypted port", () => {
  const stage = stageForEach();

  /** Where each kind of server end listens. */
  const ENDS: Readonly<Record<string, () => Promise<{ readonly port: number; readonly program: Program }>>> = {
    "tunneld spiped -d": async () => {
      const port = await freePort();
      const source = `[127.0.0.1]:${port}`;
      const { program } = await startEnd(stage, {
        role: "-d",
        source,
        target: (await startEcho(stage)).address,
        key: makeKey(stage),
        args: ["-o", `${NEVER_SECONDS}`],
      });
      return { port, program };
    },
    "tunneld serve, a port of two entries": async () => {
      const home = new Home(stage);
      for (const name of ["one", "two"]) home.key(name);
      const port = await freePort();
      const target = (await startEcho(stage)).address.replace(/[[\]]/g, "");
      const entry = { role: "server", listen: `127.0.0.1:${port}`, target, timeoutSeconds: NEVER_SECONDS };
      const config = stage.path("serve.json");
      writeFileSync(config, JSON.stringify({ version: 1, tunnels: { one: { ...entry, key: "one" }, two: { ...entry, key: "two" } } }));
      const program = stage.spawn(process.execPath, [TUNNELD, "serve", "--config", config, "--state-dir", home.paths.stateDir]);
      await program.logs(/two listens at/);
      return { port, program };
    },
  };

  for (const [end, start] of Object.entries(ENDS)) {
    it(`is closed as soon as it has sent something: redis-cli, ${end}`, async () => {
      const { port, program } = await start();
      const { code } = await run(stage, [tools().redisCli, "-h", "127.0.0.1", "-p", `${port}`, "ping"]);
      assert.equal(code, 1);
      await program.logs(/a Redis client came to the encrypted port/);
    });

    it(`is closed as soon as it has sent something: fetch, ${end}`, async () => {
      const { port, program } = await start();
      await assert.rejects(fetch(`http://127.0.0.1:${port}/`));
      await program.logs(/an HTTP client came to the encrypted port/);
    });
  }

  it("costs a friend nothing", async () => {
    const key = makeKey(stage);
    const far = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key });
    const near = await startEnd(stage, { maker: "Debian's", role: "-e", target: far.address, key });
    await run(stage, [tools().redisCli, "-h", "127.0.0.1", "-p", far.address.replace(/^.*:/, ""), "ping"]);
    assert.equal((await exchange(stage, near.address, "hello")).toString(), "hello");
  });
});
