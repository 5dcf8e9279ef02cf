/** A tunnel as a row: words, icon, and the value that the menus check. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { english } from "../../../../../extension/model/translate.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";
import { tunnelFacts } from "../../../../../extension/model/view/tunnel-facts.ts";
import { currentFailure, isTroubled, phaseOf, type TunnelRow, tunnelRow } from "../../../../../extension/model/view/tunnel-row.ts";
import type { TunnelState } from "../../../../../shared/contract/state.ts";
import { approvedFacts } from "../../../../support/status.ts";
import { PERSONAL, tunnelItem } from "../../../../support/tunnel-item.ts";
import { entryText, fileText, parse } from "../../../../support/tunnels-json.ts";

const view = { t: english, nowMs: 200_000 };
const row = (item: TunnelItem): TunnelRow => tunnelRow(item, view);
const inState = (state: TunnelState): TunnelItem => tunnelItem({ status: { state, backendVerifiedAtMs: 20_000, keyVerifiedAtMs: 20_000, sinceMs: 20_000 } });
const FAILURE = { code: "DNS_FAILED", message: "no such host", atMs: 1, count: 1 } as const;

/** An entry with a mistake. */
function faulty(more: Partial<TunnelItem> = {}, name = "cache"): TunnelItem {
  const { faults, places } = parse(fileText({ [name]: entryText({ lissten: 1 }) }));
  return tunnelItem({ status: null, more: { name, entry: undefined, fault: faults.get(name), place: places.get(name), ...more } });
}

