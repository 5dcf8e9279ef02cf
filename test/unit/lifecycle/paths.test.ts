/** Where things live: by the user, not by the environment; sockets short enough; folders that are really ours. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { fitsSocketPath, maxSocketPathBytes } from "../../../daemon/lifecycle/door/socket-path.ts";
import { daemonPaths, type Place, prepareFolders, thisPlace } from "../../../daemon/lifecycle/paths.ts";
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

  const find = (stateDir?: string, changes: Partial<Place> = {}, protocol = 1) => daemonPaths({ stateDir, protocol, place: place(changes) });

  it("puts the socket below /run/user/UID where that is ours alone", () => {
    const folder = makeRunUser();
    assert.equal(find().endpoint.folder, path.join(folder, "tunneld"));
  });

  it("names the folder of last resort as well, for a daemon that started before /run/user/UID was there", () => {
    makeRunUser();
    assert.deepEqual(
      find().otherEndpoints.map(({ folder }) => folder),
      [stage.path(`tmp/tunneld-${UID}`)],
    );
  });

  it("falls back to /tmp/tunneld-UID without /run/user/UID", () => {
    assert.equal(find().endpoint.folder, stage.path(`tmp/tunneld-${UID}`));
  });

  it("does not use a /run/user/UID that others may enter", () => {
    chmodSync(makeRunUser(), 0o755);
    assert.equal(find().endpoint.folder, stage.path(`tmp/tunneld-${UID}`));
  });

  it("does not use a /run/user/UID that is a symbolic link", () => {
    mkdirSync(stage.path("run-user"));
    mkdirSync(stage.path("elsewhere"), { mode: 0o700 });
    symlinkSync(stage.path("elsewhere"), path.join(stage.path("run-user"), String(UID)));
    assert.equal(find().endpoint.folder, stage.path(`tmp/tunneld-${UID}`));
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

  it("puts everything below a state folder that was named", () => {
    makeRunUser();
    const { endpoint, otherEndpoints, ...files } = find(stage.path("mine"));
    const everything = [endpoint.folder, endpoint.socketPath, endpoint.discoveryFile, ...Object.values(files)].map(String);
    assert.deepEqual([otherEndpoints, everything.filter((file) => !file.startsWith(stage.path("mine")))], [[], []]);
  });

  it("moves the socket of a state folder with an over-long path to /tmp, where it fits", () => {
    const { endpoint, stateFile } = find(stage.path("x".repeat(120)));
    assert.equal(endpoint.folder, stage.path(`tmp/tunneld-${UID}`));
    assert.ok(fitsSocketPath(endpoint.socketPath, "linux"));
    assert.ok(stateFile.startsWith(stage.path("x".repeat(120))));
  });

  it("uses the last folder that leaves room for the private name, and not one byte more", () => {
    const spare = maxSocketPathBytes("linux") - Buffer.byteLength(find(stage.path("d")).endpoint.socketPath) - ".xxxxxx.new".length;
    const folders = [spare, spare + 1].map((extra) => find(stage.path(`d${"x".repeat(extra)}`)).endpoint.folder);
    assert.deepEqual(folders, [stage.path(`d${"x".repeat(spare)}/run`), stage.path(`tmp/tunneld-${UID}`)]);
  });

  it("counts bytes, not characters", () => {
    assert.equal(fitsSocketPath("ü".repeat(48), "linux"), true);
    assert.equal(fitsSocketPath("ü".repeat(49), "linux"), false);
    assert.equal(fitsSocketPath("ü".repeat(48), "darwin"), false);
  });

  it("gives one state folder one name, whichever link leads to it", () => {
    mkdirSync(stage.path("real"));
    symlinkSync(stage.path("real"), stage.path("alias"));
    assert.equal(path.basename(find(stage.path("alias/s")).endpoint.socketPath), path.basename(find(stage.path("real/s")).endpoint.socketPath));
  });

  it("gives each state folder and each protocol version a name of its own", () => {
    const names = [find(stage.path("a")), find(stage.path("b")), find(stage.path("a"), {}, 2)].map(({ endpoint }) => path.basename(endpoint.socketPath));
    assert.equal(new Set(names).size, 3);
    assert.match(names[0] ?? "", /^t1-[0-9a-z]{13}\.sock$/);
  });

  it("uses Application Support on macOS, and /tmp where that is too long", () => {
    const inLibrary = find(undefined, { platform: "darwin", homeDir: "/Users/a" }).endpoint.folder;
    const tooLong = find(undefined, { platform: "darwin", homeDir: `/Users/${"a".repeat(40)}` }).endpoint.folder;
    assert.deepEqual([inLibrary, tooLong], ["/Users/a/Library/Application Support/encrypted-tunnels/run", stage.path(`tmp/tunneld-${UID}`)]);
  });

  it("has no socket path on Windows: the pipe is in the discovery file", () => {
    const { endpoint, otherEndpoints } = find(undefined, { platform: "win32", uid: undefined });
    assert.deepEqual([endpoint.socketPath, otherEndpoints], ["", []]);
    assert.ok(endpoint.discoveryFile.includes(path.join("AppData", "Local", "encrypted-tunnels")));
  });

  describe("when their folders are prepared", () => {
    const prepare = (changes: Partial<Place> = {}, stateDir: string | undefined = stage.path("mine")) =>
      prepareFolders(find(stateDir, changes), place(changes));

    it("makes them 0700", () => {
      prepare();
      const paths = find(stage.path("mine"));
      const modes = [paths.stateDir, paths.endpoint.folder, path.dirname(paths.logFile), paths.keyDir].map((folder) => statSync(folder).mode & 0o777);
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

    it("refuses a file in a folder's place", () => {
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
