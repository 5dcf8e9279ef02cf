/** The page of a diagnosis in a real VS Code: it fills while the diagnosis runs, names the failed hop, and each of its buttons works. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "../../scripts/lib/ports.mjs";
import { type Gate, startGate } from "../support/process/gate.ts";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, rowSays, VIEW } from "../support/workbench/flows.ts";
import { textOf } from "../support/workbench/locators.ts";
import { Project, startRedisFarAway } from "../support/workbench/project.ts";
import { pageThatSays } from "../support/workbench/webview.ts";
import { startWorkbench, type Workbench } from "../support/workbench/workbench.ts";

describe("a diagnosis in VS Code", () => {
  const stage = stageForAll();
  let project: Project;
  let workbench: Workbench;
  let gate: Gate;

  before(async () => {
    project = new Project(stage, "shop");
    const foreign = project.foreignKey("right.key", randomBytes(32));
    gate = await startGate(stage, (await startRedisFarAway(stage, foreign)).redisTarget);
    project.key("wrong");
    project.write({ cache: { service: "redis", listen: await freePort(), target: gate.target, key: "wrong" } });
    workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, width: 1400, height: 900 });
    await workbench.tree.open(VIEW);
    await openByPalette(workbench, "cache", { approve: true });
    await rowSays(workbench, "cache", /not working|wrong key/i);
    await workbench.notices.clear();
  });

  it("fills its page while it runs, and can be stopped there", async () => {
    gate.hold();
    await workbench.tree.row("cache").choose(/Diagnose/);
    const page = await pageThatSays(workbench, /Greeting of spiped checking…/);
    assert.match(await textOf(page.locator(".hop.ok")), /Entry in tunnels\.json.*OK/);
    assert.equal(await textOf(page.locator('[aria-current="step"] .label')), "Greeting of spiped");
    assert.equal(await page.locator('[role="status"]').textContent(), "Checking: Greeting of spiped");
    await workbench.screenshot("diagnosis running, dark");
    await page.getByRole("button", { name: "Stop" }).click();
    await pageThatSays(workbench, /Stopped before the end/);
    gate.release();
  });

  it("names the failed hop with its remedies beside it, in the same tab, with no notification", async () => {
    const page = await pageThatSays(workbench, /Stopped before the end/);
    await page.getByRole("button", { name: "Diagnose Again" }).click();
    await pageThatSays(workbench, /KEY_MISMATCH/);
    assert.match(await textOf(page.locator("h1")), /Diagnosis of the tunnel cache/);
    const culprit = page.locator(".culprit");
    assert.equal(await textOf(culprit.locator("h2")), "Same key at both ends");
    assert.deepEqual(await culprit.getByRole("button").allInnerTexts(), ["Compare Fingerprint…", "Choose Key…"]);
    assert.match((await page.locator('[role="status"]').textContent()) ?? "", /^Same key at both ends: .*KEY_MISMATCH/);
    assert.equal(await workbench.page.locator('.tab[aria-label*="Diagnosis of"]').count(), 1);
    assert.deepEqual(await workbench.notices.all(), []);
    await workbench.screenshot("diagnosis done, dark");
  });

  it("keeps its page after the tab was hidden", async () => {
    await workbench.openFile(".vscode/tunnels.json");
    await workbench.page.locator('.tab[aria-label*="Diagnosis of"]').click();
    const page = await pageThatSays(workbench, /KEY_MISMATCH/);
    assert.equal(await page.locator(".culprit").count(), 1);
  });

  it("copies the report, by keyboard", async () => {
    const page = await pageThatSays(workbench, /KEY_MISMATCH/);
    await page.getByRole("button", { name: "Copy Report" }).focus();
    await workbench.press("Enter");
    await workbench.until(async () => /^# Diagnosis of the tunnel cache[\s\S]*KEY_MISMATCH/.test(await workbench.clipboard()), "the report was copied");
    // The page is told after the clipboard has the text.
    await workbench.until(async () => (await page.locator('[role="status"]').textContent()) === "Report copied.", "the page said so");
  });

  it("leads to what mends the failure", async () => {
    const page = await pageThatSays(workbench, /KEY_MISMATCH/);
    await page.getByRole("button", { name: "Choose Key…" }).click();
    await workbench.until(() => workbench.palette.isOpen(), "a key could be chosen");
    await workbench.palette.close();
  });

  it("ends with its tab", async () => {
    gate.hold();
    const page = await pageThatSays(workbench, /KEY_MISMATCH/);
    await page.getByRole("button", { name: "Diagnose Again" }).click();
    await pageThatSays(workbench, /Greeting of spiped checking…/);
    await workbench.command("View: Close All Editors");
    await workbench.until(async () => (await workbench.page.locator('.tab[aria-label*="Diagnosis of"]').count()) === 0, "the tab was closed");
    gate.release();
    await workbench.tree.row("cache").choose(/Diagnose/);
    await pageThatSays(workbench, /KEY_MISMATCH/);
    assert.deepEqual(await workbench.notices.all(), []);
  });

  for (const theme of ["light", "high-contrast"] as const) {
    it(`has the colours of the theme, ${theme}`, async () => {
      const other = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, theme, width: 1400, height: 900 });
      await other.tree.open(VIEW);
      await diagnosed(other, /Diagnose/, "Greeting of spiped checking…", theme);
      const page = await pageThatSays(other, /KEY_MISMATCH/);
      const background = await page.evaluate<string>("getComputedStyle(document.body).backgroundColor");
      assert.equal(background, theme === "light" ? "rgb(255, 255, 255)" : "rgb(0, 0, 0)");
      await other.dispose();
    });
  }

  it("speaks Chinese where VS Code does", async () => {
    const chinese = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, locale: "zh-cn", width: 1400, height: 900 });
    await chinese.page.locator('.activitybar a.action-label[aria-label*="隧道"]').click();
    await diagnosed(chinese, /诊断/, "检查中…", "Chinese");
    const page = await pageThatSays(chinese, /KEY_MISMATCH/);
    const own = await page.locator("h1, h2, .label, .word, .cause, .cure, button").allInnerTexts();
    assert.deepEqual(
      own.filter((text) => !/\p{Script=Han}/u.test(text)),
      [],
    );
    assert.equal(await page.evaluate("document.documentElement.lang"), "zh-cn");
    await chinese.dispose();
  });

  it("says that all is well when it is: with the right key, approved through its button", async () => {
    writeFileSync(join(project.stateDir, "keys", "wrong"), readFileSync(stage.path("right.key")));
    const page = await pageThatSays(workbench, /KEY_MISMATCH/);
    await page.getByRole("button", { name: "Diagnose Again" }).click();
    await pageThatSays(workbench, /NOT_APPROVED/);
    await page.getByRole("button", { name: "Review…" }).click();
    await workbench.notices.dialog("Approve");
    await page.getByRole("button", { name: "Diagnose Again" }).click();
    await pageThatSays(workbench, /All checks passed/);
    assert.equal(await page.locator(".hop.ok").count(), 8);
    await workbench.screenshot("diagnosis without a fault");
  });

  /** Diagnoses the wrong key, with a picture on the way and one at the end. */
  async function diagnosed(window: Workbench, command: RegExp, running: string, name: string): Promise<void> {
    gate.hold();
    await window.tree.row("cache").choose(command);
    await pageThatSays(window, running);
    await window.screenshot(`diagnosis running, ${name}`);
    gate.release();
    await pageThatSays(window, /KEY_MISMATCH/);
    await window.screenshot(`diagnosis done, ${name}`);
  }
});
