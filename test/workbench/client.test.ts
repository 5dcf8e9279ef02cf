/**
 * What a tunnel is there for and what keeps it going: clients, addresses and the server's command, keys, the log and
 * the daemon, and the tour for whoever is new.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { freePort, tools } from "../support/servers.ts";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, pingOnce, rowSays, VIEW } from "../support/workbench/flows.ts";
import { find } from "../support/workbench/locators.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { TERMINAL_SETTINGS } from "../support/workbench/terminals.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

/** As it is shown: 16 bytes in groups of four digits. */
const FINGERPRINT = /\b(?:[0-9a-f]{4}-){7}[0-9a-f]{4}\b/;

describe("clients, keys and the daemon in VS Code", function () {
  this.timeout(300_000);
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let port: number;
  let target: string;

  before(async () => {
    project = new Project(stage, "shop");
    target = (await startRedisFarAway(stage, project.key("team"))).redisTarget;
    port = await freePort();
    project.write({ cache: { service: "redis", listen: port, target, key: "team", database: 2 } });
    const path = [dirname(tools().redisCli), process.env["PATH"]].join(delimiter);
    workbench = await startWorkbench(stage, {
      workspace: project.folder,
      stateDir: project.stateDir,
      env: { PATH: path },
      settings: TERMINAL_SETTINGS,
      // The tour has texts beside its steps only where there is room.
      width: 1600,
      height: 1100,
    });
    await workbench.tree.open(VIEW);
    await openByPalette(workbench, "cache", { approve: true });
    await rowSays(workbench, "cache", /verified/);
  });

  it("a client in a terminal talks to the far Redis, with no shell between", async () => {
    await workbench.tree.row("cache").choose("Open Client Terminal");
    await workbench.terminals.says(`127.0.0.1:${port}[2]>`);
    await workbench.terminals.type("PING");
    await workbench.terminals.says("PONG");
    await workbench.screenshot("client in a terminal");
    await workbench.terminals.killAll();
  });

  it("copies the connection URL and the local address", async () => {
    await workbench.tree.row("cache").choose("Copy Connection URL");
    await copied(`redis://127.0.0.1:${port}/2`);
    await workbench.tree.row("cache").choose("Copy Local Address");
    await copied(`127.0.0.1:${port}`);
  });

  for (const [form, has] of [
    ["spiped command", /^spiped -d -s \S+ -t \S+ -k \S+/m],
    ["systemd unit for spiped", /^\[Service\]$/m],
    ["Docker Compose file", /^services:$/m],
    ["Configuration for tunneld serve", /"role": "server"/],
    ["systemd unit for tunneld serve", /^ExecStart=.*\bserve\b/m],
  ] as const) {
    it(`copies the far end as ${form}, with the way of the key to it`, async () => {
      await workbench.page.evaluate('navigator.clipboard.writeText("")');
      await workbench.tree.row("cache").choose(/Copy Server Command/);
      await workbench.palette.pick(new RegExp(`^${form}`));
      await workbench.until(async () => has.test(await workbench.clipboard()), `the clipboard had ${has}`);
      assert.match(await workbench.clipboard(), /safe channel only/);
      await workbench.notices.clear();
    });
  }

  it("generates a key and shows its fingerprint", async () => {
    await workbench.command("Generate Key…");
    await workbench.palette.input("spare");
    assert.match(await workbench.notices.message(/The key spare is there/), FINGERPRINT);
    assert.equal(statSync(keyFile("spare")).mode & 0o777, 0o600);
    await workbench.notices.clear();
  });

  it("lists keys by name and fingerprint, with who uses them", async () => {
    await workbench.command("Manage Keys…");
    await workbench.palette.row(/spare/);
    const rows = await workbench.palette.rows();
    assert.match(rows.find((row) => /\bteam\b/.test(row)) ?? "", new RegExp(`${FINGERPRINT.source}.*Used by: cache`));
    assert.match(rows.find((row) => /\bspare\b/.test(row)) ?? "", new RegExp(`${FINGERPRINT.source}.*No tunnel of this window uses it`));
    await workbench.screenshot("keys");
    await workbench.palette.close();
  });

  it("exports a key to a new file that only the user can read", async () => {
    const file = stage.path("exported.key");
    await workbench.command("Export Key to File…");
    await workbench.palette.pick(/spare/);
    await workbench.palette.titled("Export Key to File");
    await workbench.until(async () => (await workbench.palette.value()).endsWith("spare.key"), "a name was suggested");
    await workbench.screenshot("where to export a key");
    await workbench.palette.file(file);
    await workbench.notices.message(/which only you can read/);
    assert.deepEqual(readFileSync(file), readFileSync(keyFile("spare")));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await workbench.notices.clear();
  });

  it("asks before it forgets a key, and no is no", async () => {
    for (const [answer, stays] of [
      ["Cancel", true],
      ["Forget Key", false],
    ] as const) {
      await workbench.command("Forget Key…");
      await workbench.palette.pick(/spare/);
      assert.match(await workbench.notices.dialogText(), /Forget the key spare for good\?.*can't be had back/);
      await workbench.notices.dialog(answer);
      await workbench.until(() => existsSync(keyFile("spare")) === stays, `the key was ${stays ? "still there" : "gone"}`);
    }
  });

  it("shows the daemon's lines in the log", async () => {
    await workbench.command("Encrypted Tunnels: Show Log");
    const lines = workbench.page.locator("[id='workbench.panel.output'] .view-line");
    await find(lines, /\[info\] cache: listens at/, { what: "the log had a line" });
    await workbench.screenshot("log");
  });

  it("restarts the daemon and has the tunnel again", async () => {
    const before = project.daemonPid;
    await workbench.command("Restart Daemon");
    await workbench.until(() => ![before, undefined].includes(project.daemonPid), "another daemon was there");
    assert.equal(await pingOnce(stage, port), "PONG");
    await rowSays(workbench, "cache", /verified/);
  });

  it("stops the daemon after a question, and leaves it stopped", async () => {
    await workbench.command("Stop Daemon");
    assert.match(await workbench.notices.dialogText(), /Stop the daemon\?.*Open tunnels: 1/);
    await workbench.screenshot("stop the daemon");
    await workbench.notices.dialog("Stop Daemon");
    await rowSays(workbench, "cache", /closed/);
    await workbench.until(() => project.daemonPid === undefined, "the daemon had ended");
  });

  describe("the tour", () => {
    before(async () => {
      await workbench.command("Welcome: Open Walkthrough...");
      await workbench.palette.pick("A tunnel to your database");
    });

    for (const [step, text] of [
      ["Get the key", "One key, two ends"],
      ["Say where the tunnel leads", "One entry for each database"],
      ["Open it", "Look, approve, connect"],
      ["Use it", "As if the database were here"],
    ] as const) {
      it(`shows a text beside the step ${step}`, async () => {
        await workbench.page.locator(".gettingStartedContainer .step-title", { hasText: step }).first().click();
        await workbench.until(async () => (await workbench.frameTexts()).some((one) => one.includes(text)), `the tour said ${text}`);
        await workbench.screenshot(`tour, ${step}`);
      });
    }
  });

  async function copied(text: string): Promise<void> {
    await workbench.until(async () => (await workbench.clipboard()) === text, `${text} was copied`);
  }

  function keyFile(name: string): string {
    return join(project.stateDir, "keys", name);
  }
});
