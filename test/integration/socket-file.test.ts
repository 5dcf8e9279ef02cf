/** A unix `listen` that ends: the program removes the socket that it made, and leaves anything else at that path alone. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { startBackend } from "../support/process/backend.ts";
import { freeAddress, makeKey, startEnd } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { approveAndWant, Home } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

/** Puts something else in the place of the socket; returns a check that it is still there. */
const OTHERS: Readonly<Record<string, (stage: Stage, path: string) => Promise<() => Promise<void> | void>>> = {
  "a file of the user's": async (_, path) => {
    writeFileSync(path, "precious");
    return () => assert.equal(readFileSync(path, "utf8"), "precious");
  },
  "another program's live socket": async (stage, path) => {
    await startBackend(stage, ({ socket }) => void socket.end("other"), path);
    return async () => assert.equal((await (await connectTo(stage, path)).ended()).toString(), "other");
  },
};

describe("the unix socket of", () => {
  const stage = stageForEach();

  for (const [what, put] of Object.entries(OTHERS)) {
    it(`tunneld spiped is the only file that is removed at its end: ${what} stays`, async () => {
      const source = stage.path("s");
      const { program } = await startEnd(stage, { role: "-e", source, target: await freeAddress(), key: makeKey(stage) });
      // spiped listens a moment before it knows its own file, so wait until it serves a client.
      await (await connectTo(stage, source)).closed();
      renameSync(source, `${source}.moved`);
      const stays = await put(stage, source);
      assert.deepEqual(await program.kill("SIGTERM"), { code: 0, signal: null });
      await stays();
    });

    it(`the daemon is the only file that is removed when its tunnel is closed and when the daemon ends: ${what} stays`, async () => {
      const home = new Home(stage);
      home.key("team");
      const listen = stage.path("cache.sock");
      const configPath = home.workspace("app", { cache: { target: await freeAddress(), listen } });
      const window = home.client({ stay: true });
      const { pid } = await window.daemon.connect();
      await approveAndWant(window, configPath, ["cache"]);
      renameSync(listen, `${listen}.moved`);
      const stays = await put(stage, listen);
      await window.daemon.want(configPath, { configPath, names: [] });
      await until(async () => (await window.daemon.request("tunnels/list", {})).tunnels.every(({ state }) => state === "closed"), { what: "it was closed" });
      await stays();
      home.kill("SIGTERM");
      await home.ended(pid);
      await stays();
    });
  }

  it("the daemon is removed when its tunnel is closed", async () => {
    const home = new Home(stage);
    home.key("team");
    const listen = stage.path("cache.sock");
    const configPath = home.workspace("app", { cache: { target: await freeAddress(), listen } });
    const window = home.client({ stay: true });
    await approveAndWant(window, configPath, ["cache"]);
    assert.equal(existsSync(listen), true);
    await window.daemon.want(configPath, { configPath, names: [] });
    await until(() => !existsSync(listen), { what: "it was gone" });
  });
});
