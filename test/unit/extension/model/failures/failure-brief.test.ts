/** What a notification says of a failure: the fact and one cure, never more than 140 characters. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { ownerText } from "../../../../../daemon/proxy/port-owner.ts";
import { type FailedTunnel, failureBrief, failuresBrief, MAX_NOTICE_LENGTH } from "../../../../../extension/model/failures/failure-brief.ts";
import type { Failure } from "../../../../../extension/model/failures/failure-help.ts";
import { english, type Translate } from "../../../../../extension/model/translate.ts";
import { CODES } from "../../../../../shared/contract/codes.ts";
import { ERROR_CODES, TunnelError, wordsOf } from "../../../../../shared/errors.ts";
import { message } from "../../../../../shared/message.ts";

const BUNDLE = JSON.parse(readFileSync(new URL("../../../../../l10n/bundle.l10n.zh-cn.json", import.meta.url), "utf8")) as Record<string, string>;
const chinese: Translate = (text, ...args) => english(BUNDLE[text] ?? `<${text}>`, ...args);

const CACHE: FailedTunnel = { name: "cache", role: "client", service: "redis", target: "db:3406", listen: "127.0.0.1:7200", key: "team-analytics" };
const LONGEST: FailedTunnel = {
  name: "n".repeat(64),
  role: "client",
  service: "mysql",
  target: `${"t".repeat(249)}:65535`,
  listen: `/${"l".repeat(106)}`,
  key: "k".repeat(64),
};

const brief = (error: TunnelError, tunnel: FailedTunnel | undefined = CACHE, t = english): string => failureBrief(wordsOf(error), tunnel, t);

describe("a failure's notification", () => {
  for (const [error, expected] of [
    [new TunnelError("CONNECT_REFUSED", "x"), "cache: Nothing is listening at db:3406. Is the far end running? (CONNECT_REFUSED)"],
    [new TunnelError("DNS_FAILED", "x"), "cache: db can't be resolved. Check the spelling or your VPN. (DNS_FAILED)"],
    [new TunnelError("KEY_NOT_FOUND", "x"), 'cache: Key "team-analytics" is not on this machine. Import it. (KEY_NOT_FOUND)'],
    [new TunnelError("LISTEN_IN_USE", "x"), "cache: 127.0.0.1:7200 is already in use. Choose another port. (LISTEN_IN_USE)"],
    [
      new TunnelError(
        "LISTEN_IN_USE",
        message(
          "{0} is in use by another program, {1}: stop that one or choose another port",
          "127.0.0.1:7200",
          ownerText({ program: "python3", pid: 4312, isDraining: false }),
        ),
      ),
      "cache: 127.0.0.1:7200 is used by python3 (pid 4312). Choose another port. (LISTEN_IN_USE)",
    ],
    [
      new TunnelError(
        "NOT_SPIPED",
        message("the far side is {0}, not spiped: the target must be the port of the encrypted end, not of a service", "MariaDB 10.11"),
      ),
      "cache: db:3406 is MariaDB 10.11, not a tunnel. Correct the target: the encrypted port. (NOT_SPIPED)",
    ],
    [
      new TunnelError("CONFIG_INVALID", message("{0}:{1}:{2}: {3}", "/srv/app/.vscode/tunnels.json", 4, 7, message("has no port"))),
      "cache: tunnels.json, line 4: has no port. (CONFIG_INVALID)",
    ],
    [new TunnelError("BACKEND_DOWN", "x: probably its backend refuses"), "cache: The far end's Redis probably isn't answering. Check it there. (BACKEND_DOWN)"],
    [new TunnelError("BACKEND_DOWN", "its backend is down"), "cache: The far end works, but its Redis isn't answering. Check it there. (BACKEND_DOWN)"],
    [
      new TunnelError("BACKEND_BLOCKED", message("Redis refuses connections: {0}", "DENIED Redis is running in protected mode")),
      "cache: The Redis refuses the connection: DENIED Redis is running in protected mode (BACKEND_BLOCKED)",
    ],
    [
      new TunnelError("DAEMON_UNREACHABLE", message("a change is still under way in this daemon: try again")),
      "cache: A change is still under way in this daemon: try again. (DAEMON_UNREACHABLE)",
    ],
  ] as const) {
    it(`is: ${expected}`, () => assert.equal(brief(error), expected));
  }

  for (const [error, expected] of [
    [
      new TunnelError("KEY_PERMISSIONS", message("the key file {0} can be read by other users: chmod 600 {0}", "/home/ann/keys/team.key")),
      "cache: The key file /home/ann/keys/team.key can be read by other users. (KEY_PERMISSIONS)",
    ],
    [
      new TunnelError(
        "DAEMON_UNREACHABLE",
        message(
          "can't create {0}: {1}",
          "/run/user/1000/tunneld",
          message("this user may not write there: change the folder's owner or mode, or name another one with --state-dir"),
        ),
      ),
      "cache: can't create /run/user/1000/tunneld: this user may not write there. (DAEMON_UNREACHABLE)",
    ],
  ] as const) {
    it(`keeps the fact and leaves out a terminal's cure: ${expected}`, () => assert.equal(brief(error), expected));
  }

  it("is about no tunnel where none is known", () => {
    assert.equal(failureBrief({ code: "DAEMON_VERSION", message: "" }, undefined, english), "The daemon is of another version. Restart it. (DAEMON_VERSION)");
  });

  it("has something to say of a code that only a newer daemon knows, and takes no name of Object.prototype for one", () => {
    for (const code of ["FUTURE_THING", "constructor"])
      assert.equal(failureBrief({ code, message: "x" }, CACHE, english), `cache: The tunnel doesn't work. (${code})`);
  });

  it("is of the end that reports it", () => {
    const server = { ...CACHE, role: "server" } as const;
    assert.equal(brief(new TunnelError("KEY_MISMATCH", "x"), server), "cache: A client holds another key. Compare the fingerprints. (KEY_MISMATCH)");
    assert.equal(brief(new TunnelError("CONNECT_REFUSED", "x"), server), "cache: Nothing is listening at db:3406. Is the service running? (CONNECT_REFUSED)");
  });

  it("has no command line, whatever the reason says", () => {
    assert.doesNotMatch(brief(new TunnelError("DAEMON_UNREACHABLE", message('stop it with "tunneld stop" and start this one'))), /tunneld/);
  });

  it("runs no command, breaks no line and changes no direction, whatever a name or a peer says", () => {
    const evil = "[x](command:evil) $(bug)\r\n\u202e\u001b[2J";
    const error = new TunnelError("NOT_SPIPED", message("the far side is {0}, not spiped: y", evil));
    const text = brief(error, { ...CACHE, name: evil, target: `${evil}:1` });
    assert.doesNotMatch(text, /\]\(|\$\(|\p{Cc}|\u202e/u);
  });

  for (const [language, t] of [
    ["English", english],
    ["Chinese", chinese],
  ] as const) {
    for (const code of ERROR_CODES) {
      it(`of ${code} in ${language} keeps to 140 characters, with the code last, however long names and reasons are`, () => {
        for (const text of worst(code, t)) {
          assert.ok(text.length <= MAX_NOTICE_LENGTH, `${text.length}: ${text}`);
          assert.match(text, new RegExp(`[(（]${code}[)）]$`));
          assert.doesNotMatch(text, /<|undefined/);
        }
      });
    }
  }

  it("says in Chinese nothing in English but names", () => {
    for (const code of ERROR_CODES) {
      const text = failureBrief({ code, message: "an English sentence of a daemon" }, { ...CACHE, service: "tcp" }, chinese);
      assert.doesNotMatch(text, /[a-z]+ [a-z]+ [a-z]+/, text);
    }
  });

  it("was up to five times as long before", () => {
    const before = ERROR_CODES.map(
      (code) => `${"n".repeat(64)}: ${CODES[code].cause} ${CODES[code].cureInWindow ?? CODES[code].cure} (${code}: ${"d".repeat(300)})`,
    );
    const now = ERROR_CODES.flatMap((code) => worst(code, english));
    assert.ok(Math.max(...before.map(({ length }) => length)) > 4 * Math.max(...now.map(({ length }) => length)));
  });
});

/** The longest texts of a code that can be made. */
function worst(code: TunnelError["code"], t: Translate): string[] {
  const failures: Failure[] = [
    { code, message: "" },
    { code, message: `probably ${"d".repeat(4_000)}` },
    {
      code,
      message: "",
      reason: message("the far side is {0}, not spiped: the target must be the port of the encrypted end, not of a service", "w".repeat(500)),
    },
    { code, message: "", reason: message("{0} is in use by another program, {1}: stop that one or choose another port", "a".repeat(500), "o".repeat(500)) },
    { code, message: "", reason: message("{0}:{1}:{2}: {3}", `/${"p".repeat(300)}`, 1, 1, "q".repeat(500)) },
  ];
  const tunnels = [LONGEST, { ...LONGEST, role: "server" } as const, { name: LONGEST.name }];
  return failures.flatMap((failure) => tunnels.map((tunnel) => failureBrief(failure, tunnel, t)));
}

