/** A tunnel whose network is away, as a developer sees it: what waits, since when and why, and that it goes on. */
import assert from "node:assert/strict";
import { freePort } from "../../scripts/lib/ports.mjs";
import { Workspace } from "../support/process/workspace.ts";
import { startRedis } from "../support/servers.ts";
import { stageForAll } from "../support/stage.ts";
import { startNetwork } from "../support/wire/network.ts";
import { openByPalette, redisClient, rowSays, STATUS, VIEW } from "../support/workbench/flows.ts";
import { Project } from "../support/workbench/project.ts";
import { startWorkbench } from "../support/workbench/workbench.ts";

describe("a tunnel whose network is away, in VS Code", () => {
  const stage = stageForAll();

  it("is reconnecting, says what waits, and goes on with the transaction that was open", async () => {
    const project = new Project(stage, "shop");
    const redis = await startRedis();
    stage.own(() => redis.stop());
    const [farPort, port] = [await freePort(), await freePort()];
    const key = project.key("team");
    const far = new Workspace(stage, "far");
    far.write({ far: { role: "server", listen: `127.0.0.1:${farPort}`, target: `127.0.0.1:${redis.port}`, key: { file: key } } });
    const serving = far.start(["serve", "--config", far.configPath, "--state-dir", far.stateDir]);
    stage.own(() => serving.child.kill());
    await serving.logs(/far listens at/);
    const network = await startNetwork(stage, farPort);
    project.write({ cache: { service: "redis", listen: port, target: `127.0.0.1:${network.port}`, key: "team" } });

    const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
    await workbench.tree.open(VIEW);
    await openByPalette(workbench, "cache", { approve: true });
    await rowSays(workbench, "cache", /verified/);
    const client = redisClient(stage, port);
    await client.call("MULTI");
    await client.call("SET", "order", "42");

    network.blackHole(true);
    network.cut("reset");
    await rowSays(workbench, "cache", /reconnecting/);
    await workbench.until(async () => /reconnecting/i.test((await workbench.statusItem(STATUS)).label), "the status bar said so");
    await workbench.tree.row("cache").expand();
    await workbench.until(async () => (await workbench.tree.rows()).some((row) => /1 connection/.test(row)), "a fact said how many wait");
    await workbench.screenshot("reconnecting");

    network.blackHole(false);
    await rowSays(workbench, "cache", /verified/);
    assert.deepEqual(await client.call("EXEC"), ["OK"]);
    assert.equal(await client.get("order"), "42");
    await workbench.screenshot("reconnected");
  });
});
