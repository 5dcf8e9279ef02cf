/** `tunneld service` with a stand-in for systemctl that records how it was called. */
import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readFileSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import * as path from "node:path";
import { createOutput } from "../../../../daemon/cli/output.ts";
import { runService } from "../../../../daemon/cli/service/service.ts";
import { systemClock } from "../../../../shared/time.ts";
import { modeOf } from "../../../support/folder.ts";
import { stageForEach } from "../../../support/stage.ts";
import { rejectionOf } from "../../../support/wire/codes.ts";

describe("tunneld service", () => {
  const stage = stageForEach();

  /** A home, a service manager (shell script; null: none) and the command's output. */
  function machine(script: string | null = "exit 0", platform: NodeJS.Platform = "linux") {
    const bin = stage.path("bin");
    const record = stage.path("calls");
    mkdirSync(bin);
    for (const name of script === null ? [] : ["systemctl", "launchctl"]) {
      writeFileSync(path.join(bin, name), `#!/bin/sh\necho "${name} $*" >> '${record}'\n${script}\n`);
      chmodSync(path.join(bin, name), 0o755);
    }
    const program = stage.path("tunneld.cjs");
    writeFileSync(program, "");
    const said = { out: "", err: "" };
    const sink = (to: "out" | "err") => ({
      write: (text: string): void => {
        said[to] += text;
      },
      on: () => {},
    });
    const world = {
      place: { platform, uid: 1000, homeDir: stage.path("home"), runUserDir: "/run/user", tmpDir: "/tmp" },
      user: "ada",
      execPath: "/usr/bin/node",
      isElectron: false,
      env: { PATH: bin },
      output: createOutput({ name: "tunneld", stdout: sink("out"), stderr: sink("err"), env: {} }),
    };
    return {
      said,
      program: realpathSync(program),
      unit: stage.path("home/.config/systemd/user/tunneld.service"),
      run: (...args: string[]) => runService(args, { name: "tunneld", selfArgv: [program, "service"], clock: systemClock }, world),
      calls: () => (existsSync(record) ? readFileSync(record, "utf8").split("\n").slice(0, -1) : []),
    };
  }

  it("install writes a unit that only the user can read, and makes systemd load and enable it", async () => {
    const { run, calls, unit, program, said } = machine();
    assert.equal(await run("install"), 0);
    assert.ok(readFileSync(unit, "utf8").includes(`ExecStart="/usr/bin/node" "${program}" "daemon" "--background"\n`));
    assert.equal(modeOf(unit), 0o600);
    assert.deepEqual(calls(), ["systemctl --user daemon-reload", "systemctl --user enable --now tunneld.service"]);
    assert.match(said.out, /installed: .*tunneld\.service/);
  });

  it("install overwrites its own file", async () => {
    const { run, unit } = machine();
    await run("install");
    writeFileSync(unit, `${readFileSync(unit, "utf8")}# an edit\n`);
    assert.equal(await run("install"), 0);
    assert.doesNotMatch(readFileSync(unit, "utf8"), /an edit/);
  });

  it("uninstall reverses it", async () => {
    const { run, calls, unit } = machine();
    await run("install");
    assert.equal(await run("uninstall"), 0);
    assert.equal(existsSync(unit), false);
    assert.deepEqual(calls().slice(2), ["systemctl --user disable --now --no-block tunneld.service", "systemctl --user daemon-reload"]);
  });

  it("uninstall does nothing when nothing is installed", async () => {
    const { run, calls, said } = machine();
    assert.equal(await run("uninstall"), 0);
    assert.deepEqual(calls(), []);
    assert.match(said.out, /not installed/);
  });

  for (const [what, make] of [
    ["a unit somebody else wrote", (file: string) => writeFileSync(file, "[Service]\nExecStart=/usr/bin/other\n")],
    ["a symbolic link", (file: string) => symlinkSync("/dev/null", file)],
    ["a folder", (file: string) => mkdirSync(file)],
  ] as const) {
    for (const action of ["install", "uninstall"]) {
      it(`${action} leaves ${what} alone`, async () => {
        const { run, calls, unit } = machine();
        mkdirSync(path.dirname(unit), { recursive: true });
        make(unit);
        const error = await rejectionOf(run(action));
        assert.equal(error.code, "CONFIG_INVALID");
        assert.match(error.message, /left alone/);
        assert.deepEqual(calls(), []);
        assert.ok(existsSync(unit));
      });
    }
  }

  it("install says what to do when there is no systemctl, and leaves nothing behind", async () => {
    const { run, unit } = machine(null);
    const error = await rejectionOf(run("install"));
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /there is no systemctl: this system has no systemd: have "tunneld daemon --background" started/);
    assert.equal(existsSync(unit), false);
  });

  it("install undoes everything when systemctl refuses, and passes on its message as plain text", async () => {
    const { run, calls, unit } = machine('case "$*" in *enable*) printf "Failed to connect to bus:\\033[31m no medium\\n" >&2; exit 1;; esac');
    const error = await rejectionOf(run("install"));
    assert.equal(error.code, "DAEMON_UNREACHABLE");
    assert.match(error.message, /enable --now tunneld\.service failed: Failed to connect to bus: \[31m no medium$/);
    assert.equal(existsSync(unit), false);
    assert.deepEqual(calls().slice(-2), ["systemctl --user disable --now --no-block tunneld.service", "systemctl --user daemon-reload"]);
  });

  it("install keeps the earlier unit when systemctl refuses the new one", async () => {
    const { run, unit } = machine(`if [ -e '${stage.path("broken")}' ]; then exit 3; fi`);
    await run("install");
    const before = readFileSync(unit, "utf8").replace("RestartSec=1", "RestartSec=7");
    writeFileSync(unit, before);
    writeFileSync(stage.path("broken"), "");
    assert.match((await rejectionOf(run("install"))).message, /it ended with status 3/);
    assert.equal(readFileSync(unit, "utf8"), before);
  });

  it("uninstall removes the file although systemctl refuses, and reports the refusal", async () => {
    const { run, unit, said } = machine(`if [ -e '${stage.path("broken")}' ]; then echo no bus >&2; exit 1; fi`);
    await run("install");
    writeFileSync(stage.path("broken"), "");
    assert.equal(await run("uninstall"), 0);
    assert.equal(existsSync(unit), false);
    assert.match(said.err, /disable .* failed: no bus/);
  });

  it("--print shows the file on standard output and the steps on standard error, and does nothing", async () => {
    const { run, calls, unit, said } = machine();
    assert.equal(await run("install", "--print"), 0);
    assert.match(said.out, /^# Written by "tunneld service install"[\s\S]*WantedBy=default\.target\n$/);
    assert.match(said.err, /would write .*\nwould run systemctl --user daemon-reload\nwould run systemctl --user enable/);
    assert.equal(await run("uninstall", "--print"), 0);
    assert.match(said.err, /would run systemctl --user disable .*\nwould remove .*\nwould run systemctl --user daemon-reload\n$/);
    assert.deepEqual([calls(), existsSync(unit)], [[], false]);
  });

  it("--state-dir makes a separate service", async () => {
    const { run, calls } = machine();
    await run("install", "--state-dir", stage.path("apart"));
    assert.match(calls()[1] ?? "", /^systemctl --user enable --now tunneld-[0-9a-z]{13}\.service$/);
  });

  it("on macOS calls launchctl, and ignores that the agent was not loaded", async () => {
    const { run, calls } = machine('case "$1" in bootout) exit 3;; esac', "darwin");
    assert.equal(await run("install"), 0);
    const file = stage.path("home/Library/LaunchAgents/dev.encrypted-tunnels.tunneld.plist");
    assert.deepEqual(calls(), ["launchctl bootout gui/1000/dev.encrypted-tunnels.tunneld", `launchctl bootstrap gui/1000 ${file}`]);
    assert.equal(await run("uninstall"), 0);
    assert.equal(existsSync(file), false);
  });

  for (const args of [[], ["start"], ["install", "now"]]) {
    it(`refuses "${args.join(" ")}" and lists the actions`, async () => {
      const error = await rejectionOf(machine().run(...args));
      assert.equal(error.code, "CONFIG_INVALID");
      assert.match(error.message, /service install, or tunneld service uninstall/);
    });
  }
});