describe("the notification of many failures", () => {
  const failed = (count: number, code = (_: number): string => "CONNECT_REFUSED") =>
    Array.from({ length: count }, (_, index) => ({ name: `tunnel-${index}`, code: code(index) }));

  it("counts and names them, each code once and last", () => {
    assert.equal(
      failuresBrief(
        failed(2, (index) => ["CONNECT_REFUSED", "KEY_NOT_FOUND"][index] ?? ""),
        7,
        english,
      ),
      "2 of 7 tunnels don't work: tunnel-0, tunnel-1 (CONNECT_REFUSED, KEY_NOT_FOUND)",
    );
    assert.equal(
      failuresBrief(failed(9), 9, english),
      "9 of 9 tunnels don't work: tunnel-0, tunnel-1, tunnel-2, tunnel-3, tunnel-4, tunnel-5 and 3 more (CONNECT_REFUSED)",
    );
  });

  it("keeps to 140 characters with 300 tunnels of long names and every code", () => {
    const long = failed(300, (index) => ERROR_CODES[index % ERROR_CODES.length] ?? "").map(({ code }) => ({ name: "n".repeat(64), code }));
    for (const t of [english, chinese]) {
      const text = failuresBrief(long, 300, t);
      assert.ok(text.length <= MAX_NOTICE_LENGTH, text);
      assert.match(text, /300/);
    }
  });
});
