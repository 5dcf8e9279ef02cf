/** What runs the daemon. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { usableNode } from "../../../../extension/tunnels/create-client.ts";
import { scratchFolder } from "../../../support/folder.ts";

describe("the program that runs the daemon", () => {
  const scratch = scratchFolder();

  it("is VS Code's own Node when the setting is empty", () => {
    assert.equal(usableNode(""), process.execPath);
  });

  it("is the one that the setting names", () => {
    assert.equal(usableNode(process.execPath), process.execPath);
  });

  for (const [title, make] of [
    ["is not there", () => {}],
    ["is a folder", () => mkdirSync(join(scratch.path, "node"))],
    ["is a file that can't be run", () => scratch.file("node", "#!/bin/sh\n")],
  ] as const) {
    it(`is refused with the setting's name when it ${title}`, () => {
      make();
      const path = join(scratch.path, "node");
      assert.throws(() => usableNode(path), new RegExp(`encryptedTunnels\\.nodePath .*${path}`));
    });
  }

  it("is refused with the setting's name when its path is not absolute", () => {
    assert.throws(() => usableNode("node"), /encryptedTunnels\.nodePath/);
  });
});
