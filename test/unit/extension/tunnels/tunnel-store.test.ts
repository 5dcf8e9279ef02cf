/** The tunnels of a window: files, daemon, approvals and wants combined. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { Emitter } from "../../../../extension/emitter.ts";
import type { DaemonLink } from "../../../../extension/tunnels/daemon-link.ts";
import { TunnelStore } from "../../../../extension/tunnels/tunnel-store.ts";
import type { ParsedConfig } from "../../../../shared/contract/config-text.ts";
import type { ApprovalFacts, Result } from "../../../../shared/contract/methods.ts";
import type { TunnelRef } from "../../../../shared/contract/tunnel-ref.ts";
import { TunnelError } from "../../../../shared/errors.ts";
import { DAEMON, FakeDaemon } from "../../../support/fake-client.ts";
import { until } from "../../../support/process/until.ts";
import { approvedFacts, tunnelStatus } from "../../../support/status.ts";
import { PERSONAL, tunnelItem } from "../../../support/tunnel-item.ts";
import { CONFIG_PATH, entryText, fileText, parse } from "../../../support/tunnels-json.ts";
import { rejectionOf } from "../../../support/wire/codes.ts";

type Approvals = Result<"approvals/list">;

const WORKSPACE = tunnelItem().source;
const REF: TunnelRef = { configPath: CONFIG_PATH, name: "cache" };
const MINE: TunnelRef = { configPath: PERSONAL.configPath, name: "mine" };
const approvals = (more: Partial<Approvals> = {}): Approvals => ({ pending: [], approved: [], problems: [], ...more });
const pending = (more: Partial<ApprovalFacts> = {}): Approvals => approvals({ pending: [approvedFacts(more)] });

class Files {
  configs: { source: typeof WORKSPACE; config: ParsedConfig | undefined }[];
  readonly #changed = new Emitter<void>();
  readonly onDidChange = this.#changed.event;

  constructor(text: string) {
    this.configs = [
      { source: WORKSPACE, config: parse(text) },
      { source: PERSONAL, config: undefined },
    ];
  }

  write(text: string | undefined, index = 0): void {
    this.configs = this.configs.map((one, at) => (at === index ? { ...one, config: text === undefined ? undefined : parse(text) } : one));
    this.#changed.fire();
  }
}

describe("the tunnels of a window", () => {
  let daemon: FakeDaemon;
  let link: DaemonLink;
  let files: Files;
  let store: TunnelStore;
  let saved: readonly TunnelRef[];

  beforeEach(() => {
    daemon = new FakeDaemon();
    link = daemon.link();
    files = new Files(fileText({ cache: entryText(), orders: entryText({ listen: 3307 }) }));
    saved = [];
    store = new TunnelStore({ configs: files, link, memory: { load: () => saved, save: (refs) => (saved = refs) } });
  });

  afterEach(() => {
    store.dispose();
    link.dispose();
  });

  const names = (): string[] => store.items.map(({ name }) => name);
  const changes = (): { count: number } => {
    const seen = { count: 0 };
    store.onDidChange(() => (seen.count += 1));
    return seen;
  };

  it("are those of the files, in their order, without a daemon", () => {
    assert.deepEqual(names(), ["cache", "orders"]);
    assert.deepEqual(
      store.items.map(({ status, approval, wanted, busy }) => ({ status, approval: approval.at, wanted, busy })),
      [
        { status: undefined, approval: "unknown", wanted: false, busy: false },
        { status: undefined, approval: "unknown", wanted: false, busy: false },
      ],
    );
  });

  it("have the state that the daemon reports", async () => {
    await link.attach();
    daemon.client.notify("tunnel/changed", tunnelStatus({ state: "verified" }));
    await until(() => store.find(REF)?.status?.state === "verified", { what: "the state came" });
  });

  it("include a tunnel with a fault, and its place", () => {
    files.write(fileText({ cache: entryText({ lissten: 1 }) }));
    return until(() => store.find(REF)?.fault !== undefined, { what: "the fault came" }).then(() => {
      assert.equal(store.find(REF)?.entry, undefined);
      assert.ok(store.find(REF)?.place);
    });
  });

  for (const state of ["verified", "draining"] as const) {
    it(`include a tunnel that is gone from its file while it is ${state}`, async () => {
      await link.attach();
      files.write(fileText({ orders: entryText() }));
      daemon.client.notify("tunnel/changed", tunnelStatus({ state }));
      await until(() => names().join() === "orders,cache", { what: "the one that is gone was shown" });
    });
  }

  it("leave out a tunnel that is gone from its file and closed", async () => {
    await link.attach();
    files.write(fileText({ orders: entryText() }));
    daemon.client.notify("tunnel/changed", tunnelStatus({ state: "closed" }));
    await until(() => names().join() === "orders", { what: "only the other was left" });
  });

  it("leave out those of other windows' files", async () => {
    await link.attach();
    daemon.client.notify("tunnel/changed", tunnelStatus({ configPath: "/elsewhere/tunnels.json", name: "theirs", state: "verified" }));
    daemon.client.notify("tunnel/changed", tunnelStatus({ state: "verified" }));
    await until(() => store.find(REF)?.status !== undefined, { what: "the change came" });
    assert.deepEqual(names(), ["cache", "orders"]);
  });

  it("are reported once for changes that come together", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      await link.attach();
      mock.timers.tick(60_000);
      const seen = changes();
      for (let index = 0; index < 50; index++) daemon.client.notify("tunnel/changed", tunnelStatus({ plainInBytes: index }));
      mock.timers.tick(60_000);
      assert.equal(store.find(REF)?.status?.plainInBytes, 49);
      assert.equal(seen.count, 1);
    } finally {
      mock.timers.reset();
    }
  });

  it("are stated once when several are wanted together, whoever wants them", async () => {
    await Promise.all(["cache", "orders"].map((name) => store.setWanted([{ ...REF, name }], true)));
    assert.deepEqual(daemon.paramsOf("tunnels/set"), [{ scope: CONFIG_PATH, configPath: CONFIG_PATH, names: ["cache", "orders"] }]);
  });

  it("are stated to the daemon by file when they are wanted, and saved", async () => {
    files.write(fileText({ mine: entryText() }), 1);
    await store.setWanted([REF, MINE], true);
    assert.deepEqual(daemon.paramsOf("tunnels/set"), [
      { scope: CONFIG_PATH, configPath: CONFIG_PATH, names: ["cache"] },
      { scope: PERSONAL.configPath, configPath: PERSONAL.configPath, names: ["mine"] },
    ]);
    assert.deepEqual(saved, [REF, MINE]);
  });

  it("are still stated for the other file when the daemon refuses one, and the refusal is reported", async () => {
    daemon.answer("tunnels/set", ({ configPath }) => {
      if (configPath === CONFIG_PATH) throw new TunnelError("CONFIG_INVALID", "gone");
      return { tunnels: [], problems: [] };
    });
    assert.equal((await rejectionOf(store.setWanted([REF, MINE], true))).code, "CONFIG_INVALID");
    assert.deepEqual(daemon.paramsOf("tunnels/set").at(-1)?.names, ["mine"]);
  });

  it("stay wanted when no daemon can be reached: the next daemon is told", async () => {
    daemon.connecting = () => Promise.reject(new TunnelError("DAEMON_UNREACHABLE", "none"));
    await rejectionOf(store.setWanted([REF], true));
    daemon.connecting = () => Promise.resolve();
    await link.request("tunnels/list", {});
    assert.deepEqual(daemon.paramsOf("tunnels/set"), [{ scope: CONFIG_PATH, configPath: CONFIG_PATH, names: ["cache"] }]);
  });

  it("are remembered if they still exist", () => {
    saved = [REF, { configPath: CONFIG_PATH, name: "gone" }];
    assert.deepEqual(store.remembered, [REF]);
  });

  it("are shown as busy while an action runs, whatever its result", async () => {
    let fail: ((error: Error) => void) | undefined;
    const work = store.whileBusy(REF, () => new Promise<void>((_, reject) => (fail = reject)));
    assert.equal(store.find(REF)?.busy, true);
    fail?.(new Error("no"));
    await assert.rejects(work);
    assert.equal(store.find(REF)?.busy, false);
  });

  it("stay busy until the last of two actions is done", async () => {
    const ends: (() => void)[] = [];
    const work = [1, 2].map(() => store.whileBusy(REF, () => new Promise<void>((resolve) => ends.push(resolve))));
    ends[0]?.();
    await work[0];
    assert.equal(store.find(REF)?.busy, true);
    ends[1]?.();
    await work[1];
    assert.equal(store.find(REF)?.busy, false);
  });

  it("have their approvals as soon as a refresh is over", async () => {
    daemon.answer("approvals/list", () => ({ ...pending(), approved: [{ name: "orders", digest: "1" }] }));
    await link.attach();
    await store.refreshApprovals();
    assert.deepEqual(
      store.items.map(({ approval }) => approval.at),
      ["pending", "approved"],
    );
  });

  it("ask for approvals by themselves once there is a daemon, and only for existing files", async () => {
    daemon.answer("approvals/list", () => pending());
    await link.attach();
    await until(() => store.find(REF)?.approval.at === "pending", { what: "the approvals came" });
    assert.deepEqual(daemon.paramsOf("approvals/list"), [{ configPath: CONFIG_PATH }]);
  });

  it("start no daemon to ask for approvals", async () => {
    await store.refreshApprovals();
    assert.equal(daemon.clients.length, 0);
  });

  it("ignore an answer about approvals that a newer answer has overtaken", async () => {
    await link.attach();
    await store.refreshApprovals();
    const answers: ((answer: Approvals) => void)[] = [];
    daemon.answer("approvals/list", () => new Promise((resolve) => answers.push(resolve)));
    const [old, recent] = [store.refreshApprovals(), store.refreshApprovals()];
    await until(() => answers.length === 2, { what: "both were asked" });
    answers[1]?.(approvals({ approved: [{ name: "cache", digest: "1" }] }));
    await recent;
    answers[0]?.(pending());
    await old;
    assert.equal(store.find(REF)?.approval.at, "approved");
  });

  it("have unknown approvals when the daemon refuses to answer", async () => {
    daemon.answer("approvals/list", () => pending());
    await link.attach();
    await store.refreshApprovals();
    daemon.refuse("approvals/list", new TunnelError("CONFIG_INVALID", "no"));
    await store.refreshApprovals();
    assert.equal(store.find(REF)?.approval.at, "unknown");
  });

  it("wait for approval when the daemon says that approval is needed", async () => {
    await link.attach();
    await store.refreshApprovals();
    daemon.client.notify("approval/needed", approvedFacts({ target: "other:1" }));
    await until(() => store.find(REF)?.approval.at === "pending", { what: "the approval was needed" });
  });

  it("ask for approvals again when a tunnel that waited for one listens: it was approved elsewhere", async () => {
    await link.attach();
    daemon.answer("approvals/list", () => pending());
    await store.refreshApprovals();
    assert.equal(store.find(REF)?.approval.at, "pending");
    daemon.answer("approvals/list", () => approvals({ approved: [{ name: "cache", digest: "1" }] }));
    daemon.client.notify("tunnel/changed", tunnelStatus({ state: "listening" }));
    await until(() => store.find(REF)?.approval.at === "approved", { what: "it was approved here too" });
  });

  it("are no longer wanted when the daemon was told to end everything", async () => {
    await store.setWanted([REF], true);
    daemon.client.lose(undefined, { ended: true });
    assert.deepEqual([store.wanted, saved, store.find(REF)?.wanted], [[], [], false]);
  });

  it("ask for approvals again when the file has changed", async () => {
    await link.attach();
    await store.refreshApprovals();
    daemon.answer("approvals/list", () => pending());
    files.write(fileText({ cache: entryText({ target: "other.example.com:1" }) }));
    await until(() => store.find(REF)?.approval.at === "pending", { what: "the approvals came" });
  });

  it("stop asking for approvals when the connection is closed in between: no daemon is started", async () => {
    files.write(fileText({ mine: entryText() }), 1);
    await link.attach();
    await store.refreshApprovals();
    daemon.answer("approvals/list", () => {
      link.disconnect();
      return approvals();
    });
    await store.refreshApprovals();
    assert.equal(daemon.clients.length, 1);
  });

  it("show no changes after the end", async () => {
    daemon.answer("tunnels/list", () => ({ daemon: DAEMON, tunnels: [tunnelStatus()] }));
    const seen = changes();
    store.dispose();
    await link.attach();
    assert.equal(seen.count, 0);
  });
});
