/** Changes in a folder are noticed, whether the system can watch or not. */
import assert from "node:assert/strict";
import { mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FolderWatch, type WatchFolder } from "../../../daemon/config/folder-watch.ts";
import { scratchFolder } from "../../support/folder.ts";
import { until } from "../../support/process/until.ts";
import { stageForEach } from "../../support/stage.ts";

const POLL_MS = 20;
const noWatch: WatchFolder = () => {
  throw new Error("ENOSPC");
};

describe("watching a folder", () => {
  const scratch = scratchFolder();
  const scope = stageForEach();

  function watching(watchFolder?: WatchFolder) {
    const told: string[] = [];
    const watch = new FolderWatch((folder) => void told.push(folder), { pollMs: POLL_MS, ...(watchFolder && { watchFolder }) });
    scope.own(watch, (open) => open.dispose());
    /** Makes a change and waits until it is reported. */
    const notices = async (what: string, change: () => void): Promise<void> => {
      const before = told.length;
      change();
      await until(() => told.length > before, { what: `${what} was noticed` });
    };
    return { watch, told, notices };
  }

  for (const [how, watchFolder] of [
    ["by the system's watches", undefined],
    ["by looking", noWatch],
  ] as const) {
    it(`notices files that come, change in place, are replaced and go, ${how}`, async () => {
      const { watch, notices } = watching(watchFolder);
      watch.add(scratch.path);
      const file = join(scratch.path, "tunnels.json");
      await notices("a new file", () => writeFileSync(file, "1"));
      await notices("a change in place", () => writeFileSync(file, "22"));
      writeFileSync(`${scratch.path}.tmp`, "333");
      await notices("a file moved over it", () => renameSync(`${scratch.path}.tmp`, file));
      await notices("its removal", () => rmSync(file));
    });

    it(`notices a folder that comes later, and one that is replaced, ${how}`, async () => {
      const { watch, notices } = watching(watchFolder);
      const folder = join(scratch.path, ".vscode");
      watch.add(folder);
      await notices("the folder", () => {
        mkdirSync(folder);
        writeFileSync(join(folder, "a"), "1");
      });
      await notices("its removal", () => rmSync(folder, { recursive: true }));
      await notices("its return", () => {
        mkdirSync(folder);
        writeFileSync(join(folder, "a"), "1");
      });
      await notices("a file in it", () => writeFileSync(join(folder, "b"), "1"));
    });
  }

  it("falls back to looking when the system's watch fails later", async () => {
    const failing: (() => void)[] = [];
    const { watch, notices } = watching((_, __, onError) => {
      if (failing.push(onError) > 1) throw new Error("ENOSPC");
      return () => {};
    });
    watch.add(scratch.path);
    await notices("the failure", () => failing[0]?.());
    await notices("a file", () => writeFileSync(join(scratch.path, "a"), "1"));
  });

  it("reports changes that come together once", async () => {
    let changed = (): void => {};
    const { watch, told } = watching((_, onChange) => {
      changed = onChange;
      return () => {};
    });
    watch.add(scratch.path);
    for (let count = 0; count < 100; count += 1) changed();
    await until(() => told.length > 0, { what: "it was told" });
    assert.deepEqual(told, [scratch.path]);
  });

  it("ends when the folder was removed as often as it was added", () => {
    const open = new Set<string>();
    const { watch } = watching((folder) => {
      open.add(folder);
      return () => void open.delete(folder);
    });
    for (let count = 0; count < 2; count += 1) watch.add("/a");
    watch.remove("/a");
    assert.deepEqual([...open], ["/a"]);
    watch.remove("/a");
    watch.remove("/a");
    watch.add("/b");
    watch.dispose();
    assert.deepEqual([...open], []);
  });
});
