/**
 * Tunnels and what VS Code starts: terminals and debugged programs get the variables of open, approved tunnels, and a
 * task or the start of a program opens them first.
 */
import assert from "node:assert/strict";
import { freePort } from "../../scripts/lib/ports.mjs";
import type { Entries } from "../support/process/tunneld.ts";
import { stageForAll } from "../support/stage.ts";
import { rowSays, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { TERMINAL_SETTINGS } from "../support/workbench/terminals.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

/** Writes a file in one go, with the variables it was started with. */
const PROGRAM = `
const { renameSync, writeFileSync } = require("node:fs");
writeFileSync("debugged.tmp", JSON.stringify(process.env));
renameSync("debugged.tmp", "debugged.json");
`;

type Environment = Readonly<Record<string, string>>;

describe("terminals, tasks and debugging in VS Code", () => {
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let port: number;
  let entry: Entries[string];
  let url: string;
  let terminals = 0;

  before(async () => {
    project = new Project(stage, "shop");
    const { redisTarget } = await startRedisFarAway(stage, project.key("team"));
    port = await freePort();
    url = `redis://127.0.0.1:${port}`;
    entry = { service: "redis", listen: port, target: redisTarget, key: "team", env: { SHOP_CACHE: `\${host}:\${port}` } };
    project.write({ cache: entry });
    project.file("program.js", PROGRAM);
    const program = { name: "Program", type: "node", request: "launch", program: `\${workspaceFolder}/program.js`, runtimeExecutable: process.execPath };
    const launch = { version: "0.2.0", configurations: [{ ...program, cwd: `\${workspaceFolder}`, console: "internalConsole" }] };
    project.file(".vscode/launch.json", JSON.stringify(launch));
    const tasks = [
      { label: "tunnel", type: "encrypted-tunnel", tunnel: "cache", problemMatcher: [] },
      { label: "after the tunnel", type: "shell", command: "env > task.txt", dependsOn: "tunnel", problemMatcher: [] },
      { label: "no tunnel", type: "encrypted-tunnel", tunnel: "cach", problemMatcher: [] },
    ];
    project.file(".vscode/tasks.json", JSON.stringify({ version: "2.0.0", tasks }));
    workbench = await startWorkbench(stage, {
      workspace: project.folder,
      stateDir: project.stateDir,
      settings: { ...TERMINAL_SETTINGS, "encryptedTunnels.openBeforeDebugging": ["cache"] },
    });
    await workbench.tree.open(VIEW);
    await rowSays(workbench, "cache", /closed/);
  });

  it("a new terminal has no variables of a tunnel that is not open", async () => {
    assert.deepEqual(ours(await terminalEnvironment()), {});
  });

  it("debugging opens the tunnel first, asks as always, and gives the program its variables", async () => {
    await debug();
    assert.match(await workbench.notices.dialogText(), /Approve the tunnel cache/);
    assert.equal(project.read("debugged.json"), undefined, "nothing runs before the answer");
    await workbench.notices.dialog("Approve");
    await workbench.until(() => project.read("debugged.json") !== undefined, "the program had run");
    const environment = JSON.parse(project.read("debugged.json") ?? "") as Environment;
    assert.deepEqual(ours(environment), expected());
    await rowSays(workbench, "cache", /verified/);
  });

  it("a new terminal has the tunnel's variables and those of its entry", async () => {
    assert.deepEqual(ours(await terminalEnvironment()), expected());
    await workbench.terminals.type("env | grep -e TUNNEL -e SHOP");
    await workbench.terminals.says(`TUNNEL_CACHE_URL=${url}`);
    await workbench.screenshot("terminal with variables");
  });

  it("variables of an entry that has changed are not given before it is approved again", async () => {
    await workbench.tree.row("cache").expand();
    project.write({ cache: { ...entry, env: { SHOP_CACHE: "elsewhere:1" } } });
    await workbench.tree.row(/^changed since you approved it/i).locator();
    assert.deepEqual(ours(await terminalEnvironment()), {});
    project.write({ cache: entry });
    await workbench.until(async () => !(await workbench.tree.rows()).some((row) => /has changed/i.test(row)), "the entry was the approved one again");
    assert.deepEqual(ours(await terminalEnvironment()), expected());
    await workbench.tree.row("cache").collapse();
  });

  it("a new terminal has the same after the tunnel was closed, so no terminal has to be started again", async () => {
    await workbench.tree.row("cache").action("Close Tunnel");
    await rowSays(workbench, "cache", /closed/);
    assert.deepEqual(ours(await terminalEnvironment()), expected());
  });

  it("a task opens the tunnel and succeeds: only then the dependent task runs, with the variables", async () => {
    await runTask("after the tunnel");
    await workbench.until(() => project.read("task.txt")?.includes("PATH=") === true, "the task that depends on it had run");
    await rowSays(workbench, "cache", /verified/);
    assert.deepEqual(ours(fromLines(project.read("task.txt") ?? "")), expected());
  });

  it("a task for a tunnel that does not exist says which tunnel may be meant, and fails", async () => {
    await workbench.terminals.killAll();
    await runTask("no tunnel");
    await workbench.terminals.says(/There is no tunnel "cach"\. Did you mean "cache"\?.*exit code: 1/);
    await workbench.screenshot("task for an unknown tunnel");
  });

  /** Variables of a terminal that is opened now. */
  async function terminalEnvironment(): Promise<Environment> {
    terminals += 1;
    const file = `terminal-${terminals}.txt`;
    await workbench.terminals.create();
    await workbench.terminals.type(`env > t.tmp && mv t.tmp ${file}`);
    await workbench.until(() => project.read(file) !== undefined, `${file} was written`);
    return fromLines(project.read(file) ?? "");
  }

  async function debug(): Promise<void> {
    await workbench.command("Debug: Select and Start Debugging");
    await workbench.palette.pick(/^Program/);
  }

  async function runTask(label: string): Promise<void> {
    await workbench.command("Tasks: Run Task");
    await workbench.palette.pick(label);
  }

  function expected(): Environment {
    return { TUNNEL_CACHE_URL: url, TUNNEL_CACHE_HOST: "127.0.0.1", TUNNEL_CACHE_PORT: String(port), SHOP_CACHE: `127.0.0.1:${port}` };
  }
});

function fromLines(text: string): Environment {
  return Object.fromEntries(text.split("\n").map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]));
}

/** The variables that come from tunnels. */
function ours(environment: Environment): Environment {
  return Object.fromEntries(Object.entries(environment).filter(([name]) => /^(TUNNEL_|SHOP_)/.test(name)));
}
