/** What mends a failure, and what a notification says of it. */
import assert from "node:assert/strict";
import { type FailureHelp, failureActionLabel, failureHelp, failureText } from "../../../../../extension/model/failures/failure-help.ts";
import { english } from "../../../../../extension/model/translate.ts";
import { CODES } from "../../../../../shared/contract/codes.ts";
import { ERROR_CODES } from "../../../../../shared/errors.ts";

const help = (code: string, message = "why", isOfTunnel = true): FailureHelp =>
  failureHelp({ code, message }, { t: english, isOfTunnel, canRepeat: isOfTunnel });

describe("the help with a failure", () => {
  for (const code of ERROR_CODES) {
    it(`of ${code} has a cause, a cure without a command of the shell's, and actions`, () => {
      const { cause, cure, actions } = help(code);
      assert.equal(cause, CODES[code].cause);
      assert.ok(cure.length > 10);
      assert.doesNotMatch(cure, /`tunneld|sha256sum/);
      assert.ok(actions.length >= 1 && actions.length <= 3);
      assert.deepEqual([...new Set(actions)], actions);
    });

    it(`of ${code} has only actions that need no tunnel when it is not known which one it is about`, () => {
      const { actions } = help(code, "why", false);
      const needy = actions.filter((action) => ["approve", "choose-key", "edit", "pick-port", "diagnose", "retry", "server-command"].includes(action));
      assert.deepEqual(needy, []);
    });
  }

  for (const [code, action] of [
    ["NOT_APPROVED", "approve"],
    ["KEY_NOT_FOUND", "import-key"],
    ["KEY_WEAK", "choose-key"],
    ["KEY_MISMATCH", "fingerprint"],
    ["LISTEN_IN_USE", "pick-port"],
    ["CONFIG_INVALID", "edit"],
    ["CONNECT_REFUSED", "retry"],
    ["NOT_SPIPED", "server-command"],
    ["BACKEND_DOWN", "diagnose"],
    ["DAEMON_VERSION", "restart-daemon"],
    ["PLAIN_CLIENT", "log"],
  ] as const) {
    it(`of ${code} offers ${action} first`, () => {
      assert.equal(help(code).actions[0], action);
    });
  }

  it("offers to try again only where what failed can be done once more", () => {
    const offers = (canRepeat: boolean): boolean =>
      failureHelp({ code: "CONNECT_REFUSED", message: "" }, { t: english, isOfTunnel: true, canRepeat }).actions.includes("retry");
    assert.deepEqual([offers(true), offers(false)], [true, false]);
  });

  it("offers a restart of the daemon when it can't be reached", () => {
    assert.deepEqual(help("DAEMON_UNREACHABLE", "why", false).actions, ["restart-daemon", "log"]);
  });

  it("has something to say of a code that only a newer daemon knows", () => {
    const { code, cause, cure, actions } = help("FUTURE_THING");
    assert.deepEqual([code, cause, cure, actions], ["FUTURE_THING", "The tunnel does not work.", "Look at what the daemon says of it.", ["diagnose", "log"]]);
  });

  it("does not take a name of Object.prototype for a code", () => {
    assert.equal(help("constructor").cause, "The tunnel does not work.");
  });

  it("is a warning where nothing has broken", () => {
    assert.deepEqual(
      ERROR_CODES.filter((code) => help(code).severity === "warning"),
      ["NOT_APPROVED", "KEY_NOT_FOUND"],
    );
  });

  it("has the cause as it is at the end that reports it, which the docs say of both", () => {
    const at = (role: "client" | "server" | undefined): string =>
      failureHelp({ code: "KEY_MISMATCH", message: "" }, { t: english, isOfTunnel: true, role }).cause;
    assert.equal(at("client"), "The far end closed when it got the proof of the key: it probably holds another key.");
    assert.equal(at("server"), "The client that connected holds another key.");
    assert.equal(at(undefined), CODES.KEY_MISMATCH.cause);
  });

  it("is translated, cause and cure alike", () => {
    const { cause, cure } = failureHelp({ code: "CONNECT_REFUSED", message: "" }, { t: (text) => `<${text}>`, isOfTunnel: true });
    assert.deepEqual([cause, cure], [`<${CODES.CONNECT_REFUSED.cause}>`, `<${CODES.CONNECT_REFUSED.cure}>`]);
  });

  it("leaves out what the daemon says for a terminal", () => {
    assert.equal(
      help("NOT_APPROVED", '"cache" is not approved in its present form: approve it ("tunneld approve cache")').detail,
      '"cache" is not approved in its present form: approve it',
    );
    assert.equal(help("DAEMON_UNREACHABLE", 'no daemon is running: "tunneld up" starts one').detail, "no daemon is running");
  });

  it("has a label for each action", () => {
    const actions = new Set(ERROR_CODES.flatMap((code) => help(code).actions));
    const labels = [...actions].map((action) => failureActionLabel(action, english));
    assert.equal(new Set(labels).size, actions.size);
    assert.equal(actions.size, 12);
  });
});

describe("a failure's notification", () => {
  it("names the tunnel, the cause, the cure and the daemon's own words", () => {
    const { cause, cure } = CODES.CONNECT_REFUSED;
    assert.equal(failureText(help("CONNECT_REFUSED", "10.0.0.1:6479 refuses"), "cache"), `cache: ${cause} ${cure} (CONNECT_REFUSED: 10.0.0.1:6479 refuses)`);
  });

  it("does not repeat in the daemon's words what the cause says", () => {
    const words = "the far side closed the connection after the key was sent: probably it holds another key";
    const { cause, cure } = help("KEY_MISMATCH", words);
    assert.equal(failureText(help("KEY_MISMATCH", words), "cache"), `cache: ${cause} ${cure} (KEY_MISMATCH)`.replaceAll("`", ""));
  });

  it("has no marks of a code style, which a notification does not have", () => {
    assert.match(help("KEY_MISMATCH", "").cure, /`-f`/);
    assert.doesNotMatch(failureText(help("KEY_MISMATCH", ""), "cache"), /`/);
  });

  it("is about no tunnel when none is known, and quotes nothing when nothing was said", () => {
    assert.match(failureText(help("DAEMON_VERSION", ""), undefined), /^The daemon that runs .*\(DAEMON_VERSION\)$/);
  });

  it("runs no command and breaks no line, whatever a peer has said", () => {
    const text = failureText(help("NOT_SPIPED", "[click](command:evil) $(bug)\r\n\u202e\u001b[2J"), "[n](command:evil)");
    assert.doesNotMatch(text, /\]\(|\$\(|\p{Cc}|\u202e/u);
  });

  it("stays short when the daemon says much, however it is made", () => {
    const startMs = performance.now();
    for (const message of ["x".repeat(1_000_000), " ".repeat(1_000_000), '("tunneld '.repeat(100_000), ': "tunneld '.repeat(100_000)]) {
      assert.ok(help("BACKEND_DOWN", message).detail.length <= 300);
    }
    assert.ok(performance.now() - startMs < 2_000);
  });
});
