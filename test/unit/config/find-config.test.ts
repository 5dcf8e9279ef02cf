import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { findConfig } from "../../../daemon/config/find-config.ts";
import { ownUid } from "../../../daemon/keys/key-file-access.ts";
import { scratchFolder } from "../../support/folder.ts";
import { entryText, fileText } from "../../support/tunnels-json.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const GOOD = fileText({ cache: entryText() });

describe("the configuration of a folder", () => {
  const scratch = scratchFolder();
  const below = () => join(scratch.path, "app", "src", "deep");

  beforeEach(() => {
    scratch.file("app/.vscode/tunnels.json", GOOD);
    mkdirSync(below(), { recursive: true });
    chmodSync(join(scratch.path, "app"), 0o755);
  });

  it("is found in the folder itself and in the folders above", () => {
    const found = join(scratch.path, "app", ".vscode", "tunnels.json");
    assert.deepEqual([findConfig(join(scratch.path, "app")), findConfig(below())], [found, found]);
  });

  it("may be missing", () => {
    assert.equal(findConfig(scratch.path), undefined);
  });

  describe("in a parent folder", () => {
    before(function () {
      if (process.platform === "win32") this.skip(); // Modes mean nothing there.
    });

    for (const [what, name, mode] of [
      ["the file", "app/.vscode/tunnels.json", 0o602],
      ["the file as a group", "app/.vscode/tunnels.json", 0o660],
      ["its folder", "app/.vscode", 0o777],
      ["the folder that has .vscode", "app", 0o1777],
    ] as const) {
      it(`is refused when others can write ${what}`, () => {
        chmodSync(join(scratch.path, name), mode);
        const error = errorOf(() => findConfig(below()));
        assert.equal(error.code, "CONFIG_INVALID");
        assert.ok(error.message.includes(`"chmod go-w ${join(scratch.path, name)}" mends that`), error.message);
        assert.notEqual(findConfig(join(scratch.path, "app")), undefined);
      });
    }

    it("is refused when it belongs to another user", () => {
      assert.equal(
        codeOf(() => findConfig(below(), { owner: (ownUid() ?? 0) + 1 })),
        "CONFIG_INVALID",
      );
    });

    it("is refused when others can write the personal file beside it", () => {
      scratch.file("app/.vscode/tunnels.local.json", GOOD, 0o666);
      assert.equal(
        codeOf(() => findConfig(below())),
        "CONFIG_INVALID",
      );
    });

    it("is refused when it is a link", () => {
      mkdirSync(join(scratch.path, "other", "sub"), { recursive: true });
      symlinkSync(join(scratch.path, "app", ".vscode"), join(scratch.path, "other", ".vscode"));
      const error = errorOf(() => findConfig(join(scratch.path, "other", "sub")));
      assert.equal(error.code, "CONFIG_INVALID");
      assert.match(error.message, /symbolic link/);
    });
  });
});
