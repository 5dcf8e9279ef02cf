/**
 * What outlives what: a database connection a reload of the window, a tunnel the death of the daemon; and two windows
 * that share one tunnel.
 */
import assert from "node:assert/strict";
import { freePort } from "../../scripts/lib/ports.mjs";
import { connectTo, type Peer } from "../support/process/peer.ts";
import { until } from "../support/process/until.ts";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, redisClient, rowSays, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("windows, reloads and the daemon's death in VS Code", () => {
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let port: number;

  before(async () => {
    project = new Project(stage, "shop");
    const { redisTarget } = await startRedisFarAway(stage, project.key("team"));
    port = await freePort();
    project.write({ cache: { service: "redis", listen: port, target: redisTarget, key: "team" } });
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir });
    await workbench.tree.open(VIEW);
    await openByPalette(workbench, "cache", { approve: true });
    await rowSays(workbench, "cache", /verified/);
  });

  it("a client's connection survives a reload of the window, and the window keeps the tunnel", async () => {
    const client = await connectTo(stage, `[127.0.0.1]:${port}`);
    assert.equal(await ping(client), "+PONG\r\n");
    const before = await hosts();
    await workbench.reload({ stored: /"wanted":\[.*"cache"/ });
    await workbench.tree.open(VIEW);
    await rowSays(workbench, "cache", /verified/);
    assert.equal(await ping(client), "+PONG\r\n", "the same TCP connection");
    // Kept by the new window and not only by the old one's linger: the daemon names it as a user. The old extension host
    // may still be there: a browser may drop its goodbye, and then VS Code's server waits for it to come back.
    const isUsedAnew = async (): Promise<boolean> => (await hosts()).some((pid) => !before.includes(pid));
    await until(isUsedAnew, { what: "the reloaded window used the tunnel" }).catch(async (error: Error) => {
      throw new Error(`${error.message}; before: ${before}, now: ${await hosts()}`);
    });
  });

  /** Process ids of the extension hosts that use the tunnel. */
  async function hosts(): Promise<readonly number[]> {
    return (await project.status()).tunnels[0]?.users.map(({ pid }) => pid) ?? [];
  }

  it("a second window shares the tunnel, and closing it there asks", async () => {
    const second = await workbench.secondWindow();
    await second.tree.open(VIEW);
    await rowSays(second, "cache", /verified/);
    await second.tree.row("cache").action("Close Tunnel");
    assert.match(await second.notices.dialogText(), /window shop/);
    await second.screenshot("others use it");
    await second.notices.dialog("Cancel");
    await rowSays(second, "cache", /verified/);
    await second.page.close();
    assert.equal(await redisClient(stage, port).ping(), "PONG");
  });

  it("a daemon that is killed comes back with the same port, and clients reconnect", async () => {
    const client = redisClient(stage, port);
    assert.equal(await client.ping(), "PONG");
    const before = project.daemonPid;
    await project.killDaemon();
    await until(() => ![before, undefined].includes(project.daemonPid), { what: "a new daemon was there" });
    assert.equal(await client.ping(), "PONG");
    await rowSays(workbench, "cache", /verified/);
  });
});

/** Redis's answer on a plain connection. */
async function ping(client: Peer): Promise<string> {
  const before = client.receivedBytes;
  client.send("PING\r\n");
  return (await client.has(before + "+PONG\r\n".length)).toString("latin1", before);
}
