/**
 * Folders that can't be written, for a user to whom modes apply (root is let through everywhere).
 */
import assert from "node:assert/strict";
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { bundleProgram, LineProgram } from "../support/lifecycle/programs.ts";
import { stageForEach } from "../support/stage.ts";

/** Debian's and most others' number for nobody. */
const NOBODY = 65_534;

describe("a user without write permission", () => {
  const stage = stageForEach();
  const uid = process.geteuid?.() === 0 ? NOBODY : process.geteuid?.();

  function makeFolder(name: string, mode: number): string {
    const folder = stage.path(name);
    mkdirSync(folder);
    if (uid !== undefined) chownSync(folder, uid, -1);
    chmodSync(folder, mode);
    stage.own(() => chmodSync(folder, 0o700));
    return folder;
  }

  function start(stateDir: string): Promise<string> {
    chmodSync(stage.folder, 0o711);
    const program = new LineProgram(stage, { program: bundleProgram("unprivileged", stage.folder), args: [stateDir], ...(uid !== undefined && { uid }) });
    return program.line();
  }

  it("can start the daemon where everything can be written", async () => {
    assert.equal(await start(makeFolder("mine", 0o700)), "ours");
  });

  it("is told when the runtime folder can't be written", async () => {
    const stateDir = makeFolder("mine", 0o700);
    for (const name of ["mine/log", "mine/keys"]) makeFolder(name, 0o700);
    makeFolder("mine/run", 0o500);
    assert.match(await start(stateDir), /^DAEMON_UNREACHABLE can't listen at .*\/mine\/run\/.*: this user may not write there: .*--state-dir/);
  });

  it("is told when the runtime folder can't be made", async () => {
    assert.match(await start(makeFolder("mine", 0o500)), /^DAEMON_UNREACHABLE can't create .*\/mine\/run: this user may not write there: .*--state-dir/);
  });
});
