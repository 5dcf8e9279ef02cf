/**
 * keys, url, logs, stop and status with no daemon, as a person at a terminal meets them.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { makeKey } from "../support/process/ends.ts";
import { isAlive } from "../support/process/proc-info.ts";
import { run } from "../support/process/run.ts";
import { until } from "../support/process/until.ts";
import { Workspace } from "../support/process/workspace.ts";
import { stageForEach } from "../support/stage.ts";

const FINGERPRINT = /^(?:[0-9a-f]{4}-){7}[0-9a-f]{4}$/;

describe("tunneld keys", () => {
  const stage = stageForEach();
  let workspace: Workspace;
  beforeEach(() => {
    workspace = new Workspace(stage);
  });

  const keys = (...args: string[]) => workspace.run(["keys", ...args]);
  const keyFile = (name: string): string => join(workspace.stateDir, "keys", name);

  it("makes a key in the key folder and lists it by fingerprint, without a daemon", async () => {
    const made = await keys("generate", "team");
    assert.equal(made.code, 0);
    const [name, shown = ""] = made.stdout.toString().trim().split("  ");
    assert.equal(name, "team");
    assert.match(shown, FINGERPRINT);
    assert.deepEqual([statSync(keyFile("team")).size, statSync(keyFile("team")).mode & 0o777], [32, 0o600]);
    assert.equal((await keys("list")).stdout.toString(), `team  ${shown}\n`);
    assert.equal((await keys("fingerprint", "team")).stdout.toString(), `${shown}\n`);
    assert.equal(workspace.daemonPid, undefined);
  });

  it("takes a key in from a file, and gives it out byte for byte", async () => {
    const file = makeKey(stage, "theirs");
    assert.equal((await keys("import", "team", file)).code, 0);
    const copy = stage.path("copy");
    assert.equal((await keys("export", "team", copy)).code, 0);
    assert.deepEqual(readFileSync(copy), readFileSync(file));
    assert.equal(statSync(copy).mode & 0o777, 0o600);
    assert.equal((await keys("fingerprint", copy)).stdout.toString(), (await keys("fingerprint", "team")).stdout.toString());
  });

  it("says that the line end counts in a key file that is text, with the fingerprints of both copies, and strips nothing", async () => {
    const secret = "correct horse battery staple and then some";
    const [ended, bare] = [stage.path("ended"), stage.path("bare")];
    writeFileSync(ended, `${secret}\n`, { mode: 0o600 });
    writeFileSync(bare, secret, { mode: 0o600 });
    const [endedPrint = "", barePrint = ""] = await Promise.all([ended, bare].map(async (file) => (await keys("fingerprint", file)).stdout.toString().trim()));
    assert.match(endedPrint, FINGERPRINT);
    assert.notEqual(endedPrint, barePrint);
    const imported = await keys("import", "team", ended);
    assert.equal(imported.stdout.toString(), `team  ${endedPrint}\n`);
    for (const { stderr } of [imported, await keys("fingerprint", "team"), await keys("fingerprint", ended)]) {
      assert.match(stderr, /text that ends with a line feed; every byte of it is part of the key/);
      assert.ok(stderr.includes(`without the line end ${barePrint}`), stderr);
    }
    assert.ok((await keys("fingerprint", bare)).stderr.includes(`with a line feed ${endedPrint}`));
    assert.equal(readFileSync(keyFile("team"), "utf8"), `${secret}\n`);
  });

  it("names a command that makes the copy without the line end", async () => {
    const file = stage.path("ended");
    writeFileSync(file, "correct horse battery staple and then some\r\n", { mode: 0o600 });
    const { stderr } = await keys("fingerprint", file);
    const command = /without its end: (\(umask.*)$/m.exec(stderr)?.[1] ?? "";
    const copy = stage.path("copy");
    const shell = command.replace("NEWFILE", copy).replace("FILE", file);
    assert.equal((await run(stage, ["/bin/sh", "-c", shell])).code, 0);
    assert.equal(readFileSync(copy, "utf8"), "correct horse battery staple and then some");
    assert.equal(statSync(copy).mode & 0o777, 0o600);
  });

  it("says nothing more about a key of random bytes", async () => {
    assert.equal((await keys("import", "team", makeKey(stage, "theirs"))).stderr, "");
  });

  for (const form of ["base64", "hex"] as const) {
    it(`takes a key in as ${form} from standard input`, async () => {
      const file = makeKey(stage, "theirs");
      const { code, stdout } = await workspace.run(["keys", "import", "team", `--${form}`], { input: `${readFileSync(file).toString(form)}\n` });
      assert.equal(code, 0);
      assert.equal(stdout.toString(), `team  ${(await keys("fingerprint", file)).stdout.toString()}`);
      assert.deepEqual(readFileSync(keyFile("team")), readFileSync(file));
    });
  }

  it("never overwrites, neither a key nor a file", async () => {
    const file = makeKey(stage, "theirs");
    await keys("import", "team", file);
    for (const args of [
      ["generate", "team"],
      ["import", "team", file],
      ["export", "team", file],
    ]) {
      const { code, stderr } = await keys(...args);
      assert.equal(code, 1);
      assert.match(stderr, /exists already and is not overwritten.*\(CONFIG_INVALID\)$/);
    }
    assert.deepEqual(readFileSync(keyFile("team")), readFileSync(file));
  });

  it("refuses a weak key, and text of another form", async () => {
    writeFileSync(stage.path("weak"), "short");
    assert.match((await keys("import", "team", stage.path("weak"))).stderr, /\(KEY_WEAK\)$/);
    assert.match((await workspace.run(["keys", "import", "team", "--hex"], { input: "xyz" })).stderr, /not hexadecimal.*\(CONFIG_INVALID\)$/);
    assert.equal(existsSync(keyFile("team")), false);
  });

  it("forgets a key, and names the nearest one when a key is not there", async () => {
    await keys("generate", "team");
    const wrong = await keys("forget", "--yes", "taem");
    assert.equal(wrong.code, 1);
    assert.match(wrong.stderr, /did you mean "team"\? \(KEY_NOT_FOUND\)$/);
    const unasked = await keys("forget", "team");
    assert.deepEqual([unasked.code, existsSync(keyFile("team"))], [1, true]);
    assert.match(unasked.stderr, /no terminal to ask at: say --yes/);
    assert.equal((await keys("forget", "--yes", "team")).code, 0);
    assert.equal(existsSync(keyFile("team")), false);
  });

  it("shows a key that can't be used, and says why", async () => {
    workspace.key("team");
    writeFileSync(keyFile("short"), "x", { mode: 0o600 });
    const { code, stdout } = await keys("list");
    assert.equal(code, 0);
    assert.match(stdout.toString(), /^short {2}.*\(KEY_WEAK\)\nteam {3}(?:[0-9a-f]{4}-){7}/);
  });

  it("never prints a key", async () => {
    const file = workspace.key("team");
    const said = await Promise.all([keys("list"), keys("fingerprint", "team"), keys("export", "team", stage.path("out")), keys("export", "team", "-")]);
    const bytes = readFileSync(file);
    for (const { stdout, stderr } of said) {
      for (const form of ["hex", "base64", "latin1"] as const) assert.equal((stdout.toString("latin1") + stderr).includes(bytes.toString(form)), false);
    }
  });

  it("says which commands there are for keys", async () => {
    for (const args of [[], ["lst"]]) assert.match((await keys(...args)).stderr, /list, generate, import, export, forget, fingerprint/);
  });
});

describe("tunneld url", () => {
  const stage = stageForEach();
  let workspace: Workspace;
  beforeEach(() => {
    workspace = new Workspace(stage);
    workspace.key();
    workspace.write({
      cache: { service: "redis", listen: 6579, target: "cache.example.com:6479", key: "team", database: 2 },
      orders: { service: "mysql", listen: "127.0.0.1:3307", target: "db.example.com:3406", key: "team", user: "app@x", database: "orders" },
      picked: { listen: 0, target: "127.0.0.1:9", key: "team" },
      end: { role: "server", listen: 6479, target: "127.0.0.1:6379", key: "team" },
    });
  });

  const url = async (name: string) => workspace.run(["url", name]);

  it("prints the URL of the local end of an approved entry, whether it is open or not", async () => {
    assert.equal((await workspace.run(["approve", "cache", "orders", "--yes"])).code, 0);
    assert.equal((await url("cache")).stdout.toString(), "redis://127.0.0.1:6579/2\n");
    assert.equal((await url("orders")).stdout.toString(), "mysql://app%40x@127.0.0.1:3307/orders\n");
  });

  it("asks the daemon for a port that the daemon picked", async () => {
    const early = await url("picked");
    assert.equal(early.code, 1);
    assert.match(early.stderr, /tunneld up picked/);
    await workspace.run(["up", "picked", "--yes"]);
    const [picked] = (await workspace.status()).tunnels;
    assert.equal((await url("picked")).stdout.toString(), `tcp://${picked?.listen}\n`);
    assert.match(picked?.listen ?? "", /:[1-9]\d*$/);
  });

  it("has no URL for a server's end", async () => {
    const { code, stderr } = await url("end");
    assert.equal(code, 1);
    assert.match(stderr, /"end" is the server's end/);
  });
});

describe("tunneld logs and stop", () => {
  const stage = stageForEach();
  let workspace: Workspace;
  beforeEach(() => {
    workspace = new Workspace(stage);
    workspace.key();
    workspace.write({ cache: { listen: 0, target: "127.0.0.1:9", key: "team" } });
  });

  it("shows the daemon's log for people and as JSON, and the end of the log from the file", async () => {
    await workspace.run(["up", "--yes"]);
    const people = (await workspace.run(["logs"])).stdout.toString();
    assert.match(people, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}info {3}tunneld \S+ serves at /m);
    for (const line of (await workspace.run(["logs", "--json"])).stdout.toString().trim().split("\n")) {
      assert.equal(typeof (JSON.parse(line) as { readonly atMs: unknown }).atMs, "number");
    }
    assert.equal((await workspace.run(["logs", "--level", "error"])).stdout.toString(), "");
    await workspace.run(["down"]);
    await workspace.run(["stop"]);
    const after = await workspace.run(["logs", "-n", "1"]);
    assert.match(after.stdout.toString(), /^\S+ \S+ {2}info {3}ends: drain\n$/);
    assert.match(after.stderr, /no daemon is running/);
  });

  it("follows the log until the daemon ends", async () => {
    await workspace.run(["up", "--yes"]);
    const follower = workspace.start(["logs", "-f", "--level", "debug"]);
    await until(
      async () => {
        await workspace.run(["wait", "cache", "--timeout", "5"]);
        return follower.stdout.includes("CONNECT_REFUSED");
      },
      { what: "the failure was in the log" },
    );
    await workspace.run(["stop"]);
    assert.deepEqual(await follower.exit(), { code: 0, signal: null });
    assert.match(follower.stderr, /the daemon has ended/);
  });

  it("ends the daemon, says what is still pinned, and never starts one", async () => {
    await workspace.run(["up", "--yes"]);
    const pid = workspace.daemonPid ?? 0;
    const { code, stdout, stderr } = await workspace.run(["stop"]);
    assert.deepEqual([code, stdout.toString(), isAlive(pid), workspace.daemonPid], [0, "stopped\n", false, undefined]);
    assert.match(stderr, /cache/);
    const again = await workspace.run(["stop"]);
    assert.deepEqual([again.code, again.stdout.toString(), workspace.daemonPid], [0, "no daemon is running\n", undefined]);
  });

  it("has an empty status when there is no daemon, starts none and makes no folder", async () => {
    const empty = new Workspace(stage, "empty");
    assert.deepEqual(await empty.status(), { daemon: null, tunnels: [] });
    assert.match((await empty.run(["status"])).stdout.toString(), /no daemon is running/);
    assert.equal(existsSync(empty.stateDir), false);
  });

  it("explains every command with lines a terminal can hold", async () => {
    for (const command of ["up", "down", "restart", "status", "wait", "logs", "keys", "approve", "url", "exec", "stop", "daemon"]) {
      const { code, stdout } = await workspace.run([command, "--help"]);
      assert.equal(code, 0);
      assert.match(stdout.toString(), new RegExp(`^tunneld ${command}: `));
      assert.match(stdout.toString(), /--state-dir DIR/);
      for (const line of stdout.toString().split("\n")) assert.ok(line.length <= 100, line);
    }
  });

  it("refuses an option it does not know, with a code", async () => {
    for (const command of ["up", "down", "restart", "status", "wait", "logs", "keys", "approve", "url", "exec", "stop"]) {
      const { code, stderr } = await workspace.run([command, "--no-such"]);
      assert.equal(code, 1, command);
      assert.match(stderr, /^tunneld: unknown option --no-such: see --help \(CONFIG_INVALID\)$/, command);
    }
  });
});
