/** Debugging and closed tunnels: a question before the program starts, one message when a tunnel fails, and terminals that stay as they are. */
import assert from "node:assert/strict";
import { freePort } from "../../scripts/lib/ports.mjs";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, rowSays, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { TERMINAL_SETTINGS } from "../support/workbench/terminals.ts";
import { pageThatSays } from "../support/workbench/webview.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

/** Writes a file in one go, with the variables it was started with. */
const PROGRAM = `
const { renameSync, writeFileSync } = require("node:fs");
writeFileSync("debugged.tmp", JSON.stringify(process.env));
renameSync("debugged.tmp", process.env.RESULT);
`;

type Environment = Readonly<Record<string, string>>;

describe("debugging with closed tunnels in VS Code", () => {
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let port: number;

  before(async () => {
    project = new Project(stage, "shop");
    const { redisTarget } = await startRedisFarAway(stage, project.key("team"));
    port = await freePort();
    project.write({
      cache: { service: "redis", listen: port, target: redisTarget, key: "team" },
      broken: { service: "redis", listen: await freePort(), target: "127.0.0.1:1", key: "team" },
    });
    project.file("program.js", PROGRAM);
    const program = { type: "node", request: "launch", program: `\${workspaceFolder}/program.js`, runtimeExecutable: process.execPath };
    const common = { ...program, cwd: `\${workspaceFolder}`, console: "internalConsole" };
    const launch = {
      version: "0.2.0",
      configurations: [
        { name: "Needs cache", ...common, env: { RESULT: "a.json", CACHE: `\${env:TUNNEL_CACHE_URL}` } },
        { name: "Has a file", ...common, env: { RESULT: "b.json" }, envFile: `\${workspaceFolder}/.env` },
        { name: "Needs broken", ...common, env: { RESULT: "c.json", BROKEN: `\${env:TUNNEL_BROKEN_URL}` } },
      ],
    };
    project.file(".vscode/launch.json", JSON.stringify(launch));
    project.file(".env", "TUNNEL_CACHE_PORT_COPY=$TUNNEL_CACHE_PORT\n");
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, settings: TERMINAL_SETTINGS });
    await workbench.tree.open(VIEW);
    for (const name of ["cache", "broken"]) {
      await openByPalette(workbench, name, { approve: true });
      await rowSays(workbench, name, name === "cache" ? /verified/ : /not working/);
      await workbench.notices.gone("Opening the tunnel");
      await workbench.tree.row(name).choose(/Close Tunnel/);
      await rowSays(workbench, name, /closed/);
    }
    await workbench.notices.clear();
  });

  it("opening a tunnel leaves a terminal as it is", async () => {
    await workbench.terminals.create();
    await workbench.terminals.type("env > t.tmp && mv t.tmp terminal.txt");
    await workbench.until(() => project.read("terminal.txt") !== undefined, "the terminal had started");
    assert.match(project.read("terminal.txt") ?? "", new RegExp(`^TUNNEL_CACHE_PORT=${port}$`, "m"));
    await openByPalette(workbench, "cache", { approve: false });
    await rowSays(workbench, "cache", /verified/);
    await workbench.screenshot("terminal after a tunnel was opened");
    assert.equal(await workbench.page.locator(".part.panel .codicon-warning, .part.panel [aria-label*='elaunch']").count(), 0);
    await workbench.tree.row("cache").choose(/Close Tunnel/);
    await rowSays(workbench, "cache", /closed/);
    await workbench.terminals.killAll();
  });

  it("asks before it opens a tunnel that the program's env names, once", async () => {
    await debug("Needs cache");
    assert.match(await workbench.notices.dialogText(), /Open cache first\?.*names TUNNEL_CACHE_URL/);
    await workbench.screenshot("open cache first");
    await workbench.notices.dialog(/^Open$/);
    const environment = await result("a.json");
    assert.equal(environment["TUNNEL_CACHE_URL"], `redis://127.0.0.1:${port}`);
    await rowSays(workbench, "cache", /verified/);
    await workbench.tree.row("cache").choose(/Close Tunnel/);
    await rowSays(workbench, "cache", /closed/);
  });

  it("asks for a file of variables, too, and remembers the answer in the settings", async () => {
    await debug("Has a file");
    await workbench.notices.dialog("Always Open Here");
    assert.equal((await result("b.json"))["TUNNEL_CACHE_PORT"], String(port));
    assert.match(project.read(".vscode/settings.json") ?? "", /"encryptedTunnels\.openBeforeDebugging":\s*\[\s*"cache"\s*\]/);
    await workbench.tree.row("cache").choose(/Close Tunnel/);
    await rowSays(workbench, "cache", /closed/);
  });

  it("says once that a tunnel does not work, and tries again first of all", async () => {
    await debug("Needs broken");
    // The setting opens cache without a question by now; broken is asked for.
    await workbench.notices.dialog(/^Open$/);
    assert.match(await workbench.notices.dialogText(), /Tunnel broken is not working\. Start debugging anyway\?.*CONNECT_REFUSED/);
    // What Enter does.
    assert.equal((await workbench.focus()).text, "Try Again");
    assert.deepEqual(
      // The progress of opening may still be on its way out.
      (await workbench.notices.all()).filter((text) => text.includes("broken") && !text.includes("Opening")),
      [],
    );
    await workbench.screenshot("a tunnel fails before debugging");
    // The same question comes again at once: this one is marked, to see it go.
    const question = workbench.page.locator(".monaco-dialog-box");
    await question.evaluate("(element) => element.setAttribute('data-answered', '')");
    await workbench.press("Enter");
    await workbench.until(async () => (await workbench.page.locator(".monaco-dialog-box:not([data-answered])").count()) === 1, "it was asked again");
    assert.match(await workbench.notices.dialogText(), /Tunnel broken is not working/);
    await workbench.notices.dialog("Diagnose");
    await pageThatSays(workbench, /CONNECT_REFUSED/);
    assert.equal(project.read("c.json"), undefined, "the program was not started");
  });

  async function debug(name: string): Promise<void> {
    await workbench.command("Debug: Select and Start Debugging");
    await workbench.palette.pick(new RegExp(`^${name}`));
  }

  async function result(file: string): Promise<Environment> {
    await workbench.until(() => project.read(file) !== undefined, "the program had run");
    return JSON.parse(project.read(file) ?? "") as Environment;
  }
});
