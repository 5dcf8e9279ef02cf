/** Closing, restarting and approving tunnels, and what opens by itself. */
import assert from "node:assert/strict";
import type { TunnelUser } from "../../../../shared/contract/state.ts";
import { TunnelError } from "../../../../shared/errors.ts";
import { asksFor, FakeWindow, REF } from "../../../support/fake-window.ts";
import { until } from "../../../support/process/until.ts";
import { approvedFacts, tunnelStatus } from "../../../support/status.ts";

const OTHER_USER: TunnelUser = { kind: "vscode", name: "other", pid: 2 };

describe("what else can be done with a tunnel", () => {
  let window: FakeWindow;

  beforeEach(() => {
    window = new FakeWindow();
  });

  afterEach(() => window.dispose());

  describe("closing", () => {
    it("gives the tunnel up for this window", async () => {
      await window.store.setWanted([REF], true);
      assert.equal(await window.actions.close(window.item()), true);
      assert.equal(window.item().wanted, false);
    });

    it("asks before it closes for others", async () => {
      window.daemon.answer("tunnel/close", ({ force = false }) => ({ closed: force, othersUsing: [OTHER_USER] }));
      assert.equal(await window.actions.close(window.item()), true);
      assert.deepEqual(window.ui.log, ["close cache of 1"]);
      assert.equal(window.daemon.paramsOf("tunnel/close").at(-1)?.force, true);
    });

    it("leaves the tunnel open for others when the user says so", async () => {
      window.daemon.answer("tunnel/close", () => ({ closed: false, othersUsing: [OTHER_USER] }));
      window.ui.answers.close = false;
      await window.store.setWanted([REF], true);
      assert.equal(await window.actions.close(window.item()), false);
      assert.equal(window.daemon.paramsOf("tunnel/close").length, 1);
      assert.equal(window.item().wanted, false);
    });

    it("counts a tunnel that the daemon has forgotten as closed", async () => {
      window.daemon.refuse("tunnel/close", new TunnelError("CONFIG_INVALID", "not known"));
      assert.equal(await window.actions.close(window.item()), true);
      assert.deepEqual(window.ui.failures, []);
    });

    it("no longer wants the tunnel even if the daemon can't be told, and shows the failure", async () => {
      await window.store.setWanted([REF], true);
      window.daemon.refuse("tunnel/close", new TunnelError("DAEMON_UNREACHABLE", "gone"));
      assert.equal(await window.actions.close(window.item()), false);
      assert.equal(window.item().wanted, false);
      assert.deepEqual(window.ui.failures, [{ ref: REF, code: "DAEMON_UNREACHABLE" }]);
    });
  });

  it("repeats the action that failed, with the tunnel as it is then", async () => {
    window.daemon.refuse("tunnel/close", new TunnelError("DAEMON_UNREACHABLE", "gone"));
    await window.actions.close(window.item());
    window.daemon.answer("tunnel/close", () => ({ closed: true, othersUsing: [] }));
    assert.equal(await window.ui.again?.(), true);
    assert.deepEqual(window.daemon.paramsOf("tunnel/open"), []);
  });

  describe("restarting", () => {
    async function open(): Promise<void> {
      await window.link.attach();
      window.daemon.client.notify("tunnel/changed", tunnelStatus({ state: "verified" }));
      await until(() => window.item().status !== undefined, { what: "the tunnel was open" });
      window.daemon.answer("tunnel/restart", () => tunnelStatus());
    }

    it("cuts the connections and verifies the tunnel", async () => {
      await open();
      assert.equal((await window.actions.restart(window.item())).at, "open");
      assert.deepEqual(window.requests, ["tunnel/restart", "tunnels/set", "tunnel/open"]);
    });

    it("opens a closed tunnel", async () => {
      await window.actions.restart(window.item());
      assert.deepEqual(window.requests, ["tunnels/set", "tunnel/open"]);
    });

    it("cuts nothing when the changed entry is not approved", async () => {
      await open();
      window.daemon.answer("approvals/list", () => asksFor(approvedFacts({ approvedBefore: true })));
      window.ui.answers.approve = false;
      assert.deepEqual(await window.actions.restart(window.item()), { at: "cancelled" });
      assert.deepEqual(window.requests, []);
    });
  });

  describe("opening by themselves", () => {
    it("makes no probe, asks nothing and returns what waits for approval", async () => {
      window.daemon.answer("approvals/list", () => ({ ...asksFor(approvedFacts()), approved: [{ name: "orders", digest: "1" }] }));
      assert.deepEqual(await window.actions.openAutomatic([window.item("cache"), window.item("orders")]), [REF]);
      assert.deepEqual(window.requests, ["tunnels/set"]);
      assert.deepEqual(window.ui.log, []);
    });

    it("starts no daemon for nothing", async () => {
      assert.deepEqual(await window.actions.openAutomatic([]), []);
      assert.equal(window.daemon.clients.length, 0);
    });

    it("shows once that there is no daemon, and does not throw", async () => {
      window.daemon.connecting = () => Promise.reject(new TunnelError("DAEMON_UNREACHABLE", "none"));
      assert.deepEqual(await window.actions.openAutomatic([window.item("cache"), window.item("orders")]), []);
      assert.deepEqual(window.ui.failures, [{ ref: undefined, code: "DAEMON_UNREACHABLE" }]);
    });
  });

  describe("approving", () => {
    it("asks, and grants exactly what was shown", async () => {
      window.daemon.answer("approvals/list", () => asksFor(approvedFacts({ digest: "d2" })));
      assert.equal(await window.actions.approve(window.item()), true);
      assert.deepEqual(window.daemon.paramsOf("approvals/grant"), [{ ...REF, digest: "d2" }]);
    });

    it("opens what was reviewed when the user says so, and only then", async () => {
      window.daemon.answer("approvals/list", () => asksFor(approvedFacts()));
      await window.actions.approve(window.item(), "review");
      assert.deepEqual(window.requests, ["approvals/grant"]);
      window.ui.answers.approve = "open";
      assert.equal(await window.actions.approve(window.item(), "review"), true);
      assert.deepEqual(window.requests, ["approvals/grant", "approvals/grant", "tunnels/set", "tunnel/open"]);
      assert.deepEqual(window.ui.purposes, ["review", "review"]);
    });

    it("asks nothing about an entry that is approved as it stands", async () => {
      assert.equal(await window.actions.approve(window.item()), true);
      assert.deepEqual(window.ui.log, ["trust"]);
    });

    it("approves nothing in a workspace that is not trusted", async () => {
      window.ui.isTrusted = false;
      assert.equal(await window.actions.approve(window.item()), false);
      assert.equal(window.daemon.clients.length, 0);
    });
  });
});
