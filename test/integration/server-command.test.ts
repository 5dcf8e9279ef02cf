/** The generated far ends as they are pasted: Debian's spiped and our server, with our client in front. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { serverText, spipedLine } from "../../extension/model/far-end/server-command.ts";
import { serverEnd } from "../../extension/model/far-end/server-end.ts";
import { english as t } from "../../extension/model/translate.ts";
import { freePort } from "../../scripts/lib/ports.mjs";
import { entrySchema } from "../../shared/contract/tunnels-file.ts";
import { type Backend, startEcho } from "../support/process/backend.ts";
import { makeKey, startEnd, TUNNELD } from "../support/process/ends.ts";
import { exchange } from "../support/process/peer.ts";
import { run } from "../support/process/run.ts";
import { Home } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { tools } from "../support/servers.ts";
import { stageForEach } from "../support/stage.ts";

describe("a generated far end", () => {
  const stage = stageForEach();
  let echo: Backend;
  let key: string;
  let port: number;

  beforeEach(async () => {
    echo = await startEcho(stage);
    key = makeKey(stage, "team.key");
    port = await freePort();
  });

  const end = (forwardSecrecy: "require" | "prefer" | "off" = "require"): ReturnType<typeof serverEnd> => {
    const entry = entrySchema.parse({ service: "tcp", listen: 1, target: `127.0.0.1:${port}`, key: { file: key }, forwardSecrecy, maxConnections: 200 });
    return serverEnd({ name: "echo", entry, backend: echo.address, program: TUNNELD });
  };

  /** Our client end with the entry's forward secrecy. */
  async function through(args: readonly string[] = []): Promise<string> {
    const client = await startEnd(stage, { role: "-e", target: `[127.0.0.1]:${port}`, key, args });
    return (await exchange(stage, client.address, "hello")).toString();
  }

  for (const [secrecy, args] of [
    ["require", ["-g"]],
    ["prefer", []],
    ["off", ["-f"]],
  ] as const) {
    it(`is a line that a shell starts spiped with, for a client that says ${secrecy}`, async () => {
      const folder = stage.path("server");
      mkdirSync(folder);
      const line = spipedLine(end(secrecy), key).replace(/^spiped /, `"$0" `);
      const { code, stderr } = await run(stage, ["/bin/sh", "-c", line, tools().spiped], { cwd: folder });
      // spiped has gone into the background, and its pid file says where.
      const pidFile = `${folder}/[0.0.0.0]:${port}.pid`;
      if (existsSync(pidFile)) stage.ownPid(Number(readFileSync(pidFile, "utf8")));
      assert.deepEqual([code, stderr], [0, ""]);
      assert.equal(await through(args), "hello");
    });
  }

  it("is a configuration that tunneld serve opens", async () => {
    const home = new Home(stage);
    const { text } = serverText("serve", end(), t);
    const file = stage.path("tunnels.json");
    writeFileSync(
      file,
      text.replaceAll(`/etc/tunneld/${end().keyName}.key`, () => key),
    );
    const program = stage.spawn(process.execPath, [TUNNELD, "serve", "--config", file, "--state-dir", home.paths.stateDir]);
    await until(() => !program.isRunning || program.stderr.includes("echo listens at"), { what: "the server listened" });
    assert.ok(program.isRunning, program.stderr);
    assert.equal(await through(["-g"]), "hello");
  });
});
