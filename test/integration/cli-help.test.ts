/**
 * Help, versions and keygen, as a person at a terminal meets them.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { TUNNELD } from "../support/process/ends.ts";
import { run, tunneld } from "../support/process/run.ts";
import { stageForEach } from "../support/stage.ts";

/** Every option that spiped 1.6.4 documents. */
const SPIPED_OPTIONS = ["-e", "-d", "-s", "-t", "-k", "-b", "-D", "-f", "-g", "-F", "-j", "-n", "-o", "-p", "-r", "-R", "--syslog", "-u", "-v"];
const SPIPE_OPTIONS = ["-t", "-k", "-b", "-f", "-g", "-j", "-o", "-v"];

describe("tunneld at a terminal", () => {
  const stage = stageForEach();

  for (const args of [["--help"], ["help"], []]) {
    it(`prints all commands: tunneld ${args.join(" ")}`, async () => {
      const { code, stdout, stderr } = await tunneld(stage, args);
      assert.deepEqual([code, stderr], [0, ""]);
      for (const command of ["keygen", "spiped", "spipe", "--version"]) assert.match(stdout.toString(), new RegExp(`tunneld ${command}`));
    });
  }

  for (const [command, options] of [
    ["spiped", SPIPED_OPTIONS],
    ["spipe", SPIPE_OPTIONS],
    ["keygen", []],
  ] as const) {
    it(`explains ${command} and each of its options on standard output: ${command} --help`, async () => {
      const { code, stdout, stderr } = await tunneld(stage, [command, "--help"]);
      assert.deepEqual([code, stderr], [0, ""]);
      assert.match(stdout.toString(), new RegExp(`^tunneld ${command}: `));
      for (const option of options) assert.match(stdout.toString(), new RegExp(`^  ${option}\\b`, "m"));
    });
  }

  it("prints its version and spiped's on standard output", async () => {
    const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { version: string };
    const { code, stdout } = await tunneld(stage, ["--version"]);
    assert.equal(code, 0);
    assert.match(stdout.toString(), new RegExp(`^tunneld ${version.replaceAll(".", "\\.")} .*spiped 1\\.6\\.4`));
  });

  describe("whose standard output", () => {
    /** Runs the command under a shell, which prints the exit code. */
    const shell = async (script: string): Promise<{ readonly said: string; readonly stderr: string }> => {
      const env = { ...process.env, NODE: process.execPath, TUNNELD, TUNNELD_STATE_DIR: stage.path("state") };
      const { stdout, stderr } = await run(stage, ["bash", "-c", script], { env });
      return { said: stdout.toString(), stderr };
    };

    for (const args of ["status --json", "status", "--help", "up --help", "--version", ""]) {
      it(`is a full disk ends with 1 and one line: tunneld ${args}`, async function () {
        if (!existsSync("/dev/full")) this.skip(); // Linux has a device that is always full.
        const { said, stderr } = await shell(`"$NODE" "$TUNNELD" ${args} >/dev/full; echo $?`);
        assert.equal(said, "1\n");
        assert.match(stderr, /^tunneld: standard output can't be written: ENOSPC[^\n]*$/);
      });

      it(`is closed early by its reader ends with 0, in silence: tunneld ${args}`, async () => {
        const { said, stderr } = await shell(`"$NODE" "$TUNNELD" ${args} | head -c 1 >/dev/null; echo \${PIPESTATUS[0]}`);
        assert.deepEqual([said, stderr], ["0\n", ""]);
      });
    }
  });

  it("makes a key of 32 bytes that only its owner can read, and shows its fingerprint instead of it", async () => {
    const key = stage.path("new.key");
    const { code, stdout } = await tunneld(stage, ["keygen", key]);
    assert.equal(code, 0);
    assert.deepEqual([statSync(key).size, statSync(key).mode & 0o777], [32, 0o600]);
    assert.match(stdout.toString(), /fingerprint \S+/);
    assert.equal(stdout.includes(readFileSync(key).toString("hex")), false);
  });

  it("makes another key each time", async () => {
    for (const name of ["a", "b"]) await tunneld(stage, ["keygen", stage.path(name)]);
    assert.notDeepEqual(readFileSync(stage.path("a")), readFileSync(stage.path("b")));
  });

  it("never overwrites a key", async () => {
    const key = stage.path("old.key");
    writeFileSync(key, "precious");
    const { code, stderr } = await tunneld(stage, ["keygen", key]);
    assert.equal(code, 1);
    assert.match(stderr, /^tunneld: [^\n]*exists already[^\n]*$/);
    assert.equal(readFileSync(key, "utf8"), "precious");
  });
});
