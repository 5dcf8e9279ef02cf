/** A stranger's key must never cost the database anything: MariaDB counts broken-off connections and then blocks the host. */
import assert from "node:assert/strict";
import { makeKey, startEnd } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { run } from "../support/process/run.ts";
import { portOf } from "../support/process/tunneld.ts";
import { startMariaDb, tools } from "../support/servers.ts";
import { stageForEach } from "../support/stage.ts";

const CONNECTS = 110;

describe("a client end with a wrong key", () => {
  const stage = stageForEach();

  it(`does not make MariaDB block the server end, with ${CONNECTS} connections`, async () => {
    // 127.0.0.1 is never blocked, so the server end dials from 127.0.0.2; and without host names MariaDB blocks nobody.
    const maria = await startMariaDb("--max-connect-errors=5", "--skip-name-resolve=0");
    stage.own(() => maria.stop());
    const root = [tools().mariadb, "--no-defaults", `--socket=${maria.socket}`, "--user=root"] as const;
    await run(stage, root, { input: "CREATE USER somebody@'127.0.0.2' IDENTIFIED BY '';" });
    const key = makeKey(stage);
    const server = await startEnd(stage, { role: "-d", target: `[127.0.0.1]:${maria.port}`, key, args: ["-b", "[127.0.0.2]", "-n", "0"] });
    const right = await startEnd(stage, { role: "-e", target: server.address, key });
    const wrong = await startEnd(stage, { role: "-e", target: server.address, key: makeKey(stage), args: ["-n", "0"] });
    for (let count = 0; count < CONNECTS; count++) {
      const client = await connectTo(stage, wrong.address);
      assert.equal((await client.closed()).length, 0);
    }
    const ask = [
      tools().mariadb,
      "--no-defaults",
      "--protocol=tcp",
      "--host=127.0.0.1",
      `--port=${portOf(right.address)}`,
      "--user=somebody",
      "--connect-timeout=50",
    ] as const;
    const { stdout, stderr } = await run(stage, ask, { input: "SELECT 6 * 7 AS answer;" });
    assert.match(String(stdout), /42/, stderr);
  });
});
