/**
 * An entry that is approved and open, and then changes to something that the user has not approved: nothing of the new
 * text reaches a command or standard output, whatever keeps the daemon from judging the entry.
 */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, rmSync, symlinkSync } from "node:fs";
import { freeAddress } from "../support/process/ends.ts";
import { startFarEnd, Workspace } from "../support/process/workspace.ts";
import { startRedis } from "../support/servers.ts";
import { stageForAll } from "../support/stage.ts";

const URL_TEMPLATE = "$" + "{url}";
const MARK = "attacker";

type Entry = Readonly<Record<string, unknown>>;

/** What a pulled change could write, one field each. */
const FIELDS: Readonly<Record<string, Entry>> = {
  env: { env: { CACHE_URL: `redis://${MARK}.example`, ATTACKER_URL: MARK } },
  user: { user: MARK },
  database: { database: 666 },
  tls: { tls: true },
  service: { service: "mysql", database: MARK },
  listen: { listen: "127.0.0.1:16666" },
  target: { target: `${MARK}.example:6479` },
  role: { role: "server", database: undefined, env: undefined },
  forwardSecrecy: { forwardSecrecy: "off" },
  maxConnections: { maxConnections: 7 },
  group: { group: MARK },
};

/** Why the daemon can't judge an entry: the text that is also written, and what is done to the files. */
const REASONS: Readonly<
  Record<string, { readonly entry?: Entry; readonly act?: (workspace: Workspace) => void; readonly undo?: (workspace: Workspace) => void }>
> = {
  "a key that is missing": { entry: { key: "nowhere" } },
  "a key file that is missing": { entry: { key: { file: "/nowhere/at-all.key" } } },
  "a key file that others can read": {
    entry: { key: { file: "open.key" } },
    act: (workspace) => chmodSync(workspace.file("open.key", "k".repeat(32)), 0o644),
  },
  "a key that is too short": {
    entry: { key: { file: "weak.key" } },
    act: (workspace) => chmodSync(workspace.file("weak.key", "short"), 0o600),
  },
  "a bind that can't be resolved": { entry: { bind: "no-such-host.invalid" } },
  "a listen that can't be resolved": { entry: { listen: "no-such-host.invalid:1" } },
  "an entry with a mistake": { entry: { listne: 1 } },
  "two targets with one key": { entry: { target: ["127.0.0.1:1", "127.0.0.1:2"] } },
  "a property that is there twice": {
    act: (workspace) => workspace.writeText((workspace.read(".vscode/tunnels.json") ?? "").replace('"user"', '"key": "nowhere", "user"')),
  },
  "a local override with a mistake in its JSON": {
    act: (workspace) => workspace.file(".vscode/tunnels.local.json", "{ broken"),
    undo: (workspace) => rmSync(`${workspace.folder}/.vscode/tunnels.local.json`),
  },
  "a local override that changes it and is a folder by now": {
    act: (workspace) => mkdirSync(`${workspace.folder}/.vscode/tunnels.local.json`),
    undo: (workspace) => rmSync(`${workspace.folder}/.vscode/tunnels.local.json`, { recursive: true }),
  },
  "a file that can't be read": {
    act: (workspace) => {
      rmSync(workspace.configPath);
      symlinkSync("tunnels.json", workspace.configPath);
    },
    undo: (workspace) => rmSync(workspace.configPath),
  },
  "a file that is gone": { act: (workspace) => rmSync(workspace.configPath) },
  "nothing in the way": {},
};

