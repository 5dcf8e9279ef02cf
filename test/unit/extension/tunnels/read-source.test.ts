/** A window reads its tunnels.json, whatever a repository puts at its path. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { english } from "../../../../extension/model/translate.ts";
import { readSource } from "../../../../extension/tunnels/read-source.ts";
import type { ParsedConfig } from "../../../../shared/contract/config-text.ts";
import { scratchFolder } from "../../../support/folder.ts";
import { oneEntry } from "../../../support/tunnels-json.ts";

describe("a tunnels.json of a workspace folder", () => {
  const scratch = scratchFolder();
  const folder = (): string => join(scratch.path, "work");
  const read = (): ParsedConfig | undefined => readSource({ configPath: join(folder(), ".vscode", "tunnels.json"), folder: folder() }, english);
  const link = (target: string, name: string): void => {
    mkdirSync(join(folder(), ".vscode"), { recursive: true });
    symlinkSync(target, join(folder(), name));
  };

  it("is read with its entries", () => {
    scratch.file("work/.vscode/tunnels.json", oneEntry());
    assert.deepEqual([...(read()?.entries.keys() ?? [])], ["cache"]);
  });

  it("need not exist", () => {
    assert.equal(read(), undefined);
  });

  it("is a problem, not an exception, when its folder is a link to itself", () => {
    mkdirSync(folder());
    symlinkSync(".vscode", join(folder(), ".vscode"));
    assert.equal(read()?.broken, true);
    assert.match(read()?.problems[0]?.message ?? "", /can't be read/);
  });

  it("is not followed out of the folder", () => {
    link(scratch.file("elsewhere.json", oneEntry()), ".vscode/tunnels.json");
    assert.equal(read()?.entries.size, 0);
    assert.match(read()?.problems[0]?.message ?? "", /leads out of the workspace folder/);
  });

  it("is not used when the overrides beside it lead out of the folder", () => {
    scratch.file("work/.vscode/tunnels.json", oneEntry());
    link(scratch.file("elsewhere.json", oneEntry()), ".vscode/tunnels.local.json");
    assert.equal(read()?.entries.size, 0);
  });

  it("may be a link within the folder, whatever the folder is called", () => {
    scratch.file("work/..shared/tunnels.json", oneEntry());
    link("../..shared/tunnels.json", ".vscode/tunnels.json");
    assert.equal(read()?.entries.size, 1);
  });
});
