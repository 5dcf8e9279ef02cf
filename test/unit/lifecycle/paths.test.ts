/** Where things are: decided by the user, not by the environment; socket paths that are short enough; folders that are really ours. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { fitsSocketPath } from "../../../daemon/lifecycle/door/socket-path.ts";
import { type DaemonPaths, daemonPaths, type Place, prepareFolders, thisPlace } from "../../../daemon/lifecycle/paths.ts";
import { maxSocketPathBytes } from "../../../shared/address.ts";
import { stageForEach } from "../../support/stage.ts";
import { errorOf } from "../../support/wire/codes.ts";

const UID = process.geteuid?.() ?? 0;

describe("the daemon's paths", () => {
  const stage = stageForEach();

  function place(changes: Partial<Place> = {}): Place {
    return { platform: "linux", uid: UID, homeDir: stage.path("home"), runUserDir: stage.path("run-user"), tmpDir: stage.path("tmp"), ...changes };
  }

  function makeRunUser(): string {
    const folder = path.join(stage.path("run-user"), String(UID));
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return folder;
  }

  const IN_HOME = (): string => stage.path("home/.local/state/encrypted-tunnels/run");
  const foldersOf = ({ door, otherDoors }: DaemonPaths): readonly string[] => [door, ...otherDoors].map(({ folder }) => folder);

  const find = (stateDir?: string, changes: Partial<Place> = {}, protocol = 1) => daemonPaths({ stateDir, protocol, place: place(changes) });

  it("puts the socket below /run/user/UID when no other user may enter that folder", () => {
    const folder = makeRunUser();
    assert.equal(find().door.folder, path.join(folder, "tunneld"));
  });

  it("names the other folders too, for a daemon that started before /run/user/UID existed", () => {
    makeRunUser();
    assert.deepEqual(foldersOf(find()).slice(1), [stage.path(`tmp/tunneld-${UID}`), IN_HOME()]);
  });

  describe("where the folder in /tmp can't be used", () => {
    it("use a folder in the home when another user has made the one in /tmp first, and don't look into that one", () => {
      mkdirSync(stage.path(`tmp/tunneld-${UID + 1}`), { recursive: true, mode: 0o700 });
      assert.deepEqual(foldersOf(find(undefined, { uid: UID + 1 })), [IN_HOME()]);
    });

    it("use a folder in the home for a state folder with an over-long path, too", () => {
      mkdirSync(stage.path(`tmp/tunneld-${UID + 1}`), { recursive: true, mode: 0o700 });
      assert.deepEqual(foldersOf(find(stage.path("x".repeat(120)), { uid: UID + 1 })), [IN_HOME()]);
    });

    it("still find the daemon in the home once the folder in /tmp can be used again", () => {
      assert.deepEqual(foldersOf(find(undefined, { uid: UID + 1 })), [stage.path(`tmp/tunneld-${UID + 1}`), IN_HOME()]);
      assert.deepEqual(foldersOf(find(stage.path("x".repeat(120)))), [stage.path(`tmp/tunneld-${UID}`), IN_HOME()]);
    });

    it("use a folder in the home when /tmp itself is a file", () => {
      writeFileSync(stage.path("tmp"), "");
      assert.deepEqual(foldersOf(find()), [IN_HOME()]);
    });

    it("name the folder in /tmp all the same when no home has a short enough path: the refusal gives the reason", () => {
      mkdirSync(stage.path(`tmp/tunneld-${UID + 1}`), { recursive: true, mode: 0o700 });
      const changes = { uid: UID + 1, homeDir: stage.path("h".repeat(90)) };
      assert.deepEqual(foldersOf(find(undefined, changes)), [stage.path(`tmp/tunneld-${UID + 1}`)]);
    });

    it("don't skip a folder of our own that others may enter: that is reported", () => {
      mkdirSync(stage.path(`tmp/tunneld-${UID}`), { recursive: true, mode: 0o755 });
      assert.equal(find().door.folder, stage.path(`tmp/tunneld-${UID}`));
    });
  });

  it("falls back to /tmp/tunneld-UID without /run/user/UID", () => {
    assert.equal(find().door.folder, stage.path(`tmp/tunneld-${UID}`));
  });

  it("does not use a /run/user/UID that others may enter", () => {
    chmodSync(makeRunUser(), 0o755);
    assert.equal(find().door.folder, stage.path(`tmp/tunneld-${UID}`));
  });

  it("does not use a /run/user/UID that is a symbolic link", () => {
    mkdirSync(stage.path("run-user"));
    mkdirSync(stage.path("elsewhere"), { mode: 0o700 });
    symlinkSync(stage.path("elsewhere"), path.join(stage.path("run-user"), String(UID)));
    assert.equal(find().door.folder, stage.path(`tmp/tunneld-${UID}`));
  });

  it("does not depend on HOME, TMPDIR or XDG variables", () => {
    const variables = ["HOME", "TMPDIR", "XDG_RUNTIME_DIR", "XDG_STATE_HOME", "XDG_CONFIG_HOME"];
    const before = Object.fromEntries(variables.map((name) => [name, process.env[name]]));
    const expected = daemonPaths({ stateDir: undefined, protocol: 1, place: thisPlace() });
    try {
      for (const name of variables) process.env[name] = "/somewhere/else";
      assert.deepEqual(daemonPaths({ stateDir: undefined, protocol: 1, place: thisPlace() }), expected);
    } finally {
      for (const [name, value] of Object.entries(before)) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    }
  });

  it("keeps state and keys in the home folder by default", () => {
    const { givenStateDir, stateFile, keyDir } = find();
    assert.deepEqual(
      [givenStateDir, stateFile, keyDir],
      [undefined, stage.path("home/.local/state/encrypted-tunnels/state.json"), stage.path("home/.config/encrypted-tunnels/keys")],
    );
  });

  it("puts everything below a given state folder", () => {
    makeRunUser();
    const { door, otherDoors, ...files } = find(stage.path("mine"));
    const everything = [door.folder, door.socketPath, door.discoveryFile, ...Object.values(files)].map(String);
    assert.deepEqual([otherDoors, everything.filter((file) => !file.startsWith(stage.path("mine")))], [[], []]);
  });

  it("moves the socket of a state folder with an over-long path to /tmp, where it fits", () => {
    const { door, stateFile } = find(stage.path("x".repeat(120)));
    assert.equal(door.folder, stage.path(`tmp/tunneld-${UID}`));
    assert.ok(fitsSocketPath(door.socketPath, "linux"));
    assert.ok(stateFile.startsWith(stage.path("x".repeat(120))));
  });

  it("uses the longest folder that leaves room for the private name, and not one byte more", () => {
    const spare = maxSocketPathBytes("linux") - Buffer.byteLength(find(stage.path("d")).door.socketPath) - ".xxxxxx.new".length;
    const folders = [spare, spare + 1].map((extra) => find(stage.path(`d${"x".repeat(extra)}`)).door.folder);
    assert.deepEqual(folders, [stage.path(`d${"x".repeat(spare)}/run`), stage.path(`tmp/tunneld-${UID}`)]);
  });

  it("counts bytes, not characters", () => {
    assert.equal(fitsSocketPath("ü".repeat(48), "linux"), true);
    assert.equal(fitsSocketPath("ü".repeat(49), "linux"), false);
    assert.equal(fitsSocketPath("ü".repeat(48), "darwin"), false);
  });

  it("gives a state folder the same name through any link", () => {
    mkdirSync(stage.path("real"));
    symlinkSync(stage.path("real"), stage.path("alias"));
    assert.equal(path.basename(find(stage.path("alias/s")).door.socketPath), path.basename(find(stage.path("real/s")).door.socketPath));
  });

  it("gives each state folder and each protocol version a name of its own", () => {
    const names = [find(stage.path("a")), find(stage.path("b")), find(stage.path("a"), {}, 2)].map(({ door }) => path.basename(door.socketPath));
    assert.equal(new Set(names).size, 3);
    assert.match(names[0] ?? "", /^t1-[0-9a-z]{13}\.sock$/);
  });

  it("uses Application Support on macOS, and /tmp when that path is too long", () => {
    const inLibrary = find(undefined, { platform: "darwin", homeDir: "/Users/a" }).door.folder;
    const tooLong = find(undefined, { platform: "darwin", homeDir: `/Users/${"a".repeat(40)}` }).door.folder;
    assert.deepEqual([inLibrary, tooLong], ["/Users/a/Library/Application Support/encrypted-tunnels/run", stage.path(`tmp/tunneld-${UID}`)]);
  });

  it("has no socket path on Windows: the pipe is in the discovery file", () => {
    const { door, otherDoors } = find(undefined, { platform: "win32", uid: undefined });
    assert.deepEqual([door.socketPath, otherDoors], ["", []]);
    assert.ok(door.discoveryFile.includes(path.join("AppData", "Local", "encrypted-tunnels")));
  });

  describe("when their folders are prepared", () => {
    const prepare = (changes: Partial<Place> = {}, stateDir: string | undefined = stage.path("mine")) =>
      prepareFolders(find(stateDir, changes), place(changes));

    it("makes them 0700", () => {
      prepare();
      const paths = find(stage.path("mine"));
      const modes = [paths.stateDir, paths.door.folder, path.dirname(paths.logFile), paths.keyDir].map((folder) => statSync(folder).mode & 0o777);
      assert.deepEqual(modes, [0o700, 0o700, 0o700, 0o700]);
    });

    it("accepts a state folder that others can read but not write", () => {
      mkdirSync(stage.path("mine"), { mode: 0o755 });
      prepare();
    });

    it("refuses a state folder that others can write", () => {
      mkdirSync(stage.path("mine"));
      chmodSync(stage.path("mine"), 0o777);
      assert.match(
        refusal(() => prepare()),
        /can be written by other users: chmod go-w/,
      );
    });

    it("refuses a runtime folder that others may enter", () => {
      mkdirSync(stage.path("mine/run"), { recursive: true, mode: 0o755 });
      assert.match(
        refusal(() => prepare()),
        /is open to other users: chmod 700/,
      );
    });

    it("refuses a runtime folder that is a symbolic link", () => {
      mkdirSync(stage.path("mine"));
      mkdirSync(stage.path("elsewhere"), { mode: 0o700 });
      symlinkSync(stage.path("elsewhere"), stage.path("mine/run"));
      assert.match(
        refusal(() => prepare()),
        /is a symbolic link/,
      );
    });

    it("refuses a file in place of a folder", () => {
      mkdirSync(stage.path("mine"), { mode: 0o700 });
      writeFileSync(stage.path("mine/run"), "");
      assert.match(
        refusal(() => prepare()),
        /is not a folder/,
      );
    });

    it("refuses a folder of another user", () => {
      mkdirSync(stage.path(`tmp/tunneld-${UID + 1}`), { recursive: true, mode: 0o700 });
      mkdirSync(stage.path("mine"), { mode: 0o700 });
      assert.match(
        refusal(() => prepare({ uid: UID + 1 })),
        new RegExp(`belongs to another user \\(uid ${UID}\\)`),
      );
    });
  });
});

function refusal(run: () => void): string {
  const error = errorOf(run);
  assert.equal(error.code, "DAEMON_UNREACHABLE");
  return error.message;
}
