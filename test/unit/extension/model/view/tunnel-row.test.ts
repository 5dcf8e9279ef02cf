/** A tunnel as a row: words, icon, and what the menus look at. */
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
    ["closed", "closed", "circle-outline", "closed"],
    ["waiting-for-key", "trouble", "key", "waits for its key"],
    ["not-approved", "trouble", "shield", "not approved"],
    ["port-busy", "trouble", "warning", "port in use"],
    ["opening", "busy", "loading~spin", "opening"],
    ["listening", "open", "layers", "open, not verified yet"],
    ["key-verified", "open", "layers", "key verified 3 min ago"],
    ["verified", "open", "layers", "verified 3 min ago"],
    ["degraded", "trouble", "warning", "not working for 3 min"],
    ["draining", "closed", "circle-slash", "closing when its connections end"],
  ] as const) {
    it(`in the state ${state} says "${stateText}" with the icon ${icon} and is ${phase} to the menus`, () => {
      const { contextValue, ...shown } = row(inState(state));
      assert.deepEqual([shown.icon, shown.stateText, contextValue], [icon, stateText, `tunnel;workspace;client;redis;approved;${phase}`]);
    });
  }

  it("is green only when something was verified", () => {
    const colours = (["closed", "opening", "listening", "key-verified", "verified"] as const).map((state) => row(inState(state)).iconColor);
    assert.deepEqual(colours, [undefined, undefined, undefined, "charts.green", "charts.green"]);
  });

  for (const [entry, icon] of [
    [{ service: "redis" }, "layers"],
    [{ service: "mysql" }, "database"],
    [{ service: "tcp" }, "plug"],
    [{ service: "redis", role: "server" }, "server"],
  ] as const) {
    it(`of ${JSON.stringify(entry)} has the icon ${icon} when it is open`, () => {
      assert.equal(row(tunnelItem({ entry, status: { ...entry, state: "verified" } })).icon, icon);
    });
  }

  it("has both addresses, the real port of what is open", () => {
    assert.equal(row(tunnelItem({ entry: { listen: 0 }, status: { listen: "127.0.0.1:40123" } })).description, "127.0.0.1:40123 → cache.example.com:6479");
  });

  it("has the addresses of the file when it is closed, whatever the daemon remembers", () => {
    const item = tunnelItem({ entry: { listen: 7000, target: "new.example.com:1" }, status: { state: "closed", listen: "6579", target: "old.example.com:1" } });
    assert.equal(row(item).description, "127.0.0.1:7000 → new.example.com:1");
  });

  it("has the addresses of what runs while the file says something else", () => {
    const item = tunnelItem({ entry: { target: "new.example.com:1" }, status: { state: "verified", target: "old.example.com:1" } });
    assert.equal(row(item).description, "127.0.0.1:6579 → old.example.com:1");
  });

  it("has what the daemon says when the file no longer has the entry", () => {
    const shown = row(tunnelItem({ status: { state: "draining" }, more: { entry: undefined, place: undefined } }));
    assert.equal(shown.description, "127.0.0.1:6579 → cache.example.com:6479");
  });

  it("spins while this window is at it, open or not", () => {
    for (const state of ["closed", "verified", "degraded"] as const) {
      assert.equal(row(tunnelItem({ status: { state }, more: { busy: true } })).icon, "loading~spin");
    }
  });

  it("of an entry with a mistake says which, offers no menu of a client and is a fault", () => {
    const { description, contextValue, icon, stateText } = row(faulty());
    assert.match(description, /"lissten"/);
    assert.deepEqual([contextValue, icon, stateText], ["tunnel;workspace;unknown;unknown;approved;fault", "error", "mistake in its entry"]);
  });

  it("of an entry with a mistake whose old form runs can be closed", () => {
    assert.equal(phaseOf(faulty({ status: inState("verified").status })), "open");
  });

  it("tells that a closed tunnel waits for approval", () => {
    assert.equal(row(tunnelItem({ status: null, more: { approval: { at: "pending", facts: approvedFacts() } } })).stateText, "closed, not approved");
  });

  it("says to a screen reader what it is, its state and its addresses, and no age", () => {
    assert.equal(row(inState("verified")).accessibleLabel, "cache, Redis tunnel, verified, from 127.0.0.1:6579 to cache.example.com:6479");
  });

  it("says to a screen reader that it is a server's end", () => {
    assert.match(row(tunnelItem({ entry: { role: "server" } })).accessibleLabel, /^cache, server end, /);
  });

  it("names its source to the menus", () => {
    assert.equal(row(tunnelItem({ source: PERSONAL, status: null })).contextValue, "tunnel;personal;client;redis;approved;closed");
  });

  it("has only plain text, whatever the file and the daemon say", () => {
    const evil = "$(bug) [x](command:evil)\u202e\u001b[31m\nnext";
    const items = [tunnelItem({ status: { listen: evil, target: evil, state: "verified" } }), faulty({ name: evil }), tunnelItem({ more: { name: evil } })];
    for (const item of items) {
      const { label, description, accessibleLabel } = row(item);
      for (const text of [label, description, accessibleLabel]) assert.doesNotMatch(text, /\$\(|\]\(|\p{Cc}|\u202e/u);
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

  it("is what this window wants and does not work", () => {
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

  it("is not what nobody here wants, or is being seen to", () => {
    assert.equal(wanted("degraded", { wanted: false }), false);
    assert.equal(wanted("degraded", { busy: true }), false);
  });

  it("is a wanted tunnel that the daemon keeps closed for a reason", () => {
    const item = tunnelItem({ status: { state: "closed", lastFailure: FAILURE } });
    assert.equal(isTroubled(item), true);
    assert.deepEqual([row(item).icon, row(item).stateText], ["warning", "can't open"]);
  });

  it("is not one that the user has closed", () => {
    assert.equal(isTroubled(tunnelItem({ status: { state: "closed", closedByUser: true, lastFailure: FAILURE } })), false);
  });

  it("has the last failure for its reason, which a tunnel that works has left behind", () => {
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
    [inState("verified"), ["close"]],
    [inState("degraded"), ["close", "diagnose"]],
    [inState("opening"), []],
    [faulty(), ["reveal"]],
  ] as const) {
    it(`offer ${commands.join(" and ") || "nothing"} at a row that is ${phaseOf(item)}`, () => {
      assert.deepEqual(offered(row(item).contextValue, { isInline: true }), commands);
    });
  }

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

  it("offer no approval of an entry with a mistake", () => {
    const all = offered(row(faulty({ approval: { at: "unknown" } })).contextValue, { isInline: false });
    assert.deepEqual(
      all.filter((command) => ["approve", "revokeApproval"].includes(command)),
      [],
    );
  });
});
