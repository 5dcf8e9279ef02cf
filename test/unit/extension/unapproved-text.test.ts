/**
 * Whatever a window does with an entry's words needs the user's approval of exactly these words. A tunnel is approved and
 * open; then its file changes, and the daemon can't judge the new text or has not yet: nothing of it gets out.
 */
import assert from "node:assert/strict";
import { createApi } from "../../../extension/api.ts";
import { Emitter } from "../../../extension/emitter.ts";
import { approvedEntry } from "../../../extension/model/approved-entry.ts";
import { folderEnvironment, valuesOf } from "../../../extension/model/programs/environment.ts";
import { english } from "../../../extension/model/translate.ts";
import type { TunnelItem } from "../../../extension/model/tunnel-item.ts";
import { approvedItem } from "../../../extension/tunnels/approved-item.ts";
import { TunnelStore } from "../../../extension/tunnels/tunnel-store.ts";
import type { Result } from "../../../shared/contract/methods.ts";
import { entrySchema, type TunnelEntry } from "../../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { FakeDaemon } from "../../support/fake-client.ts";
import { until } from "../../support/process/until.ts";
import { approvedFacts, tunnelStatus } from "../../support/status.ts";
import { FOLDER, tunnelItem } from "../../support/tunnel-item.ts";
import { CONFIG_PATH, entryText, fileText, parse } from "../../support/tunnels-json.ts";

type Approvals = Result<"approvals/list">;

const MARK = "attacker";
const REF = { configPath: CONFIG_PATH, name: "cache" };
const GOOD = { service: "redis" };

/** A change of each field of an entry. */
const FIELDS: Readonly<Record<keyof TunnelEntry, Readonly<Record<string, unknown>>>> = {
  service: { service: "mysql", database: MARK },
  role: { role: "server" },
  listen: { listen: `/run/${MARK}.sock` },
  target: { target: `${MARK}.example:1` },
  tls: { tls: true },
  key: { key: MARK },
  autoOpen: { autoOpen: true },
  group: { group: MARK },
  user: { user: MARK },
  database: { database: 666 },
  env: { env: { ATTACKER_URL: MARK } },
  forwardSecrecy: { forwardSecrecy: "off" },
  wire: { wire: "native" },
  backend: { backend: MARK },
  targets: { role: "server", targets: { [MARK]: `${MARK}.example:1` } },
  allow: { role: "server", allow: [`${MARK}.example:1`] },
  maxConnections: { maxConnections: 66_666 },
  timeoutSeconds: { timeoutSeconds: 66 },
  resumeSeconds: { resumeSeconds: 7 },
  refusal: { refusal: "close" },
  keepAlive: { keepAlive: false },
  dnsRefreshSeconds: { dnsRefreshSeconds: 666 },
  bind: { bind: `${MARK}.invalid` },
  confirm: { confirm: true },
  color: { color: "green" },
  keepOpen: { keepOpen: true },
};

const entryOf = (text: string): TunnelEntry => {
  const entry = parse(text).entries.get("cache");
  assert.ok(entry);
  return entry;
};
const unplannable = (code: string): Approvals => ({
  pending: [],
  approved: [],
  problems: [],
  unplannable: [{ name: "cache", code, message: "it can't be planned" }],
});

/** What the daemon says of the new text. Approved is what it has read itself, which may be the text from before. */
const ANSWERS: Readonly<Record<string, () => Approvals | Promise<Approvals>>> = {
  ...Object.fromEntries(["KEY_NOT_FOUND", "KEY_PERMISSIONS", "KEY_WEAK", "DNS_FAILED", "CONFIG_INVALID"].map((code) => [code, () => unplannable(code)])),
  "nothing, because it can't read the file": () => ({ pending: [], approved: [], problems: [] }),
  "that the approval is pending": () => ({ pending: [approvedFacts()], approved: [], problems: [] }),
  "that the text from before is approved": () => ({
    ...{ pending: [], problems: [] },
    approved: [{ name: "cache", digest: "1", entry: entryOf(fileText({ cache: entryText(GOOD) })) }],
  }),
  "that it can't answer": () => Promise.reject(new TunnelError("DAEMON_UNREACHABLE", "no")),
};

