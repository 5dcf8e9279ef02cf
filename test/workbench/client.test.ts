/**
 * What a tunnel is there for and what keeps it going: clients, addresses and the server's command, keys, the log and
 * the daemon, and the tour for whoever is new.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { freePort } from "../../scripts/lib/ports.mjs";
import { tools } from "../support/servers.ts";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, pingOnce, rowSays, VIEW } from "../support/workbench/flows.ts";
import { find } from "../support/workbench/locators.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { TERMINAL_SETTINGS } from "../support/workbench/terminals.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

/** A fingerprint as it is shown: 16 bytes in groups of four digits. */
const FINGERPRINT = /\b(?:[0-9a-f]{4}-){7}[0-9a-f]{4}\b/;

/** Runs in a page: the colour of the edge of a picture's first part that has one; empty where the picture is not. */
const COLOUR_OF = (picture: string): string => `(() => {
  const part = document.querySelector('svg[data-picture="${picture}"] [stroke]');
  return part ? getComputedStyle(part).stroke : "";
})()`;

describe("clients, keys and the daemon in VS Code", () => {
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
      // The tour has texts beside its steps only if there is room.
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

  it("a client in a terminal opens its tunnel first when it is closed", async () => {
    await workbench.tree.row("cache").choose(/Close Tunnel/);
    await rowSays(workbench, "cache", /closed/);
    await workbench.tree.row("cache").choose("Open Client Terminal");
    await workbench.terminals.says(`127.0.0.1:${port}[2]>`);
    await rowSays(workbench, "cache", /verified/);
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
    it(`copies the far end as ${form}, and says how to bring the key there`, async () => {
      await workbench.page.evaluate('navigator.clipboard.writeText("")');
      await workbench.tree.row("cache").choose(/Copy Server Command/);
      await workbench.palette.pick(new RegExp(`^${form}`));
      await workbench.until(async () => has.test(await workbench.clipboard()), `the clipboard had ${has}`);
      assert.match(await workbench.clipboard(), /secure channel only/);
      await workbench.notices.clear();
    });
  }

  it("generates a key and shows its fingerprint", async () => {
    await workbench.command("Generate Key…");
    await workbench.palette.input("spare");
    assert.match(await workbench.notices.message(/Key spare created/), FINGERPRINT);
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
    await workbench.notices.message(/readable only by you/);
    assert.deepEqual(readFileSync(file), readFileSync(keyFile("spare")));
    assert.equal(statSync(file).mode & 0o777, 0o600);
    await workbench.notices.clear();
  });

  it("asks before it forgets a key, and keeps the key if the answer is no", async () => {
    for (const [answer, stays] of [
      ["Cancel", true],
      ["Delete Key", false],
    ] as const) {
      await workbench.command("Delete Key…");
      await workbench.palette.pick(/spare/);
      assert.match(await workbench.notices.dialogText(), /Delete the key spare\?.*can't be restored/);
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

  it("restarts the daemon and gets the tunnel back", async () => {
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
      await workbench.palette.pick("Reach your database in minutes");
    });

    for (const [step, picture] of [
      ["Get the key", "key"],
      ["Say where the tunnel leads", "config"],
      ["Open it", "open"],
      ["Use it", "use"],
    ] as const) {
      it(`shows a picture beside the step ${step}, in the theme's colours`, async () => {
        await workbench.page.locator(".gettingStartedContainer .step-title", { hasText: step }).first().click();
        const shown = (): Promise<readonly string[]> =>
          Promise.all(workbench.page.frames().map((frame) => frame.evaluate<string>(COLOUR_OF(picture)).catch(() => "")));
        await workbench.until(async () => (await shown()).some((colour) => colour.startsWith("rgb")), `the tour had the picture ${picture}`);
        assert.ok(!(await shown()).includes("rgb(0, 0, 0)"), "its colours are VS Code's");
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
