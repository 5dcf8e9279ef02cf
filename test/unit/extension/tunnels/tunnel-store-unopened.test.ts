/** What a window knows of a tunnel before it opens: nothing in Restricted Mode, and otherwise whether its key is here. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { Emitter } from "../../../../extension/emitter.ts";
import type { DaemonLink } from "../../../../extension/tunnels/daemon-link.ts";
import { LocalKeyNames } from "../../../../extension/tunnels/key-names.ts";
import { TunnelStore } from "../../../../extension/tunnels/tunnel-store.ts";
import type { Result } from "../../../../shared/contract/methods.ts";
import { FakeDaemon } from "../../../support/fake-client.ts";
import { scratchFolder } from "../../../support/folder.ts";
import { until } from "../../../support/process/until.ts";
import { tunnelStatus } from "../../../support/status.ts";
import { tunnelItem } from "../../../support/tunnel-item.ts";
import { CONFIG_PATH, entryText, fileText, parse } from "../../../support/tunnels-json.ts";

const REF = { configPath: CONFIG_PATH, name: "cache" };
const unplannable = (code: string): Result<"approvals/list"> => ({
  pending: [],
  approved: [],
  problems: [],
  unplannable: [{ name: "cache", code, message: "" }],
});

describe("a tunnel that nobody has opened yet", () => {
  const scratch = scratchFolder();
  let daemon: FakeDaemon;
  let link: DaemonLink;
  let keyFolder: string;
  let keys: LocalKeyNames;
  let isTrusted: boolean;
  let store: TunnelStore;

  beforeEach(() => {
    daemon = new FakeDaemon();
    link = daemon.link();
    keyFolder = join(scratch.path, "keys");
    keys = new LocalKeyNames(keyFolder, () => [{ name: "secret" }]);
    isTrusted = true;
    const configs = {
      configs: [
        {
          source: tunnelItem().source,
          config: parse(
            fileText({
              cache: entryText({ key: "team" }),
              kept: entryText({ listen: 1, key: "secret" }),
              file: entryText({ listen: 2, key: { file: "~/x.key" } }),
              several: entryText({ listen: 3, role: "server", key: ["secret", "old"] }),
            }),
          ),
        },
      ],
      onDidChange: new Emitter<void>().event,
    };
    store = new TunnelStore({ configs, link, keys, memory: { load: () => [], save: () => {} }, isTrusted: () => isTrusted });
  });

  afterEach(() => {
    store.dispose();
    link.dispose();
    keys.dispose();
  });

  const missing = (name = "cache"): string | undefined => store.find({ ...REF, name })?.missingKey;

  it("lacks its key, and no daemon was started to see that", () => {
    assert.deepEqual([missing(), missing("kept"), missing("file"), missing("several")], ["team", undefined, undefined, "old"]);
    assert.deepEqual(daemon.asked, []);
  });

  it("has its key as soon as that comes", () => {
    let changes = 0;
    keys.onDidChange(() => changes++);
    fs.mkdirSync(keyFolder);
    fs.writeFileSync(join(keyFolder, "team"), "x");
    keys.refresh();
    assert.equal(missing(), undefined);
    keys.refresh();
    assert.equal(changes, 1, "nothing has changed the second time");
    fs.rmSync(join(keyFolder, "team"));
    keys.refresh();
    assert.equal(missing(), "team");
  });

  it("is not said to lack what can't be looked for", () => {
    fs.writeFileSync(keyFolder, "no folder");
    keys.refresh();
    assert.deepEqual([missing(), keys.hasAny], [undefined, false]);
  });

  it("lacks its key when the daemon says so, and not when the daemon has it from another window", async () => {
    daemon.answer("approvals/list", () => unplannable("KEY_NOT_FOUND"));
    await link.request("tunnels/list", {});
    await until(() => daemon.names.includes("approvals/list"), { what: "the daemon was asked" });
    await store.refreshApprovals();
    assert.equal(missing(), "team");
    daemon.answer("approvals/list", () => ({ pending: [], approved: [{ name: "cache", digest: "1" }], problems: [] }));
    await store.refreshApprovals();
    assert.equal(missing(), undefined);
  });

  it("lacks no key while it is open", async () => {
    daemon.answer("tunnels/set", () => ({ tunnels: [tunnelStatus({ state: "verified" })], problems: [] }));
    await store.setWanted([REF], true);
    assert.equal(missing(), undefined);
  });

  it("is unknown in Restricted Mode, and nobody looks for its key", () => {
    isTrusted = false;
    keys.refresh();
    const fresh = new TunnelStore({
      configs: {
        configs: [{ source: tunnelItem().source, config: parse(fileText({ cache: entryText({ key: "team" }) })) }],
        onDidChange: new Emitter<void>().event,
      },
      link,
      keys,
      memory: { load: () => [], save: () => {} },
      isTrusted: () => isTrusted,
    });
    assert.deepEqual([fresh.find(REF)?.isUnknown, fresh.find(REF)?.missingKey], [true, undefined]);
    fresh.dispose();
  });

  it("is known when a daemon was asked, trusted or not", async () => {
    isTrusted = false;
    await link.request("tunnels/list", {});
    await store.refreshApprovals();
    assert.equal(store.find(REF)?.isUnknown, undefined);
  });
});
