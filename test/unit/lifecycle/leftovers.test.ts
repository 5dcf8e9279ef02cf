/** Half-written files of killed processes are removed, and no others. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { removeLeftovers } from "../../../daemon/lifecycle/leftovers.ts";
import { stageForEach } from "../../support/stage.ts";

const PATTERN = /^state\.json\.(\d+)\.(?:tmp|bak)$/;

describe("removing the leftovers of killed processes", () => {
  const stage = stageForEach();
  const ended = (): number => spawnSync(process.execPath, ["--version"]).pid;
  const put = (...names: readonly string[]): void => {
    for (const name of names) writeFileSync(join(stage.folder, name), "x");
  };
  const names = (): readonly string[] => readdirSync(stage.folder).toSorted();

  it("removes temporary files of processes that are gone, and of an earlier process with our id", () => {
    const gone = ended();
    put("state.json", "state.json.bak", `state.json.${gone}.tmp`, `state.json.${gone}.bak`, `state.json.${process.pid}.tmp`);
    removeLeftovers(stage.folder, PATTERN);
    assert.deepEqual(names(), ["state.json", "state.json.bak"]);
  });

  it("keeps the files of a running process, and files with similar names", () => {
    const gone = ended();
    put(`state.json.${process.ppid}.tmp`, `state.json.${gone}.tmp.txt`, `other.${gone}.tmp`, "state.json.0.tmp");
    const before = names();
    removeLeftovers(stage.folder, PATTERN);
    assert.deepEqual(names(), before);
  });

  it("goes on after a file that can't be removed, and needs no folder", () => {
    const [one, other] = [ended(), ended()];
    mkdirSync(join(stage.folder, `state.json.${one}.tmp`));
    put(`state.json.${other}.tmp`, `state.json.${other}.bak`);
    removeLeftovers(stage.folder, PATTERN);
    assert.deepEqual(names(), [`state.json.${one}.tmp`]);
    removeLeftovers(join(stage.folder, "nowhere"), PATTERN);
  });
});
