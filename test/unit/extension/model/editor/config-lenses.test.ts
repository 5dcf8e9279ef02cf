import assert from "node:assert/strict";
import { COMMANDS } from "../../../../../extension/ids.ts";
import { configLenses, type Lens } from "../../../../../extension/model/editor/config-lenses.ts";
import { english } from "../../../../../extension/model/translate.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";
import { readDocument } from "../../../../../shared/contract/config-document.ts";
import { approvedFacts } from "../../../../support/status.ts";
import { tunnelItem } from "../../../../support/tunnel-item.ts";
import { CONFIG_PATH, oneEntry } from "../../../../support/tunnels-json.ts";

const TEXT = oneEntry();
const PENDING = { at: "pending", facts: approvedFacts() } as const;

function lensesOf(item: TunnelItem | undefined, { text = TEXT, keys = undefined as ReadonlyMap<string, string> | undefined } = {}): Lens[] {
  const entries = readDocument(text, CONFIG_PATH).entries.values();
  return configLenses(entries, {
    configPath: CONFIG_PATH,
    find: (name) => (item?.name === name ? item : undefined),
    keys,
    chooseKey: "choose",
    t: english,
  });
}

/** All parts but the last, which is the state. */
function buttonsOf(...args: Parameters<typeof lensesOf>): string[] {
  return lensesOf(...args)
    .filter(({ command }) => command !== undefined)
    .map(({ title }) => title);
}

describe("the line above an entry", () => {
  it("is at the entry's name", () => {
    const places = lensesOf(tunnelItem()).map(({ offset, length }) => TEXT.slice(offset, offset + length));
    assert.deepEqual(new Set(places), new Set(['"cache"']));
  });

  it("offers to open a closed tunnel", () => {
    assert.deepEqual(buttonsOf(tunnelItem({ status: null })), ["$(debug-start) Open", "Diagnose"]);
  });

  it("offers to close a tunnel that is open", () => {
    assert.deepEqual(buttonsOf(tunnelItem()), ["$(debug-disconnect) Close", "Diagnose"]);
  });

  it("passes the tunnel on to the command", () => {
    const [open] = lensesOf(tunnelItem({ status: null }));
    assert.deepEqual([open?.command, open?.argument], [COMMANDS.open, { configPath: CONFIG_PATH, name: "cache" }]);
  });

  it("ends with the state, which is not a button", () => {
    const state = lensesOf(tunnelItem({ status: { state: "verified", backendVerifiedAtMs: 4_000 } })).at(-1);
    assert.equal(state?.command, undefined);
    assert.notEqual(state?.title, "");
  });

  it("offers to open an entry that is not approved, and says that a question comes first", () => {
    const item = tunnelItem({ status: null, more: { approval: PENDING } });
    assert.deepEqual(buttonsOf(item), ["$(debug-start) Open", "Diagnose"]);
    assert.equal(lensesOf(item)[0]?.tooltip, "Asks for your approval, then opens this tunnel");
  });

  it("offers to open a wanted tunnel that waits for approval, and to give it up", () => {
    const item = tunnelItem({ status: { state: "not-approved" }, more: { approval: PENDING } });
    assert.deepEqual(buttonsOf(item), ["$(debug-start) Open", "$(debug-disconnect) Close", "Diagnose"]);
  });

  it("offers Open or Close in every state in which the tunnel is not on its way", () => {
    for (const approval of [PENDING, { at: "approved" }, { at: "unknown" }] as const) {
      for (const state of [
        "closed",
        "waiting-for-key",
        "not-approved",
        "port-busy",
        "listening",
        "key-verified",
        "verified",
        "degraded",
        "draining",
      ] as const) {
        const buttons = buttonsOf(tunnelItem({ status: { state }, more: { approval } }));
        assert.ok(
          buttons.some((title) => /Open|Close/.test(title)),
          `${approval.at} ${state}: ${buttons}`,
        );
      }
    }
  });

  it("offers to review a change while the old entry keeps running, and to close that", () => {
    assert.deepEqual(buttonsOf(tunnelItem({ more: { approval: PENDING } })), ["$(debug-disconnect) Close", "$(verified) Review and approve", "Diagnose"]);
  });

  it("offers to choose a key when the daemon has no key of that name", () => {
    const item = tunnelItem({ status: null });
    assert.ok(buttonsOf(item, { keys: new Map() }).includes("$(key) Choose key"));
    assert.ok(!buttonsOf(item, { keys: new Map([["team", "aaaa-bbbb"]]) }).includes("$(key) Choose key"));
  });

  it("offers to choose a key while the tunnel waits for one", () => {
    assert.ok(buttonsOf(tunnelItem({ status: { state: "waiting-for-key" } })).includes("$(key) Choose key"));
  });

  it("has neither Open nor Close while the tunnel is opening", () => {
    assert.deepEqual(buttonsOf(tunnelItem({ status: null, more: { busy: true } })), ["Diagnose"]);
  });

  it("says that an entry with a mistake can't be opened, and offers to close a tunnel that still runs", () => {
    const fault = { code: "CONFIG_INVALID", message: "bad", path: CONFIG_PATH, offset: 0, length: 0, line: 1, column: 1 };
    const titles = (status: null | object): string[] => lensesOf(tunnelItem({ status, more: { fault, entry: undefined } })).map(({ title }) => title);
    assert.deepEqual(titles(null), ["$(error) Has a mistake, so it can't be opened"]);
    assert.deepEqual(titles({}), ["$(debug-disconnect) Close", "$(error) Has a mistake, so it can't be opened"]);
  });

  it("asks to save an entry that is not in the file yet", () => {
    assert.deepEqual(
      lensesOf(undefined).map(({ title }) => title),
      ["Save the file to open this tunnel"],
    );
  });

  for (const [what, text] of [
    ["empty", ""],
    ["binary", "\0\0"],
    ["broken", '{ "tunnels": { :'],
    ["nested without end", "[".repeat(100_000)],
  ] as const) {
    it(`is absent in a text that is ${what}`, () => {
      assert.deepEqual(lensesOf(undefined, { text }), []);
    });
  }
});
