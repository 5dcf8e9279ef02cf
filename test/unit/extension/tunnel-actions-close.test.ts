/** Closing, restarting and approving tunnels, and what opens by itself. */
import assert from "node:assert/strict";
import type { ApprovalFacts, Result } from "../../../daemon/contract/methods.ts";
import type { TunnelUser } from "../../../daemon/contract/state.ts";
import { TunnelError } from "../../../daemon/errors.ts";
import type { TunnelItem } from "../../../extension/model/tunnel-item.ts";
import type { TunnelActions } from "../../../extension/tunnels/tunnel-actions.ts";
import type { TunnelStore } from "../../../extension/tunnels/tunnel-store.ts";
import type { FakeDaemon } from "../../support/fake-client.ts";
import { type FakeUi, FakeWindow, REF } from "../../support/fake-window.ts";
import { until } from "../../support/process/until.ts";
import { approvedFacts, tunnelStatus } from "../../support/status.ts";

const asksFor = (facts: ApprovalFacts): Result<"approvals/list"> => ({ pending: [facts], approved: [], problems: [] });
const OTHER_USER: TunnelUser = { kind: "vscode", name: "other", pid: 2 };

describe("what else can be done with a tunnel", () => {
  let window: FakeWindow;
  let daemon: FakeDaemon;
  let ui: FakeUi;
  let actions: TunnelActions;
  let store: TunnelStore;
  let item: (name?: string) => TunnelItem;

  function use(fresh: FakeWindow): void {
    window = fresh;
    ({ daemon, ui, actions, store } = window);
    item = (name) => window.item(name);
  }

  beforeEach(() => use(new FakeWindow()));

  afterEach(() => window.dispose());

  describe("closing", () => {
    it("gives the tunnel up for this window", async () => {
      await store.setWanted([REF], true);
      assert.equal(await actions.close(item()), true);
      assert.equal(item().wanted, false);
    });

    it("asks before it closes for others", async () => {
      daemon.answer("tunnel/close", ({ force = false }) => ({ closed: force, othersUsing: [OTHER_USER] }));
      assert.equal(await actions.close(item()), true);
      assert.deepEqual(ui.log, ["close cache of 1"]);
      assert.equal(daemon.paramsOf("tunnel/close").at(-1)?.force, true);
    });

    it("leaves the tunnel to others when the user says so", async () => {
      daemon.answer("tunnel/close", () => ({ closed: false, othersUsing: [OTHER_USER] }));
      ui.answers.close = false;
      await store.setWanted([REF], true);
      assert.equal(await actions.close(item()), false);
      assert.equal(daemon.paramsOf("tunnel/close").length, 1);
      assert.equal(item().wanted, false);
    });

    it("takes a tunnel that the daemon has forgotten for closed", async () => {
      daemon.refuse("tunnel/close", new TunnelError("CONFIG_INVALID", "not known"));
      assert.equal(await actions.close(item()), true);
      assert.deepEqual(ui.failures, []);
    });

    it("no longer wants it even if the daemon can't be told, and shows that", async () => {
      await store.setWanted([REF], true);
      daemon.refuse("tunnel/close", new TunnelError("DAEMON_UNREACHABLE", "gone"));
      assert.equal(await actions.close(item()), false);
      assert.equal(item().wanted, false);
      assert.deepEqual(ui.failures, [{ ref: REF, code: "DAEMON_UNREACHABLE" }]);
    });
  });

  describe("restarting", () => {
    async function open(): Promise<void> {
      await window.link.attach();
      daemon.client.notify("tunnel/changed", tunnelStatus({ state: "verified" }));
      await until(() => item().status !== undefined, { what: "the tunnel was open" });
      daemon.answer("tunnel/restart", () => tunnelStatus());
    }

    it("cuts the connections and verifies the tunnel", async () => {
      await open();
      assert.equal((await actions.restart(item())).at, "open");
      assert.deepEqual(window.requests, ["tunnel/restart", "tunnels/set", "tunnel/open"]);
    });

    it("opens a tunnel that is closed", async () => {
      await actions.restart(item());
      assert.deepEqual(window.requests, ["tunnels/set", "tunnel/open"]);
    });

    it("cuts nothing when the changed entry is not approved", async () => {
      await open();
      daemon.answer("approvals/list", () => asksFor(approvedFacts({ approvedBefore: true })));
      ui.answers.approve = false;
      assert.deepEqual(await actions.restart(item()), { at: "cancelled" });
      assert.deepEqual(window.requests, []);
    });
  });

  describe("opening by themselves", () => {
    it("makes no probe, asks nothing and tells what waits for approval", async () => {
      daemon.answer("approvals/list", () => ({ ...asksFor(approvedFacts()), approved: [{ name: "orders", digest: "1" }] }));
      assert.deepEqual(await actions.openAutomatic([item("cache"), item("orders")]), [REF]);
      assert.deepEqual(window.requests, ["tunnels/set"]);
      assert.deepEqual(ui.log, []);
    });

    it("starts no daemon for nothing", async () => {
      assert.deepEqual(await actions.openAutomatic([]), []);
      assert.equal(daemon.clients.length, 0);
    });

    it("shows once that there is no daemon, and does not throw", async () => {
      daemon.connecting = () => Promise.reject(new TunnelError("DAEMON_UNREACHABLE", "none"));
      assert.deepEqual(await actions.openAutomatic([item("cache"), item("orders")]), []);
      assert.deepEqual(ui.failures, [{ ref: undefined, code: "DAEMON_UNREACHABLE" }]);
    });
  });

  describe("approving", () => {
    it("asks, and grants what was shown", async () => {
      daemon.answer("approvals/list", () => asksFor(approvedFacts({ digest: "d2" })));
      assert.equal(await actions.approve(item()), true);
      assert.deepEqual(daemon.paramsOf("approvals/grant"), [{ ...REF, digest: "d2" }]);
    });

    it("asks nothing about what is approved as it stands", async () => {
      assert.equal(await actions.approve(item()), true);
      assert.deepEqual(ui.log, ["trust"]);
    });

    it("approves nothing in a workspace that is not trusted", async () => {
      ui.isTrusted = false;
      assert.equal(await actions.approve(item()), false);
      assert.equal(daemon.clients.length, 0);
    });
  });
});
