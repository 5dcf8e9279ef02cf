import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { findConfig, localConfigPath, readConfig, workspaceFolderOf } from "../../../daemon/tunnels/config-file.ts";
import { ownUid } from "../../../daemon/tunnels/key-file-access.ts";
import { scratchFolder } from "../../support/folder.ts";
import { entryText, fileText } from "../../support/tunnels-json.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const GOOD = fileText({ cache: entryText() });

describe("a configuration on the disk", () => {
  const scratch = scratchFolder();
  const path = () => join(scratch.path, ".vscode", "tunnels.json");

  it("is the shared file with the personal one over it", () => {
    scratch.file(".vscode/tunnels.json", GOOD);
    scratch.file(".vscode/tunnels.local.json", fileText({ cache: '{ "listen": 7777 }' }));
    const { entries, problems } = readConfig(path());
    assert.deepEqual([entries.get("cache")?.listen, problems], [7777, []]);
    assert.equal(localConfigPath(path()), join(scratch.path, ".vscode", "tunnels.local.json"));
  });

  it("that is not there has no entries, which is said", () => {
    const { entries, problems, broken } = readConfig(path());
    assert.deepEqual([entries.size, broken, problems.length, problems[0]?.path], [0, false, 1, path()]);
  });

  it("counts offsets behind a byte order mark, as editors do", () => {
    scratch.file(".vscode/tunnels.json", '\ufeff{ "version": 3 }');
    assert.equal(readConfig(path()).problems[0]?.offset, 13);
  });

  for (const [what, content] of [
    ["of more than 1 MiB", " ".repeat(1024 * 1024 + 1)],
    ["that is not UTF-8", Uint8Array.of(0x7b, 0xff, 0xfe, 0x7d)],
  ] as const) {
    it(`${what} is broken, in one problem`, () => {
      scratch.file(".vscode/tunnels.json", content);
      const { broken, problems, entries } = readConfig(path());
      assert.deepEqual([broken, problems.length, entries.size], [true, 1, 0]);
    });
  }

  it("whose personal file can't be read is not used without it", () => {
    scratch.file(".vscode/tunnels.json", GOOD);
    mkdirSync(localConfigPath(path()));
    const { broken, entries, problems } = readConfig(path());
    assert.deepEqual([broken, entries.size, problems[0]?.path], [true, 0, localConfigPath(path())]);
  });

  it("that is a named pipe or a device doesn't hold us up", function () {
    if (process.platform === "win32") this.skip();
    mkdirSync(join(scratch.path, ".vscode"));
    execFileSync("mkfifo", [path()]);
    symlinkSync("/dev/zero", localConfigPath(path()));
    const { broken, problems } = readConfig(path());
    assert.deepEqual([broken, problems.length], [true, 2]);
  });

  it("counts relative paths from the folder that has .vscode, or from its own", () => {
    assert.equal(workspaceFolderOf("/srv/app/.vscode/tunnels.json"), "/srv/app");
    assert.equal(workspaceFolderOf("/home/me/.config/tunnels.json"), "/home/me/.config");
  });
});

describe("the configuration of a folder", () => {
  const scratch = scratchFolder();
  const below = () => join(scratch.path, "app", "src", "deep");

  beforeEach(() => {
    scratch.file("app/.vscode/tunnels.json", GOOD);
    mkdirSync(below(), { recursive: true });
    chmodSync(join(scratch.path, "app"), 0o755);
  });

  it("is found in it and in the folders above it", () => {
    const found = join(scratch.path, "app", ".vscode", "tunnels.json");
    assert.deepEqual([findConfig(join(scratch.path, "app")), findConfig(below())], [found, found]);
  });

  it("may be missing", () => {
    assert.equal(findConfig(scratch.path), undefined);
  });

  describe("in a parent folder", () => {
    before(function () {
      if (process.platform === "win32") this.skip();
    });

    for (const [what, name, mode] of [
      ["the file", "app/.vscode/tunnels.json", 0o602],
      ["the file as a group", "app/.vscode/tunnels.json", 0o660],
      ["its folder", "app/.vscode", 0o777],
      ["the folder that has .vscode", "app", 0o1777],
    ] as const) {
      it(`is refused when others can write ${what}`, () => {
        chmodSync(join(scratch.path, name), mode);
        assert.equal(
          codeOf(() => findConfig(below())),
          "CONFIG_INVALID",
        );
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
