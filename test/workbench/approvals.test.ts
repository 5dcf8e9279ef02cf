/** Tunnels that nobody has approved yet: one question for several, and few clicks from a cloned repository to a query. */
import assert from "node:assert/strict";
import { delimiter, dirname } from "node:path";
import type { FrameLocator } from "playwright-core";
import { freePort } from "../../scripts/lib/ports.mjs";

import { tools } from "../support/servers.ts";
import { stageForAll } from "../support/stage.ts";
import { rowSays, STATUS, VIEW } from "../support/workbench/flows.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { TERMINAL_SETTINGS } from "../support/workbench/terminals.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

/** What is inside a page of an extension. */
const pageOf = (workbench: Workbench): FrameLocator => workbench.page.frameLocator("iframe.webview.ready").frameLocator("#active-frame");

describe("tunnels that wait for approval in VS Code", () => {
  const stage = stageForAll();
  const ports: number[] = [];
  let project: Project;
  let workbench: Workbench;
  let target: string;

  before(async () => {
    project = new Project(stage, "shop");
    target = (await startRedisFarAway(stage, project.key("team"))).redisTarget;
    for (let count = 0; count < 7; count += 1) ports.push(await freePort());
    const entries = ports.map((listen, index) => [
      `cache-${index}`,
      { service: "redis", listen, target, key: "team", ...(index === 6 && { forwardSecrecy: "off" }) },
    ]);
    project.write(Object.fromEntries(entries));
    const path = [dirname(tools().redisCli), process.env["PATH"]].join(delimiter);
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, env: { PATH: path }, settings: TERMINAL_SETTINGS });
  });

  it("three clicks lead from a cloned repository to a client's prompt", async () => {
    await workbench.clickStatusItem(STATUS);
    await workbench.palette.rowButton(/cache-0/, "Open Client Terminal");
    assert.deepEqual((await workbench.notices.dialogButtons()).sort(), ["Approve and Open", "Cancel", "Show in tunnels.json"]);
    assert.match(await workbench.notices.dialogText(), /Files from others can redirect your programs/);
    await workbench.screenshot("approval of one");
    await workbench.notices.dialog("Approve and Open");
    await workbench.terminals.says(`127.0.0.1:${ports[0]}>`);
    await workbench.terminals.type("PING");
    await workbench.terminals.says("PONG");
    await workbench.terminals.killAll();
  });

  it("are asked about with one question, which lists each whole", async () => {
    await workbench.tree.open(VIEW);
    await workbench.command("Open All Tunnels");
    const page = pageOf(workbench);
    await page.getByRole("button", { name: "Approve and Open (5)" }).waitFor();
    assert.equal(await page.getByRole("heading").textContent(), "Approve 6 tunnels?");
    const cards = await page.locator(".tunnel").allTextContents();
    assert.equal(cards.length, 6);
    for (const [index, card] of cards.entries()) {
      for (const part of [`cache-${index + 1}`, project.configPath, `127.0.0.1:${ports[index + 1]}`, target, "team, fingerprint"])
        assert.ok(card.includes(part), card);
    }
    assert.equal(await page.getByRole("checkbox", { name: "cache-6" }).isChecked(), false, "one with a warning is not ticked");
    await workbench.screenshot("approval of several");
  });

  it("open if they are ticked, by the keyboard alone, and no others do", async () => {
    const page = pageOf(workbench);
    await page.getByRole("checkbox", { name: "cache-5" }).press("Space");
    const button = page.getByRole("button", { name: "Approve and Open (4)" });
    await button.press("Enter");
    for (const index of [1, 2, 3, 4]) await rowSays(workbench, `cache-${index}`, /verified/);
    for (const index of [5, 6]) {
      await rowSays(workbench, `cache-${index}`, /closed/);
    }
    assert.equal(await workbench.page.locator("iframe.webview").count(), 0, "the page is gone");
  });

  it("stay closed when the question is closed", async () => {
    await workbench.command("Open All Tunnels");
    await pageOf(workbench).getByRole("button", { name: "Cancel" }).click();
    await workbench.until(async () => (await workbench.page.locator("iframe.webview").count()) === 0, "the page was gone");
    for (const index of [5, 6]) await rowSays(workbench, `cache-${index}`, /closed/);
  });

  it("open from the button of their row, through the approval", async () => {
    await workbench.tree.row("cache-5").action("Open Encrypted Tunnel");
    await workbench.notices.dialog("Approve and Open");
    await rowSays(workbench, "cache-5", /verified/);
  });
});

describe("the question about several tunnels", () => {
  for (const [theme, locale, heading] of [
    ["light", "zh-cn", "批准这 3 个隧道？"],
    ["high-contrast", "en", "Approve 3 tunnels?"],
  ] as const) {
    describe(`in ${theme}, ${locale}`, () => {
      const stage = stageForAll();

      it("is readable with long names, targets and right-to-left text", async () => {
        const project = new Project(stage, "shop");
        project.key("team");
        const entry = { service: "redis", listen: 0, key: "team" };
        project.write({
          cache: { ...entry, target: "cache.example.com:6479" },
          ["n".repeat(64)]: { ...entry, target: `${Array.from({ length: 4 }, () => "t".repeat(60)).join(".")}:6479` },
          wide: { ...entry, target: "数据库.example.com:6479", env: { NOTE: "مرحبا <b>数据</b>" }, forwardSecrecy: "off" },
        });
        const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, theme, locale });
        await workbench.tree.open(locale === "en" ? VIEW : "加密隧道");
        await workbench.command(locale === "en" ? "Open All Tunnels" : "打开所有隧道");
        await pageOf(workbench).getByRole("heading", { name: heading }).waitFor();
        await workbench.screenshot(`approval of several, ${theme}`);
        assert.equal(await pageOf(workbench).locator("b, a").count(), 0);
      });
    });
  }
});
