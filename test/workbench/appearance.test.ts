/** The extension's looks: light, dark and high contrast, and in Chinese. The pictures are for people; only text is asserted. */
import assert from "node:assert/strict";
import { freePort } from "../../scripts/lib/ports.mjs";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, rowSays, STATUS, VIEW } from "../support/workbench/flows.ts";
import { Project, startFarSide } from "../support/workbench/project.ts";
import { startWorkbench } from "../support/workbench/workbench.ts";

/** Three English words in a row are a sentence; names, codes and what is in quotation marks are none. */
function isEnglish(text: string): boolean {
  return /\b[A-Za-z]?[a-z']+,? [a-z']+ [a-z']+\b/.test(text);
}

describe("the extension's looks in VS Code", () => {
  const stage = stageForAll();
  let project: Project;

  before(async () => {
    project = new Project(stage, "shop");
    const far = await startFarSide(stage, project.key("team"));
    project.write({
      cache: { service: "redis", listen: await freePort(), target: far.redisTarget, key: "team", group: "staging" },
      orders: { service: "mysql", listen: await freePort(), target: far.mariadbTarget, key: "team", user: "app", group: "staging" },
      reports: { service: "mysql", listen: await freePort(), target: "127.0.0.1:1", key: "team" },
      search: { service: "tcp", listen: await freePort(), target: "search.example.com:9479", key: "missing" },
    });
  });

  for (const theme of ["dark", "light", "high-contrast"] as const) {
    it(`shows tunnels in all states, ${theme}`, async () => {
      const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, theme });
      await workbench.tree.open(VIEW);
      await workbench.openFile(".vscode/tunnels.json");
      for (const name of ["cache", "orders", "reports"]) await openByPalette(workbench, name, { approve: theme === "dark" });
      await rowSays(workbench, "cache", /verified/);
      await rowSays(workbench, "orders", /verified/);
      await rowSays(workbench, "reports", /not working/);
      await workbench.notices.gone("Opening the tunnel");
      await workbench.screenshot(`all states, ${theme}, with notification`);
      await workbench.notices.clear();
      await workbench.tree.row("cache").expand();
      await workbench.screenshot(`all states, ${theme}`);
      // VS Code forgets the rows of a folder that it draws again until it has asked for them: the next row is clicked behind that.
      for (const name of ["reports", "cache", "orders"]) {
        await workbench.tree.row(name).choose(/Close Tunnel/);
        await rowSays(workbench, name, /closed/);
        if (name === "cache") await workbench.until(async () => /1\/2/.test(await workbench.tree.row("staging").text()), "the group counted one");
      }
      await workbench.dispose();
    });
  }

  it("speaks Chinese where VS Code does", async () => {
    const workbench = await startWorkbench(stage, { workspace: project.folder, stateDir: project.stateDir, locale: "zh-cn" });
    const label = (await workbench.statusItem(STATUS)).label;
    assert.match(label, /隧道/);
    await workbench.page.locator('.activitybar a.action-label[aria-label*="隧道"]').click();
    await workbench.openFile(".vscode/tunnels.json");
    await workbench.until(async () => (await workbench.editor.codeLenses()).some((text) => /\p{Script=Han}/u.test(text)), "the lenses were Chinese");
    assert.match(await workbench.tree.row("cache").label(), /\p{Script=Han}/u);
    await workbench.screenshot("Chinese");
    // Failures of every kind that a window meets first: nothing listens, and a key that is missing.
    await workbench.tree.row("reports").choose(/打开加密隧道/);
    await workbench.notices.message(/CONNECT_REFUSED/);
    await workbench.notices.gone("正在打开");
    await workbench.screenshot("Chinese, failure");
    await workbench.tree.row("search").choose(/打开加密隧道/);
    await workbench.notices.message(/KEY_NOT_FOUND/);
    await workbench.notices.gone("正在打开");
    await rowSays(workbench, "reports", /无法|不可用|没有/);
    const said = [...(await workbench.notices.all()), (await workbench.statusItem(STATUS)).label];
    await workbench.notices.clear();
    await workbench.tree.row("reports").expand();
    await workbench.tree.row(/失败.*CONNECT_REFUSED/).expand();
    said.push(...(await workbench.tree.rows()), await workbench.tree.row("reports").label());
    await workbench.screenshot("Chinese, rows of a failed tunnel");
    assert.deepEqual(said.filter(isEnglish), []);
    assert.ok(said.some((text) => text.includes("连接被拒绝")));
    await workbench.dispose();
  });
});
