/** Opening tunnels: the order of questions and requests, and what is shown of failures. */
import assert from "node:assert/strict";
import type { TunnelItem } from "../../../../extension/model/tunnel-item.ts";
import { type ErrorCode, TunnelError } from "../../../../shared/errors.ts";
import { approved, asksFor, FakeWindow, NOW_MS, REF } from "../../../support/fake-window.ts";
import { until } from "../../../support/process/until.ts";
import { approvedFacts, tunnelStatus } from "../../../support/status.ts";
import { CONFIG_PATH, entryText, fileText } from "../../../support/tunnels-json.ts";

const failure = (code: ErrorCode, atMs = NOW_MS): { code: ErrorCode; message: string; atMs: number; count: number } => ({
  code,
  message: "why",
  atMs,
  count: 1,
});

describe("opening a tunnel at the user's request", () => {
  let window: FakeWindow;

  beforeEach(() => {
    window = new FakeWindow();
  });

  afterEach(() => window.dispose());

  describe("opening", () => {
    it("states the want, then opens with a probe", async () => {
      assert.equal((await window.actions.open(window.item())).at, "open");
      assert.deepEqual(window.requests, ["tunnels/set", "tunnel/open"]);
      assert.deepEqual(window.daemon.paramsOf("tunnel/open"), [{ ...REF, scope: CONFIG_PATH, probe: true }]);
      assert.equal(window.item().wanted, true);
    });

    it("shows an entry as approved when it was approved elsewhere", async () => {
      window.daemon.answer("approvals/list", ({ names }) => (names ? approved(...names) : approved("cache")));
      await window.link.attach();
      await window.actions.open(window.item());
      assert.equal(window.item().approval.at, "approved");
    });

    it("asks nothing of a daemon in a workspace that is not trusted", async () => {
      window.ui.isTrusted = false;
      assert.deepEqual(await window.actions.open(window.item()), { at: "cancelled" });
      assert.equal(window.daemon.clients.length, 0);
    });

    it("asks for approval before anything opens, and grants exactly what was shown", async () => {
      window.daemon.answer("approvals/list", () => asksFor(approvedFacts({ digest: "d1" })));
      await window.actions.open(window.item());
      assert.deepEqual(window.ui.log, ["trust", "approve cache", "Opening the tunnel cache"]);
      assert.deepEqual(window.daemon.paramsOf("approvals/grant"), [{ ...REF, digest: "d1" }]);
    });

    it("opens nothing that was not approved, and does not count it as a failure", async () => {
      window.daemon.answer("approvals/list", () => asksFor(approvedFacts()));
      window.ui.answers.approve = false;
      assert.deepEqual(await window.actions.open(window.item()), { at: "cancelled" });
      assert.deepEqual(window.requests, []);
      assert.deepEqual(window.ui.failures, []);
    });

    it("shows that the entry has changed while the user was asked, and opens nothing", async () => {
      window.daemon.answer("approvals/list", () => asksFor(approvedFacts()));
      window.daemon.refuse("approvals/grant", new TunnelError("NOT_APPROVED", "changed meanwhile"));
      assert.equal((await window.actions.open(window.item())).at, "failed");
      assert.deepEqual(window.ui.failures, [{ ref: REF, code: "NOT_APPROVED" }]);
      assert.equal(window.item().wanted, false);
    });

    it("asks for confirmation if the entry wants it", async () => {
      window.ui.answers.open = false;
      assert.deepEqual(await window.actions.open(window.item("prod")), { at: "cancelled" });
      assert.deepEqual(window.ui.log, ["trust", "confirm prod"]);
    });

    it("does not ask for confirmation right after an approval", async () => {
      window.daemon.answer("approvals/list", () => asksFor(approvedFacts({ name: "prod" })));
      await window.actions.open(window.item("prod"));
      assert.deepEqual(window.ui.log, ["trust", "approve prod", "Opening the tunnel prod"]);
    });

    it("shows why an entry can't be opened, such as a missing key", async () => {
      window.daemon.answer("approvals/list", () => ({ ...approved(), unplannable: [{ name: "cache", code: "KEY_NOT_FOUND", message: "no key" }] }));
      await window.actions.open(window.item());
      assert.deepEqual(window.ui.failures, [{ ref: REF, code: "KEY_NOT_FOUND" }]);
      assert.deepEqual(window.requests, []);
    });

    it("shows the mistake of an entry without asking the daemon", async () => {
      window.dispose();
      window = new FakeWindow(fileText({ cache: entryText({ lissten: 1 }) }));
      await window.actions.open(window.item());
      assert.deepEqual(window.ui.failures, [{ ref: REF, code: "CONFIG_INVALID" }]);
      assert.equal(window.daemon.clients.length, 0);
    });

    it("does not treat an entry that the daemon no longer finds as approved", async () => {
      window.daemon.answer("approvals/list", () => approved());
      await window.actions.open(window.item());
      assert.deepEqual(window.ui.failures, [{ ref: REF, code: "CONFIG_INVALID" }]);
      assert.deepEqual(window.requests, []);
    });

    it("shows the probe's failure once, and keeps the tunnel wanted", async () => {
      window.daemon.answer("tunnel/open", () => tunnelStatus({ state: "degraded", lastFailure: failure("KEY_MISMATCH") }));
      assert.equal((await window.actions.open(window.item())).at, "failed");
      assert.deepEqual(window.ui.failures, [{ ref: REF, code: "KEY_MISMATCH" }]);
      assert.equal(window.item().wanted, true);
    });

    it("is a failure when the tunnel is still degraded, though the probe has added nothing", async () => {
      window.daemon.answer("tunnel/open", () => tunnelStatus({ state: "degraded", lastFailure: failure("KEY_MISMATCH", NOW_MS - 1) }));
      assert.equal((await window.actions.open(window.item())).at, "failed");
    });

    it("does not count an earlier failure", async () => {
      window.daemon.answer("tunnel/open", () => tunnelStatus({ state: "verified", lastFailure: failure("CONNECT_REFUSED", NOW_MS - 1) }));
      assert.equal((await window.actions.open(window.item())).at, "open");
    });

    it("treats a tunnel without evidence as open", async () => {
      window.daemon.answer("tunnel/open", () => tunnelStatus({ state: "listening" }));
      assert.equal((await window.actions.open(window.item())).at, "open");
    });

    it("is no failure when somebody else has closed the tunnel meanwhile", async () => {
      window.daemon.answer("tunnel/open", () => tunnelStatus({ state: "closed", closedByUser: true }));
      assert.deepEqual(await window.actions.open(window.item()), { at: "cancelled" });
      assert.deepEqual(window.ui.failures, []);
    });

    it("shows the tunnel as busy meanwhile and not afterwards", async () => {
      const seen: (boolean | undefined)[] = [];
      window.daemon.answer("tunnel/open", () => {
        seen.push(window.store.find(REF)?.busy);
        return tunnelStatus({ state: "verified" });
      });
      await window.actions.open(window.item());
      assert.deepEqual([...seen, window.item().busy], [true, false]);
    });

    it("shows that there is no daemon", async () => {
      window.daemon.connecting = () => Promise.reject(new TunnelError("DAEMON_UNREACHABLE", "none"));
      await window.actions.open(window.item());
      assert.deepEqual(window.ui.failures, [{ ref: REF, code: "DAEMON_UNREACHABLE" }]);
    });

    it("throws an error that is not a failure that a user can meet", async () => {
      window.daemon.answer("tunnel/open", () => {
        throw new RangeError("a fault of ours");
      });
      await assert.rejects(window.actions.open(window.item()), RangeError);
      assert.deepEqual(window.ui.failures, []);
    });
  });

  describe("cancelling", () => {
    /** Opens, and cancels while the daemon is still opening. */
    async function cancelled(): Promise<string> {
      window.daemon.answer("tunnel/open", () => new Promise(() => {}));
      const opening = window.actions.open(window.item());
      await until(() => window.daemon.names.includes("tunnel/open"), { what: "the daemon was at it" });
      window.ui.cancelling.abort();
      return (await opening).at;
    }

    it("closes the tunnel again and no longer wants it", async () => {
      assert.equal(await cancelled(), "cancelled");
      await until(() => window.requests.length === 4, { what: "the tunnel was given up" });
      assert.deepEqual(window.requests, ["tunnels/set", "tunnel/open", "tunnel/close", "tunnels/set"]);
      assert.equal(window.item().wanted, false);
      assert.equal(window.item().busy, false);
    });

    it("leaves a tunnel open that was open before", async () => {
      await window.store.setWanted([REF], true);
      assert.equal(await cancelled(), "cancelled");
      assert.equal(window.item().wanted, true);
      assert.ok(!window.requests.includes("tunnel/close"));
    });

    it("does not open a tunnel that was cancelled before the daemon was there", async () => {
      window.daemon.answer("tunnels/set", () => {
        window.ui.cancelling.abort();
        return { tunnels: [], problems: [] };
      });
      assert.equal((await window.actions.open(window.item())).at, "cancelled");
      assert.ok(!window.requests.includes("tunnel/open"));
    });

    it("does not wait for a daemon that does not answer", async () => {
      window.daemon.answer("tunnel/close", () => new Promise(() => {}));
      assert.equal(await cancelled(), "cancelled");
      assert.equal(window.item().busy, false);
    });

    it("shows nothing when the daemon has died meanwhile", async () => {
      window.daemon.refuse("tunnel/close", new TunnelError("DAEMON_UNREACHABLE", "gone"));
      assert.equal(await cancelled(), "cancelled");
      assert.deepEqual(window.ui.failures, []);
    });
  });

  describe("opening several", () => {
    const both = (): TunnelItem[] => [window.item("cache"), window.item("orders")];

    it("asks all questions before it opens anything", async () => {
      window.daemon.answer("approvals/list", ({ names = [] }) => asksFor(approvedFacts({ name: names[0] ?? "" })));
      window.daemon.answer("tunnel/open", ({ name }) => {
        window.ui.log.push(`open ${name}`);
        return tunnelStatus({ name, state: "verified" });
      });
      await window.actions.openAll(both());
      assert.deepEqual(window.ui.log, ["trust", "approve cache orders", "Opening 2 tunnels", "open cache", "open orders"]);
    });

    it("grants each digest that was ticked and nothing else, and opens those", async () => {
      window.daemon.answer("approvals/list", ({ names = ["cache"] }) => asksFor(approvedFacts({ name: names[0] ?? "", digest: `digest of ${names[0]}` })));
      window.ui.answers.ticked = ["orders"];
      const results = await window.actions.openAll(both());
      assert.deepEqual(
        results.map(({ at }) => at),
        ["cancelled", "open"],
      );
      assert.deepEqual(window.daemon.paramsOf("approvals/grant"), [{ ...REF, name: "orders", digest: "digest of orders" }]);
      assert.deepEqual(
        window.daemon.paramsOf("tunnel/open").map(({ name }) => name),
        ["orders"],
      );
    });

    it("asks about a single one in the dialog that it would have alone", async () => {
      window.daemon.answer("approvals/list", ({ names = ["cache"] }) =>
        names[0] === "cache" ? asksFor(approvedFacts({ name: "cache" })) : approved("orders"),
      );
      await window.actions.openAll(both());
      assert.deepEqual(window.ui.log, ["trust", "approve cache", "Opening 2 tunnels"]);
      assert.deepEqual(window.ui.purposes, ["open"]);
    });

    it("shows which entry has changed while the user was asked, and opens the others", async () => {
      window.daemon.answer("approvals/list", ({ names = ["cache"] }) => asksFor(approvedFacts({ name: names[0] ?? "" })));
      window.daemon.answer("approvals/grant", ({ name }) => {
        if (name === "cache") throw new TunnelError("NOT_APPROVED", "changed meanwhile");
        return { granted: true };
      });
      const results = await window.actions.openAll(both());
      assert.deepEqual(
        results.map(({ at }) => at),
        ["failed", "open"],
      );
      assert.deepEqual(window.ui.failures, [{ ref: REF, code: "NOT_APPROVED" }]);
    });

    it("opens the others when one is refused", async () => {
      window.daemon.answer("approvals/list", ({ names }) =>
        names?.[0] === "cache" ? { ...approved(), unplannable: [{ name: "cache", code: "KEY_NOT_FOUND", message: "no key" }] } : approved("orders"),
      );
      const results = await window.actions.openAll(both());
      assert.deepEqual(
        results.map(({ at }) => at),
        ["failed", "open"],
      );
    });

    it("shows in one notification what failed, before and while it opens, and opens just those again", async () => {
      window.daemon.answer("approvals/list", ({ names }) =>
        names?.[0] === "cache" ? { ...approved(), unplannable: [{ name: "cache", code: "KEY_NOT_FOUND", message: "no key" }] } : approved(...(names ?? [])),
      );
      window.daemon.answer("tunnel/open", ({ name }) =>
        name === "orders" ? tunnelStatus({ name, state: "degraded", lastFailure: failure("CONNECT_REFUSED") }) : tunnelStatus({ name, state: "verified" }),
      );
      await window.actions.openAll([...both(), window.item("prod")]);
      assert.deepEqual(window.ui.failures, []);
      assert.deepEqual(window.ui.together, [{ names: ["cache (KEY_NOT_FOUND)", "orders (CONNECT_REFUSED)"], total: 3 }]);
      window.ui.log.length = 0;
      await window.ui.again?.();
      assert.equal(window.ui.together.length, 2);
      assert.equal(window.ui.together[1]?.total, 2);
    });

    it("shows one failure as that of a tunnel opened alone", async () => {
      window.daemon.answer("tunnel/open", ({ name }) =>
        name === "cache" ? tunnelStatus({ name, state: "degraded", lastFailure: failure("CONNECT_REFUSED") }) : tunnelStatus({ name, state: "verified" }),
      );
      await window.actions.openAll(both());
      assert.deepEqual([window.ui.failures, window.ui.together], [[{ ref: REF, code: "CONNECT_REFUSED" }], []]);
    });

    it("shows once that there is no daemon, and gives up", async () => {
      window.daemon.connecting = () => Promise.reject(new TunnelError("DAEMON_UNREACHABLE", "none"));
      const results = await window.actions.openAll(both());
      assert.deepEqual(
        results.map(({ at }) => at),
        ["failed", "failed"],
      );
      assert.equal(window.ui.failures.length, 1);
      assert.equal(window.daemon.clients.length, 1);
    });

    it("shows no progress when there is nothing left to open", async () => {
      window.daemon.answer("approvals/list", ({ names = [] }) => asksFor(approvedFacts({ name: names[0] ?? "" })));
      window.ui.answers.approve = false;
      await window.actions.openAll(both());
      assert.deepEqual(window.ui.log, ["trust", "approve cache orders"]);
    });
  });
});