describe("the row of a tunnel", () => {
  for (const [state, phase, icon, stateText] of [
    ["closed", "closed", "layers", "closed"],
    ["waiting-for-key", "trouble", "layers", "key missing"],
    ["not-approved", "trouble", "layers", "not approved"],
    ["port-busy", "trouble", "layers", "port in use"],
    ["opening", "busy", "loading~spin", "opening"],
    ["listening", "open", "layers", "open, not verified yet"],
    ["key-verified", "open", "layers", "key verified 3 min ago"],
    ["verified", "open", "layers", "verified 3 min ago"],
    ["reconnecting", "open", "sync~spin", "reconnecting for 3 min, 0 connected"],
    ["degraded", "trouble", "layers", "not working for 3 min"],
    ["draining", "draining", "layers", "closed, 0 connected"],
  ] as const) {
    it(`says "${stateText}" with the icon ${icon} and is ${phase} for the menus in the state ${state}`, () => {
      const { contextValue, ...shown } = row(inState(state));
      assert.deepEqual([shown.icon, shown.stateText, contextValue], [icon, stateText, `tunnel;workspace;client;redis;approved;${phase}`]);
    });
  }

  it("has the state as a colour: green only when something was verified", () => {
    const colours = (["closed", "draining", "opening", "listening", "key-verified", "verified", "degraded"] as const).map(
      (state) => row(inState(state)).iconColor,
    );
    assert.deepEqual(colours, [
      ...["disabledForeground", "disabledForeground", undefined, undefined],
      ...["charts.green", "charts.green", "problemsWarningIcon.foreground"],
    ]);
  });

  for (const [code, word] of [
    ["KEY_MISMATCH", "wrong key"],
    ["CONNECT_REFUSED", "refused"],
    ["DNS_FAILED", "host not found"],
    ["BACKEND_DOWN", "service not answering"],
    ["TRUNCATED", "not working"],
  ] as const) {
    it(`that fails with ${code} says "${word}" before the addresses, and for how long in a list`, () => {
      const item = tunnelItem({ status: { state: "degraded", sinceMs: 20_000, lastFailure: { ...FAILURE, code } } });
      assert.equal(row(item).description, `${word} · :6579 → cache.example.com`);
      assert.equal(row(item).stateText, `${word} for 3 min`);
      assert.match(row(item).accessibleLabel, /^cache, Redis tunnel, not working/);
    });
  }

  it("has a word for its state unless all is well", () => {
    const words = (["closed", "listening", "key-verified", "verified", "draining"] as const).map((state) => row(inState(state)).description);
    assert.deepEqual(words, [
      "closed · :6579 → cache.example.com",
      "not verified yet · :6579 → cache.example.com",
      ":6579 → cache.example.com",
      ":6579 → cache.example.com",
      "closed, 0 connected · :6579 → cache.example.com",
    ]);
  });

  it("tells that its key is missing before it is opened", () => {
    const shown = row(tunnelItem({ status: null, more: { missingKey: "team" } }));
    assert.deepEqual([shown.description, shown.iconColor], ["key missing · :6579 → cache.example.com", "problemsWarningIcon.foreground"]);
  });

  it("of a window that has asked nobody is unknown, not closed", () => {
    const shown = row(tunnelItem({ status: null, more: { isUnknown: true, wanted: false, approval: { at: "unknown" } } }));
    assert.equal(shown.stateText, "unknown (Restricted Mode)");
    for (const text of [shown.description, shown.accessibleLabel]) {
      assert.match(text, /unknown \(Restricted Mode\)/);
      assert.doesNotMatch(text, /closed/);
    }
  });

  it("says how many connections live on when it is closed", () => {
    const shown = row(tunnelItem({ status: { state: "draining", openConnections: 2 } }));
    assert.equal(shown.stateText, "closed, 2 connected");
  });

  it("of production says so in words, and so does one with a colour", () => {
    assert.match(row(tunnelItem({ entry: { confirm: true } })).accessibleLabel, /, production, asks before it opens$/);
    assert.match(row(tunnelItem({ entry: { color: "blue" } })).accessibleLabel, /, marked blue$/);
    assert.doesNotMatch(row(tunnelItem()).accessibleLabel, /production|marked/);
  });

  for (const [entry, icon] of [
    [{ service: "redis" }, "layers"],
    [{ service: "mysql" }, "database"],
    [{ service: "tcp" }, "plug"],
    [{ service: "redis", role: "server" }, "server"],
  ] as const) {
    it(`of ${JSON.stringify(entry)} has the icon ${icon}, open, closed or in trouble`, () => {
      for (const state of ["verified", "degraded", "port-busy"] as const) assert.equal(row(tunnelItem({ entry, status: { ...entry, state } })).icon, icon);
      assert.equal(row(tunnelItem({ entry, status: null })).icon, icon);
    });
  }

  it("has both addresses, the real port of what is open", () => {
    const shown = row(tunnelItem({ entry: { listen: 0 }, status: { state: "verified", listen: "127.0.0.1:40123" } }));
    assert.equal(shown.description, ":40123 → cache.example.com");
    assert.equal(shown.addresses, "127.0.0.1:40123 → cache.example.com:6479");
  });

  it("has the file's addresses when the tunnel is closed, whatever the daemon remembers", () => {
    const item = tunnelItem({ entry: { listen: 7000, target: "new.example.com:1" }, status: { state: "closed", listen: "6579", target: "old.example.com:1" } });
    assert.equal(row(item).addresses, "127.0.0.1:7000 → new.example.com:1");
  });

  it("has the running tunnel's addresses while the file says something else", () => {
    const item = tunnelItem({ entry: { target: "new.example.com:1" }, status: { state: "verified", target: "old.example.com:1" } });
    assert.equal(row(item).addresses, "127.0.0.1:6579 → old.example.com:1");
  });

  it("has what the daemon says when the file no longer has the entry", () => {
    const shown = row(tunnelItem({ status: { state: "draining" }, more: { entry: undefined, place: undefined } }));
    assert.equal(shown.addresses, "127.0.0.1:6579 → cache.example.com:6479");
  });

  it("spins while this window is working on the tunnel, open or not", () => {
    for (const state of ["closed", "verified", "degraded"] as const) {
      assert.equal(row(tunnelItem({ status: { state }, more: { busy: true } })).icon, "loading~spin");
    }
  });

  it("names the mistake of an entry, has no client menu and is a fault", () => {
    const { description, contextValue, icon, stateText } = row(faulty());
    assert.match(description, /"lissten"/);
    assert.deepEqual([contextValue, icon, stateText], ["tunnel;workspace;unknown;unknown;approved;fault", "error", "mistake in its entry"]);
  });

  it("can be closed if its entry has a mistake and the old form runs", () => {
    assert.equal(phaseOf(faulty({ status: inState("verified").status })), "open");
  });

  it("tells that a closed tunnel waits for approval, where there is room", () => {
    const shown = row(tunnelItem({ status: null, more: { approval: { at: "pending", facts: approvedFacts() } } }));
    assert.equal(shown.stateText, "closed, not approved");
    assert.match(shown.accessibleLabel, /closed, not approved/);
    assert.equal(shown.description, "closed · :6579 → cache.example.com");
  });

  it("tells a screen reader what it is, its state and its addresses, but no age", () => {
    assert.equal(row(inState("verified")).accessibleLabel, "cache, Redis tunnel, verified, from 127.0.0.1:6579 to cache.example.com:6479");
  });

  it("tells a screen reader that it is a server's end", () => {
    assert.match(row(tunnelItem({ entry: { role: "server" } })).accessibleLabel, /^cache, server end, /);
  });

  it("names its source to the menus", () => {
    assert.equal(row(tunnelItem({ source: PERSONAL, status: null })).contextValue, "tunnel;personal;client;redis;approved;closed");
  });

  it("has only plain text, whatever the file and the daemon say", () => {
    const evil = "$(bug) [x](command:evil)\u202e\u001b[31m\nnext";
    const items = [tunnelItem({ status: { listen: evil, target: evil, state: "verified" } }), faulty({ name: evil }), tunnelItem({ more: { name: evil } })];
    for (const item of items) {
      const { label, description, addresses, accessibleLabel } = row(item);
      for (const text of [label, description, addresses, accessibleLabel]) assert.doesNotMatch(text, /\$\(|\]\(|\p{Cc}|\u202e/u);
    }
  });

  it("stays short when a mistake is long", () => {
    const fault = { code: "CONFIG_INVALID", message: "x".repeat(5_000), path: "/p", offset: 0, length: 1, line: 1, column: 1 };
    assert.equal(row(faulty({ fault })).description.length, 200);
  });
});

describe("trouble", () => {
  const wanted = (state: TunnelState, more: Partial<TunnelItem> = {}): boolean =>
    isTroubled(tunnelItem({ status: { state }, more: { wanted: true, ...more } }));

  it("is a tunnel that this window wants and that does not work", () => {
    const states = [
      "closed",
      "waiting-for-key",
      "not-approved",
      "port-busy",
      "opening",
      "listening",
      "key-verified",
      "verified",
      "degraded",
      "draining",
    ] as const;
    assert.deepEqual(
      states.filter((state) => wanted(state)),
      ["waiting-for-key", "not-approved", "port-busy", "degraded"],
    );
  });

  it("is not a tunnel that this window does not want or is working on", () => {
    assert.equal(wanted("degraded", { wanted: false }), false);
    assert.equal(wanted("degraded", { busy: true }), false);
  });

  it("is a wanted tunnel that the daemon keeps closed for a reason", () => {
    const item = tunnelItem({ status: { state: "closed", lastFailure: FAILURE } });
    assert.equal(isTroubled(item), true);
    assert.deepEqual([row(item).icon, row(item).stateText], ["layers", "host not found"]);
  });

  it("is not a tunnel that the user has closed", () => {
    assert.equal(isTroubled(tunnelItem({ status: { state: "closed", closedByUser: true, lastFailure: FAILURE } })), false);
  });

  it("has the last failure as its reason, which no longer applies to a tunnel that works", () => {
    assert.equal(currentFailure(tunnelItem({ status: { state: "degraded", lastFailure: FAILURE } })), FAILURE);
    assert.equal(currentFailure(tunnelItem({ status: { state: "verified", lastFailure: FAILURE } })), undefined);
  });
});

describe("the menus of package.json", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../../../../package.json", import.meta.url), "utf8"));
  const menu: { command: string; when: string; group: string }[] = manifest.contributes.menus["view/item/context"];

  /** Inline commands of a row, or those of its menu, as VS Code would choose them. */
  function offered(contextValue: string, { isInline }: { readonly isInline: boolean }): string[] {
    return menu
      .filter(({ group }) => group.startsWith("inline") === isInline)
      .filter(({ when }) => new RegExp(/viewItem =~ \/(.*)\/$/.exec(when)?.[1] ?? "(?!)").test(contextValue))
      .map(({ command }) => command.replace("encryptedTunnels.", ""));
  }

  for (const [item, commands] of [
    [tunnelItem({ status: null }), ["open"]],
    [inState("verified"), ["openClient", "copyUrl", "close"]],
    [tunnelItem({ entry: { service: "tcp" }, status: { service: "tcp", state: "verified" } }), ["copyAddress", "close"]],
    [tunnelItem({ entry: { role: "server" }, status: { role: "server", state: "verified" } }), ["close"]],
    [tunnelItem({ status: { state: "draining", openConnections: 1 } }), ["open"]],
    [inState("degraded"), ["close", "diagnose"]],
    [inState("opening"), []],
    [faulty(), ["reveal"]],
  ] as const) {
    it(`offer ${commands.join(" and ") || "nothing"} at a row that is ${phaseOf(item)}`, () => {
      assert.deepEqual(offered(row(item).contextValue, { isInline: true }), commands);
    });
  }

  it("offer to cut what lives on in the menu alone: as a button it would be where Close was a moment ago", () => {
    const { contextValue } = row(tunnelItem({ status: { state: "draining", openConnections: 1 } }));
    assert.ok(offered(contextValue, { isInline: false }).includes("cutConnections"));
    assert.ok(!offered(row(inState("verified")).contextValue, { isInline: false }).includes("cutConnections"));
  });

  for (const [approval, status, commands] of [
    [{ at: "approved" }, {}, ["revokeApproval"]],
    [{ at: "pending", facts: approvedFacts() }, null, ["approve"]],
    [{ at: "pending", facts: approvedFacts({ approvedBefore: true }) }, {}, ["approve"]],
    [{ at: "unknown" }, null, ["approve"]],
  ] as const) {
    it(`offer ${commands.join()} at a row whose approval is ${approval.at}, ${status ? "open" : "closed"}`, () => {
      const all = offered(row(tunnelItem({ status, more: { approval } })).contextValue, { isInline: false });
      assert.deepEqual(
        all.filter((command) => ["approve", "revokeApproval"].includes(command)),
        commands,
      );
    });
  }

  it("let a fact be copied by the mouse and, from the menu, by the keyboard", () => {
    const [fact] = tunnelFacts(tunnelItem(), view).filter(({ id }) => id === "listen");
    for (const isInline of [true, false]) assert.deepEqual(offered(fact?.contextValue ?? "", { isInline }), ["copyFact"]);
  });

  it("offer no approval for an entry with a mistake", () => {
    const all = offered(row(faulty({ approval: { at: "unknown" } })).contextValue, { isInline: false });
    assert.deepEqual(
      all.filter((command) => ["approve", "revokeApproval"].includes(command)),
      [],
    );
  });
});

describe("the row of a tunnel that asks for a backend", () => {
  const entry = parse(fileText({ cache: entryText({ backend: "replica" }) })).entries.get("cache");

  it("names it, also in a fact that can be copied", () => {
    const closed = tunnelItem({ status: null, more: { entry } });
    assert.match(row(closed).description, / → cache\.example\.com \(replica\)$/);
    const fact = tunnelFacts(closed, view).find(({ id }) => id === "backend");
    assert.deepEqual([fact?.description, fact?.copy], ["replica", "replica"]);
  });

  it("names that of the tunnel that runs, whatever the file says now", () => {
    const running = tunnelItem({ status: { state: "verified", backend: "10.0.0.12:6380" }, more: { entry } });
    assert.match(row(running).description, /\(10\.0\.0\.12:6380\)$/);
  });
});