describe("the text of an entry that is not approved", () => {
  const stage = stageForAll();
  let workspace: Workspace;
  let good: Entry;

  before(async () => {
    const redis = await startRedis();
    stage.own(() => redis.stop());
    workspace = new Workspace(stage);
    const target = await startFarEnd(stage, { port: redis.port, key: workspace.key() });
    good = { service: "redis", listen: await freeAddress(), target, key: "team", database: 0, env: { CACHE_URL: URL_TEMPLATE } };
    workspace.write({ c: good });
    const { code, stderr } = await workspace.run(["up", "c", "--yes"]);
    assert.equal(code, 0, stderr);
  });

  /** The output of a command while the file says this. */
  async function outOf(args: readonly string[], change: Entry, { entry = {}, act, undo }: (typeof REASONS)[string] = {}) {
    workspace.write({ c: { ...good, ...change, ...entry } as never });
    act?.(workspace);
    try {
      const { code, stdout, stderr } = await workspace.run(args);
      return { code, stdout: stdout.toString(), stderr };
    } finally {
      undo?.(workspace);
      workspace.write({ c: good as never });
    }
  }

  const EXEC = ["exec", "c", "--", "env"];
  /** These fields are not part of an approval, by design: alone they change nothing that a command is given. */
  const OUTSIDE = ["service", "maxConnections", "group"];
  const all: Entry = { ...FIELDS["env"], ...FIELDS["user"], ...FIELDS["database"] };

  for (const [why, reason] of Object.entries(REASONS)) {
    for (const args of [EXEC, ["url", "c"]]) {
      it(`does not come out of ${args[0]} with ${why}`, async () => {
        const { code, stdout } = await outOf(args, all, reason);
        assert.deepEqual([code, stdout], [1, ""]);
      });
    }
  }

  for (const [field, change] of Object.entries(FIELDS)) {
    it(`does not come out of exec and url when ${field} has changed and the key is missing`, async () => {
      for (const args of [EXEC, ["url", "c"]]) {
        const { code, stdout } = await outOf(args, change, REASONS["a key that is missing"]);
        assert.deepEqual([code, stdout], [1, ""], args[0]);
      }
    });
    if (OUTSIDE.includes(field)) continue;
    it(`does not come out of exec and url when only ${field} has changed`, async () => {
      for (const args of [EXEC, ["url", "c"]]) {
        const { code, stdout } = await outOf(args, change);
        assert.deepEqual([code, stdout], [1, ""], args[0]);
      }
    });
  }

  it("is refused as NOT_APPROVED while the approved entry is open, with the reason and what to do", async () => {
    assert.equal((await workspace.run(["up", "c"])).code, 0);
    for (const args of [EXEC, ["url", "c"]]) {
      const { stderr } = await outOf(args, all, REASONS["a key that is missing"]);
      assert.match(stderr, /"c" .*"nowhere".*tunneld approve c.*\(NOT_APPROVED\)$/);
    }
  });

  it("does not let up succeed, which leaves the approved entry open and says why", async () => {
    const { code, stdout, stderr } = await outOf(["up", "c", "--yes"], all, REASONS["a key that is missing"]);
    assert.equal(code, 1);
    assert.match(stdout, /^c {2}(listening|verified|key-verified)/);
    assert.match(stderr, /c is open as it was approved before, and can't be opened as it stands now: .*"nowhere".*\(KEY_NOT_FOUND\)$/);
    assert.doesNotMatch(stdout + stderr, new RegExp(MARK));
  });

  it("leaves the approved entry open, and the approved text is used again once it is back", async () => {
    await outOf(EXEC, all, REASONS["a key that is missing"]);
    const [executed, url] = [await workspace.run(EXEC), await workspace.run(["url", "c"])];
    assert.deepEqual([executed.code, url.code], [0, 0], executed.stderr + url.stderr);
    const expected = `redis://127.0.0.1:${String(good["listen"]).replace(/^.*:/, "")}/0`;
    assert.ok(executed.stdout.toString().includes(`CACHE_URL=${expected}\n`));
    assert.equal(url.stdout.toString(), `${expected}\n`);
  });
});

describe("tunneld url", () => {
  const stage = stageForAll();

  it("gives no URL of an entry that nobody has approved, and says how to approve it", async () => {
    const workspace = new Workspace(stage, "fresh");
    workspace.key();
    workspace.write({ c: { service: "redis", listen: 6579, target: "cache.example.com:6479", key: "team", user: MARK } });
    const { code, stdout, stderr } = await workspace.run(["url", "c"]);
    assert.deepEqual([code, stdout.toString()], [1, ""]);
    assert.match(stderr, /"c" is not approved.*tunneld approve c.*\(NOT_APPROVED\)$/);
  });
});
