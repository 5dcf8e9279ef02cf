/** How it looks: light, dark and high contrast, and in Chinese. The pictures are for people; what is asserted is text. */
import assert from "node:assert/strict";
import { freePort } from "../support/servers.ts";
import { stageForAll } from "../support/stage.ts";
import { openByPalette, rowSays, STATUS, VIEW } from "../support/workbench/flows.ts";
import { Project, startFarSide } from "../support/workbench/project.ts";
import { startWorkbench } from "../support/workbench/workbench.ts";

describe("the extension's looks in VS Code", function () {
  this.timeout(240_000);
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
      for (const name of ["cache", "orders", "reports"]) await workbench.tree.row(name).choose(/Close Tunnel/);
      await rowSays(workbench, "orders", /closed/);
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
    await workbench.dispose();
  });
});
