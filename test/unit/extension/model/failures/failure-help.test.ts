/** What fixes a failure, and what a notification says about it. */
import assert from "node:assert/strict";
import { speaksNoTls, speaksTls } from "../../../../../daemon/services/probe.ts";
import { failureBrief } from "../../../../../extension/model/failures/failure-brief.ts";
import { type FailureHelp, failureActionLabel, failureHelp } from "../../../../../extension/model/failures/failure-help.ts";
import { english } from "../../../../../extension/model/translate.ts";
import { CODES } from "../../../../../shared/contract/codes.ts";
import { ERROR_CODES } from "../../../../../shared/errors.ts";

const help = (code: string, message = "why", isOfTunnel = true): FailureHelp =>
  failureHelp({ code, message }, { t: english, isOfTunnel, canRepeat: isOfTunnel });

describe("the help with a failure", () => {
  for (const code of ERROR_CODES) {
    it(`has a cause, a cure without a shell command, and actions for ${code}`, () => {
      const { cause, cure, actions } = help(code);
      assert.equal(cause, CODES[code].cause);
      assert.ok(cure.length > 10);
      assert.doesNotMatch(cure, /`tunneld|sha256sum/);
      assert.ok(actions.length >= 1 && actions.length <= 3);
      assert.deepEqual([...new Set(actions)], actions);
    });

    it(`has only actions that need no tunnel when the tunnel of ${code} is not known`, () => {
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
    it(`offers ${action} first for ${code}`, () => {
      assert.equal(help(code).actions[0], action);
    });
  }

  for (const [failure, cause, cure] of [
    [speaksTls(), "The service speaks TLS.", 'Add "tls": true to its entry.'],
    [speaksNoTls("redis"), "The service speaks no TLS.", 'Remove "tls": true from its entry.'],
  ] as const) {
    it(`says the particular cause: ${cause}`, () => {
      const told = help(failure.code, failure.message);
      assert.deepEqual([told.cause, told.cure, told.actions[0]], [cause, cure, "edit"]);
      assert.equal(failureBrief(failure, { name: "cache" }, english), `cache: ${cause} ${cure} (BACKEND_DOWN)`);
    });
  }

  it("offers to try again only if the failed action can be repeated", () => {
    const offers = (canRepeat: boolean): boolean =>
      failureHelp({ code: "CONNECT_REFUSED", message: "" }, { t: english, isOfTunnel: true, canRepeat }).actions.includes("retry");
    assert.deepEqual([offers(true), offers(false)], [true, false]);
  });

  it("offers a restart of the daemon when it can't be reached", () => {
    assert.deepEqual(help("DAEMON_UNREACHABLE", "why", false).actions, ["restart-daemon", "log"]);
  });

  it("has a text for a code that only a newer daemon knows", () => {
    const { code, cause, cure, actions } = help("FUTURE_THING");
    assert.deepEqual([code, cause, cure, actions], ["FUTURE_THING", "The tunnel does not work.", "Look at what the daemon says of it.", ["diagnose", "log"]]);
  });

  it("does not take a name of Object.prototype for a code", () => {
    assert.equal(help("constructor").cause, "The tunnel does not work.");
  });

  it("has the cause as it is at the end that reports it, which the docs say of both", () => {
    const at = (role: "client" | "server" | undefined): string =>
      failureHelp({ code: "KEY_MISMATCH", message: "" }, { t: english, isOfTunnel: true, role }).cause;
    assert.equal(at("client"), "The far end closed when it got the proof of the key: it probably holds another key.");
    assert.equal(at("server"), "The client that connected holds another key.");
    assert.equal(at(undefined), CODES.KEY_MISMATCH.cause);
  });

  it("translates both cause and cure", () => {
    const { cause, cure } = failureHelp({ code: "CONNECT_REFUSED", message: "" }, { t: (text) => `<${text}>`, isOfTunnel: true });
    assert.deepEqual([cause, cure], [`<${CODES.CONNECT_REFUSED.cause}>`, `<${CODES.CONNECT_REFUSED.cure}>`]);
  });

  it("leaves out the daemon's terminal hints", () => {
    assert.equal(
      help("NOT_APPROVED", '"cache" is not approved in its present form: approve it ("tunneld approve cache")').detail,
      '"cache" is not approved in its present form: approve it',
    );
    assert.equal(help("DAEMON_UNREACHABLE", 'no daemon is running: "tunneld up" starts one').detail, "no daemon is running");
  });

  it("leaves out a hint that the daemon marks, whatever the hint says", () => {
    const failure = { code: "KEY_NOT_FOUND", message: 'there is no key "team", ask "tunneld keys"', hint: ', ask "tunneld keys"' };
    assert.equal(failureHelp(failure, { t: english, isOfTunnel: true }).detail, 'there is no key "team"');
  });

  it("has a label for each action", () => {
    const actions = new Set(ERROR_CODES.flatMap((code) => help(code).actions));
    const labels = [...actions].map((action) => failureActionLabel(action, english));
    assert.equal(new Set(labels).size, actions.size);
    assert.equal(actions.size, 12);
  });
});

describe("the daemon's own words", () => {
  it("stays short when the daemon says much, however it is made", () => {
    // A pattern that looks at each character again for each other one would take hours here.
    for (const message of ["x".repeat(1_000_000), " ".repeat(1_000_000), '("tunneld '.repeat(100_000), ': "tunneld '.repeat(100_000)]) {
      assert.ok(help("BACKEND_DOWN", message).detail.length <= 300);
    }
  });
});
