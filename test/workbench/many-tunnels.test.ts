/**
 * Thirty tunnels at one glance: a group with a count and buttons of its own, rows that say state and target at the default
 * width, production set apart, and a status bar whose tooltip acts. The pictures are for people.
 */
import assert from "node:assert/strict";
import { freePort } from "../../scripts/lib/ports.mjs";
import { stageForAll } from "../support/stage.ts";
import { rowSays, STATUS, VIEW } from "../support/workbench/flows.ts";
import { comesSoon, textOf } from "../support/workbench/locators.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

const WORKING = ["cache", "sessions", "prod-cache"];
const NAMES = ["orders", "reports", "search", "billing", "stock", "mail", "audit", "jobs", "events"];

/** A tooltip fades in. */
const OPACITY = `getComputedStyle(document.querySelector(".monaco-hover:not(.hidden)")).opacity`;

/** Points at the status bar item until its tooltip is there: an item that is drawn anew meanwhile has none. */
async function showTooltip(workbench: Workbench): Promise<void> {
  const attempt = async (): Promise<boolean> => {
    await workbench.page.mouse.move(600, 400);
    await (await workbench.statusLocator(STATUS)).hover();
    return comesSoon(workbench.page.locator(".monaco-hover:not(.hidden) table"));
  };
  await workbench.until(attempt, "the status bar's tooltip was there");
  await workbench.until(async () => (await workbench.page.evaluate<string>(OPACITY)) === "1", "the tooltip was shown");
}

describe("a group of thirty tunnels in VS Code", () => {
  const stage = stageForAll();
  let project: Project;

  before(async () => {
    project = new Project(stage, "shop");
    const key = project.key("team");
    project.key("other");
    const { redisTarget } = await startRedisFarAway(stage, key);
    const entries: Record<string, Record<string, unknown>> = {};
    for (const name of WORKING) entries[name] = { service: "redis", listen: await freePort(), target: redisTarget, key: "team" };
    entries["prod-cache"] = { ...entries["prod-cache"], confirm: true };
    entries["sessions"] = { ...entries["sessions"], color: "blue" };
    entries["wrong"] = { service: "redis", listen: await freePort(), target: redisTarget, key: "other" };
    entries["down"] = { service: "mysql", listen: await freePort(), target: "127.0.0.1:1", key: "team" };
    for (const [index, name] of NAMES.entries()) {
      entries[name] = { service: "mysql", listen: 7301 + index, target: `${name}.db.eu-central.example.com:3406`, key: "not-imported" };
    }
    for (let index = Object.keys(entries).length; index < 30; index += 1) {
      entries[`replica-${index}`] = {
        service: index % 3 === 0 ? "tcp" : "redis",
        listen: 7301 + index,
        target: `replica-${index}.example.com:6479`,
        key: "team",
      };
    }
    project.write(Object.fromEntries(Object.entries(entries).map(([name, entry]) => [name, { ...entry, group: "staging" }])));
    const approved = await project.run(["approve", ...WORKING, "wrong", "down", "--yes"]);
    assert.equal(approved.code, 0, approved.stderr.toString());
  });

  // The daemon keeps what a window had open for a while.
  beforeEach(async () => {
    await project.run(["down", "--force"]);
  });

  const opened = async (workbench: Workbench): Promise<void> => {
    for (const name of [...WORKING, "wrong", "down"]) {
      await workbench.command("Open Encrypted Tunnel…");
      await workbench.palette.pick(new RegExp(`^${name} `));
      if (name === "prod-cache") await workbench.notices.dialog("Open");
    }
  };

  it("says at one glance what works, what does not and why, and what has no key", async () => {
    const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, theme: "dark", height: 1000 });
    await workbench.tree.open(VIEW);
    await rowSays(workbench, /^orders /, /key missing/);
    await workbench.screenshot("thirty tunnels, nothing open");
    await opened(workbench);
    await workbench.until(async () => /^staging 3\/30/.test((await workbench.tree.rows()).join("\n")), "three of thirty worked");
    await rowSays(workbench, /^wrong /, /not working: wrong key/);
    await rowSays(workbench, /^down /, /not working: refused/);
    assert.match(await workbench.tree.row(/^prod-cache /).label(), /production/);
    await workbench.notices.clear();
    await workbench.until(async () => (await workbench.statusItem(STATUS)).text === "3 2", "the status bar counted what works and what does not");
    await workbench.screenshot("thirty tunnels, dark");
    await showTooltip(workbench);
    const tooltip = workbench.page.locator(".monaco-hover:not(.hidden) table");
    await workbench.screenshot("status tooltip, dark");
    const headings = await tooltip.locator("th").allInnerTexts();
    assert.equal(headings[0], "State");
    assert.match(await textOf(tooltip.locator("tbody tr").first()), /wrong key|refused/);
    await tooltip.locator("tbody tr", { hasText: "sessions" }).locator("a", { hasText: "Close" }).click();
    await rowSays(workbench, /^sessions /, /closed/);
    await workbench.dispose();
  });

  for (const theme of ["light", "high-contrast"] as const) {
    it(`is as clear in ${theme}`, async () => {
      const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, theme, height: 1000 });
      await workbench.tree.open(VIEW);
      await opened(workbench);
      await rowSays(workbench, /^down /, /not working: refused/);
      await workbench.notices.clear();
      await showTooltip(workbench);
      await workbench.screenshot(`thirty tunnels, ${theme}`);
      await workbench.dispose();
    });
  }

  it("closes a whole group by its row", async () => {
    const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, theme: "dark", height: 1000 });
    await workbench.tree.open(VIEW);
    await opened(workbench);
    await rowSays(workbench, /^cache /, /verified/);
    await workbench.notices.clear();
    const row = workbench.tree.row(/^cache /);
    const group = workbench.tree.row(/^staging/);
    assert.deepEqual(await row.actions(), ["Open Client Terminal", "Copy Connection URL", "Close Tunnel…"]);
    await workbench.screenshot("buttons of an open row");
    assert.deepEqual(await group.actions(), ["Open Group of Tunnels…", "Close Group of Tunnels…"]);
    await group.action("Close Group of Tunnels");
    await rowSays(workbench, /^cache /, /closed/);
    await workbench.until(async () => /^staging 0\/30/.test((await workbench.tree.rows()).join("\n")), "none was open");
    await workbench.dispose();
  });

  it("speaks Chinese where VS Code does", async () => {
    const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, locale: "zh-cn", height: 1000 });
    await workbench.page.locator('.activitybar a.action-label[aria-label*="隧道"]').click();
    await rowSays(workbench, /^orders /, /缺少密钥/);
    await showTooltip(workbench);
    await workbench.screenshot("thirty tunnels, Chinese");
    await workbench.dispose();
  });
});