describe("the text of an entry that has changed since it was approved", () => {
  it("is tested with every field that an entry has", () => {
    assert.deepEqual(Object.keys(FIELDS).toSorted(), Object.keys(entrySchema.shape).toSorted());
  });

  for (const [why, answer] of Object.entries(ANSWERS)) {
    for (const [field, change] of Object.entries(FIELDS)) {
      it(`gives no part of a new ${field} to anybody when the daemon says: ${why}`, async () => {
        const window = await openWindow();
        try {
          window.daemon.answer("approvals/list", answer);
          window.write({ ...GOOD, ...change });
          await window.nothingGetsOut();
          await window.store.refreshApprovals();
          await window.nothingGetsOut();
        } finally {
          window.dispose();
        }
      });
    }
  }

  it("is used as soon as the daemon says that this text is approved", async () => {
    const window = await openWindow();
    try {
      const text = window.write({ ...GOOD, user: "app" });
      window.daemon.answer("approvals/list", () => ({
        pending: [],
        approved: [{ name: "cache", digest: "2", entry: JSON.parse(JSON.stringify(entryOf(text))) }],
        problems: [],
      }));
      await window.store.refreshApprovals();
      assert.equal(valuesOf(window.item())?.url, "redis://app@127.0.0.1:6579");
    } finally {
      window.dispose();
    }
  });
});

/** A window whose tunnel is approved and open. */
async function openWindow() {
  const daemon = new FakeDaemon();
  const link = daemon.link();
  const changed = new Emitter<void>();
  const { source } = tunnelItem();
  let text = fileText({ cache: entryText(GOOD) });
  const files = {
    get configs() {
      return [{ source, config: parse(text) }];
    },
    onDidChange: changed.event,
  };
  daemon.answer("approvals/list", () => ({ pending: [], approved: [{ name: "cache", digest: "1", entry: entryOf(text) }], problems: [] }));
  const store = new TunnelStore({ configs: files, link, memory: { load: () => [], save: () => {} } });
  await link.attach();
  daemon.client.notify("tunnel/changed", tunnelStatus({ state: "verified" }));
  await until(() => store.find(REF)?.status?.state === "verified" && store.find(REF)?.approval.at === "approved", { what: "the tunnel was open and approved" });
  const item = (): TunnelItem => store.find(REF) ?? assert.fail("there is no tunnel");
  const api = createApi({
    store,
    link,
    t: english,
    onListenerError: (error) => assert.fail(String(error)),
    actions: { open: async () => ({ at: "cancelled" }), close: async () => true },
  });
  /** What `approvedItem` gives to the client terminal and to the copy commands when the user says no. */
  const used = async () => await approvedItem({ store, actions: { approve: async () => false } }, item());
  return {
    ...{ daemon, store, item },
    /** Changes the file; returns its text. */
    write(more: Readonly<Record<string, unknown>>): string {
      text = fileText({ cache: entryText(more) });
      changed.fire();
      return text;
    },
    async nothingGetsOut(): Promise<void> {
      assert.deepEqual([...folderEnvironment(store.items, FOLDER).variables], []);
      assert.equal(valuesOf(item()), undefined);
      assert.equal(approvedEntry(item()), undefined);
      assert.equal(await used(), undefined);
      const [tunnel] = api.api.tunnels();
      assert.deepEqual(
        [tunnel?.role, tunnel?.service, tunnel?.target, tunnel?.group, tunnel?.url, tunnel?.host, tunnel?.port],
        ["client", "redis", "cache.example.com:6479", undefined, undefined, undefined, undefined],
      );
      await assert.rejects(api.api.url("cache"));
    },
    dispose(): void {
      api.dispose();
      store.dispose();
      link.dispose();
    },
  };
}
