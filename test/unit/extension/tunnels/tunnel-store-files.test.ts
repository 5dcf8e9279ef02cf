/** The tunnels of a window when its workspace is untrusted, a folder leaves it, or a question about approvals overtakes an earlier one. */
import assert from "node:assert/strict";
import { Emitter } from "../../../../extension/emitter.ts";
import { freshItems } from "../../../../extension/integration/fresh-items.ts";
import type { TunnelSource } from "../../../../extension/model/tunnel-item.ts";
import type { DaemonLink } from "../../../../extension/tunnels/daemon-link.ts";
import { TunnelStore } from "../../../../extension/tunnels/tunnel-store.ts";
import type { ParsedConfig } from "../../../../shared/contract/config-text.ts";
import type { Result } from "../../../../shared/contract/methods.ts";
import type { TunnelRef } from "../../../../shared/contract/tunnel-ref.ts";
import { TunnelError } from "../../../../shared/errors.ts";
import { FakeDaemon } from "../../../support/fake-client.ts";
import { until } from "../../../support/process/until.ts";
import { PERSONAL, tunnelItem } from "../../../support/tunnel-item.ts";
import { CONFIG_PATH, entryText, fileText, parse } from "../../../support/tunnels-json.ts";

type Approvals = Result<"approvals/list">;
type Config = { readonly source: TunnelSource; readonly config: ParsedConfig | undefined };

const REF: TunnelRef = { configPath: CONFIG_PATH, name: "cache" };
const MINE: TunnelRef = { configPath: PERSONAL.configPath, name: "mine" };
const APPROVED: Approvals = { pending: [], approved: [{ name: "cache", digest: "1" }], problems: [] };

describe("the tunnels of a window with a workspace and files of the user's", () => {
  let daemon: FakeDaemon;
  let link: DaemonLink;
  let changed: Emitter<void>;
  let configs: readonly Config[];
  let isTrusted: boolean;
  let store: TunnelStore;

  beforeEach(() => {
    daemon = new FakeDaemon();
    link = daemon.link();
    changed = new Emitter();
    configs = [
      { source: tunnelItem().source, config: parse(fileText({ cache: entryText() })) },
      { source: PERSONAL, config: parse(fileText({ mine: entryText({ listen: 3307 }) })) },
    ];
    isTrusted = true;
    const files = {
      get configs() {
        return configs;
      },
      onDidChange: changed.event,
    };
    store = new TunnelStore({ configs: files, link, memory: { load: () => [], save: () => {} }, isTrusted: () => isTrusted });
  });

  afterEach(() => {
    store.dispose();
    link.dispose();
  });

  const askedFiles = (): string[] => daemon.paramsOf("approvals/list").map(({ configPath }) => configPath);

  it("does not have the daemon look at the workspace's entries before the workspace is trusted", async () => {
    isTrusted = false;
    await link.attach();
    await store.refreshApprovals();
    assert.deepEqual([...new Set(askedFiles())], [PERSONAL.configPath]);
  });

  it("has the daemon look at the workspace's entries once the workspace is trusted", async () => {
    isTrusted = false;
    await link.attach();
    isTrusted = true;
    await store.refreshApprovals();
    assert.ok(askedFiles().includes(CONFIG_PATH));
  });

  it("gives up the tunnels of a folder that has left the workspace, and no others", async () => {
    await store.setWanted([REF, MINE], true);
    configs = configs.slice(1);
    changed.fire();
    await until(() => daemon.paramsOf("tunnels/set").length === 3, { what: "the daemon was told" });
    assert.deepEqual(daemon.paramsOf("tunnels/set").at(-1), { scope: CONFIG_PATH, configPath: CONFIG_PATH, names: [] });
    assert.deepEqual(store.wanted, [MINE]);
  });

  it("forgets a folder that has left even if the daemon can't be told", async () => {
    await store.setWanted([REF], true);
    daemon.refuse("tunnels/set", new TunnelError("CONFIG_INVALID", "no"));
    configs = configs.slice(1);
    changed.fire();
    await until(() => daemon.paramsOf("tunnels/set").length === 2, { what: "the daemon was told" });
    assert.deepEqual(store.wanted, []);
  });

  it("knows the approvals when a question that was overtaken by another is over", async () => {
    await link.attach();
    await store.refreshApprovals();
    const answers: ((answer: Approvals) => void)[] = [];
    daemon.answer("approvals/list", () => new Promise((resolve) => answers.push(resolve)));
    const old = store.refreshApprovals(CONFIG_PATH);
    const recent = store.refreshApprovals(CONFIG_PATH);
    await until(() => answers.length === 2, { what: "both were asked" });
    answers[0]?.({ pending: [], approved: [], problems: [] });
    setImmediate(() => answers[1]?.(APPROVED));
    await old;
    assert.equal(store.find(REF)?.approval.at, "approved");
    await recent;
  });

  it("are fresh without a further change to wait for", async () => {
    daemon.answer("approvals/list", () => APPROVED);
    await link.attach();
    await store.refreshApprovals();
    const [item] = await freshItems({ link, store });
    assert.equal(item?.approval.at, "approved");
  });
});
