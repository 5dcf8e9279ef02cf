/** The service files of all three systems: their content, and that no path can break out of its place. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { type ServiceRequest, servicePlan } from "../../../../daemon/cli/service/plan.ts";
import { launchdPlist, SERVICE_MARKER, scheduledTaskXml, systemdUnit } from "../../../../daemon/cli/service/text.ts";
import type { Place } from "../../../../daemon/lifecycle/paths.ts";
import { codeOf } from "../../../support/wire/codes.ts";

const PLACE: Place = { platform: "linux", uid: 1000, homeDir: "/home/ada", runUserDir: "/run/user", tmpDir: "/tmp" };
const COMMAND = { execPath: "/usr/bin/node", isElectron: false, args: ["/opt/tunneld.cjs", "daemon", "--background"] };

function plan(platform: NodeJS.Platform, changes: Partial<ServiceRequest> = {}): ReturnType<typeof servicePlan> {
  const homeDir = platform === "win32" ? "C:\\Users\\Ada" : "/home/ada";
  return servicePlan({
    place: { ...PLACE, platform, homeDir },
    user: "DESK\\Ada",
    execPath: "/usr/bin/node",
    isElectron: false,
    program: "/opt/tunneld.cjs",
    stateDir: undefined,
    ...changes,
  });
}

const called = (all: readonly { readonly command: string; readonly args: readonly string[] }[]): string[] =>
  all.map((one) => [one.command, ...one.args].join(" "));

describe("the systemd unit", () => {
  const start = (command: Partial<typeof COMMAND>): string => /^ExecStart=(.*)$/m.exec(systemdUnit({ ...COMMAND, ...command }))?.[1] ?? "";

  it("starts the daemon in the background and again after a crash, and does not kill its successor", () => {
    const text = systemdUnit(COMMAND);
    assert.match(text, /^ExecStart="\/usr\/bin\/node" "\/opt\/tunneld\.cjs" "daemon" "--background"$/m);
    for (const line of ["Restart=on-failure", "KillMode=process", "UMask=0077", "WantedBy=default.target"]) assert.match(text, new RegExp(`^${line}$`, "m"));
    assert.doesNotMatch(text, /ELECTRON/);
  });

  it("runs Electron as Node", () => assert.match(systemdUnit({ ...COMMAND, isElectron: true }), /^Environment=ELECTRON_RUN_AS_NODE=1$/m));

  it("escapes quotes, backslashes, specifiers and variables", () => {
    assert.equal(start({ execPath: "/a b/100%/n", args: ['/q"\\/$HOME/%h.cjs'] }), '"/a b/100%%/n" "/q\\"\\\\/$$HOME/%%h.cjs"');
  });

  it("does not let a path begin a new line", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const lines = systemdUnit({ ...COMMAND, args: [text] }).split(/[\n\r]/);
        assert.equal(lines.length, systemdUnit(COMMAND).split(/[\n\r]/).length);
      }),
    );
  });
});

describe("the launchd agent", () => {
  it("lists program and arguments one by one and is kept alive only after a crash", () => {
    const text = launchdPlist("dev.x", COMMAND);
    assert.deepEqual(
      [...(/<array>([\s\S]*)<\/array>/.exec(text)?.[1] ?? "").matchAll(/<string>(.*)<\/string>/g)].map(([, arg]) => arg),
      ["/usr/bin/node", "/opt/tunneld.cjs", "daemon", "--background"],
    );
    assert.match(text, /<key>KeepAlive<\/key>\s*<dict><key>SuccessfulExit<\/key><false\/><\/dict>/);
    assert.match(text, /<key>AbandonProcessGroup<\/key>\s*<true\/>/);
    assert.match(launchdPlist("dev.x", { ...COMMAND, isElectron: true }), /ELECTRON_RUN_AS_NODE/);
  });

  it("escapes what would be XML", () =>
    assert.match(launchdPlist("dev.x", { ...COMMAND, args: ["/a&b<c>/t.cjs"] }), /<string>\/a&amp;b&lt;c&gt;\/t\.cjs<\/string>/));
});

describe("the scheduled task", () => {
  const args = (command: Partial<typeof COMMAND>): string =>
    /<Arguments>(.*)<\/Arguments>/.exec(scheduledTaskXml("D\\ada", { ...COMMAND, ...command }))?.[1] ?? "";

  it("runs when the user logs on, without more rights, time limits or a window", () => {
    const text = scheduledTaskXml("DESK\\Ada & Co", COMMAND);
    assert.equal(text.match(/<UserId>DESK\\Ada &amp; Co<\/UserId>/g)?.length, 2);
    for (const line of ["<RunLevel>LeastPrivilege</RunLevel>", "<ExecutionTimeLimit>PT0S</ExecutionTimeLimit>", "<LogonType>InteractiveToken</LogonType>"]) {
      assert.ok(text.includes(line), line);
    }
    assert.equal(args({}), "--headless /usr/bin/node /opt/tunneld.cjs daemon --background");
  });

  it("quotes arguments the way CommandLineToArgvW reads them", () => {
    assert.equal(
      args({ execPath: "C:\\Program Files\\n.exe", args: ['a"b', "c\\", "d e\\", ""] }),
      '--headless "C:\\Program Files\\n.exe" "a\\"b" c\\ "d e\\\\" ""',
    );
  });
});

describe("the plan for a service", () => {
  it("on Linux is a user unit, reloaded and enabled", () => {
    const { file, install, uninstall } = plan("linux");
    assert.equal(file, "/home/ada/.config/systemd/user/tunneld.service");
    assert.deepEqual(called(install), ["systemctl --user daemon-reload", "systemctl --user enable --now tunneld.service"]);
    assert.deepEqual(called([...uninstall.before, ...uninstall.after]), [
      "systemctl --user disable --now --no-block tunneld.service",
      "systemctl --user daemon-reload",
    ]);
  });

  it("on macOS is an agent, booted out first in case it is loaded", () => {
    const { file, install, uninstall } = plan("darwin");
    assert.equal(file, "/home/ada/Library/LaunchAgents/dev.encrypted-tunnels.tunneld.plist");
    assert.deepEqual(called(install), ["launchctl bootout gui/1000/dev.encrypted-tunnels.tunneld", `launchctl bootstrap gui/1000 ${file}`]);
    assert.deepEqual(
      install.map(({ mayFail }) => mayFail === true),
      [true, false],
    );
    assert.deepEqual(called(uninstall.before), ["launchctl bootout gui/1000/dev.encrypted-tunnels.tunneld"]);
  });

  it("on Windows is a task, created from a file and run", () => {
    const { file, install, uninstall, encoding } = plan("win32");
    assert.equal(file, "C:\\Users\\Ada\\AppData\\Local\\encrypted-tunnels\\tunneld.task.xml");
    assert.deepEqual(called(install), [`schtasks /Create /F /TN \\encrypted-tunnels\\tunneld /XML ${file}`, "schtasks /Run /TN \\encrypted-tunnels\\tunneld"]);
    assert.deepEqual(called(uninstall.before), ["schtasks /Delete /F /TN \\encrypted-tunnels\\tunneld"]);
    assert.equal(encoding, "utf16le");
  });

  it("marks every file as ours", () => {
    for (const platform of ["linux", "darwin", "win32"] as const) assert.ok(plan(platform).text.includes(SERVICE_MARKER), platform);
  });

  it("gives the daemon of another state folder a separate service, and the same one each time", () => {
    for (const platform of ["linux", "darwin", "win32"] as const) {
      const [usual, one, again, other] = [
        plan(platform),
        plan(platform, { stateDir: "/a b" }),
        plan(platform, { stateDir: "/a b/" }),
        plan(platform, { stateDir: "/c" }),
      ];
      assert.equal(new Set([usual.file, one.file, other.file]).size, 3);
      assert.equal(one.file, again.file);
      assert.match(one.text, /--state-dir("? "?)?[\s\S]*\/a b/);
      assert.doesNotMatch(usual.text, /--state-dir/);
    }
  });

  it("does not exist for other systems", () =>
    assert.equal(
      codeOf(() => plan("openbsd")),
      "CONFIG_INVALID",
    ));
});
