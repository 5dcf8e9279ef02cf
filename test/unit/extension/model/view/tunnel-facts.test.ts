/** The rows under a tunnel. */
import assert from "node:assert/strict";
import { english } from "../../../../../extension/model/translate.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";
import type { TunnelFact } from "../../../../../extension/model/view/tunnel-fact.ts";
import { tunnelFacts, userText } from "../../../../../extension/model/view/tunnel-facts.ts";
import { approvedFacts } from "../../../../support/status.ts";
import { type ItemOptions, tunnelItem } from "../../../../support/tunnel-item.ts";
import { entryText, fileText, parse } from "../../../../support/tunnels-json.ts";

const view = { t: english, nowMs: 200_000 };
const FAILURE = { code: "KEY_MISMATCH", message: "the far side closed", atMs: 80_000, count: 3 } as const;
const connection = (peer: string): { peer: string; phase: string; sinceMs: number; inBytes: number; outBytes: number } => ({
  peer,
  phase: "open",
  sinceMs: 20_000,
  inBytes: 1_200_000,
  outBytes: 300,
});

const factsOf = (options: ItemOptions = {}): TunnelFact[] => tunnelFacts(tunnelItem(options), view);
const fact = (id: string, options: ItemOptions): TunnelFact => {
  const found = factsOf(options).find((one) => one.id === id);
  assert.ok(found, `${id} among ${factsOf(options).map((one) => one.id)}`);
  return found;
};
const lines = (facts: readonly TunnelFact[]): string[] => facts.map(({ label, description }) => (description === "" ? label : `${label}: ${description}`));
const all = (facts: readonly TunnelFact[]): TunnelFact[] => facts.flatMap((one) => [one, ...all(one.children)]);

/** A tunnel with everything that can be known, at once. */
const FULL: ItemOptions = {
  entry: { key: ["old", "new"], role: "server" },
  status: {
    role: "server",
    state: "degraded",
    lastFailure: FAILURE,
    keyFingerprints: ["aaaa", "bbbb"],
    keyUses: [{ fingerprint: "aaaa", count: 2, lastAtMs: 80_000 }],
    connections: [connection("127.0.0.1:5000"), connection("127.0.0.1:5001")],
    openConnections: 2,
    totalConnections: 17,
    refused: { KEY_MISMATCH: 3, PLAIN_CLIENT: 5 },
    plainInBytes: 1_200,
    plainOutBytes: 300,
    wireInBytes: 2_120,
    wireOutBytes: 1_060,
    dial: { count: 2, lastMs: 12, maxMs: 20, totalMs: 30 },
    handshake: { count: 1, lastMs: 25, maxMs: 25, totalMs: 25 },
    users: [
      { kind: "vscode", name: "app", pid: 1 },
      { kind: "exec", name: "npm test", pid: 2 },
    ],
    pinned: true,
    closedByUser: true,
  },
  more: { approval: { at: "pending", facts: approvedFacts({ approvedBefore: true }) } },
};

describe("the rows under a tunnel", () => {
  it("say how long connections have waited for the network, and why", () => {
    const reconnecting = { sinceMs: 80_000, connections: 3, code: "CONNECT_REFUSED", message: "nothing listens there" } as const;
    const { label, description, copy } = fact("reconnecting", { status: { state: "reconnecting", reconnecting } });
    assert.deepEqual([label, description], ["Waiting for the network", "3 connections for 2 min: nothing listens there"]);
    assert.equal(copy, "CONNECT_REFUSED: nothing listens there");
    assert.ok(factsOf().every(({ id }) => id !== "reconnecting"));
  });

  it("are few when the daemon does not know the tunnel", () => {
    assert.deepEqual(lines(factsOf({ status: null })), [
      "State: closed",
      "Local address: 127.0.0.1:6579",
      "Remote address: cache.example.com:6479",
      "Key: team",
    ]);
  });

  it("say since when it is in its state", () => {
    assert.equal(fact("state", { status: { state: "verified", sinceMs: 20_000 } }).description, "verified 3 min");
  });

  it("give no time for a state that is only this window's", () => {
    assert.equal(fact("state", { status: { state: "closed" }, more: { busy: true } }).description, "opening");
  });

  it("say separately when key and service were last verified", () => {
    const status = { state: "key-verified", keyVerifiedAtMs: 195_000 } as const;
    assert.equal(fact("verified", { status }).description, "key 5 s ago, service not yet");
  });

  it("say one age when key and service were verified together", () => {
    const status = { state: "verified", keyVerifiedAtMs: 124_500, backendVerifiedAtMs: 125_000 } as const;
    assert.equal(fact("verified", { status }).description, "1 min ago");
  });

  it("have the history, the last event first", () => {
    const facts = tunnelFacts(tunnelItem(), view, [
      { kind: "lost", atMs: 80_000, code: "KEY_MISMATCH" },
      { kind: "opened", atMs: 70_000 },
    ]);
    const history = facts.find(({ id }) => id === "history");
    assert.equal(history?.description, "lost: wrong key, 2 min ago");
    assert.equal(history?.children.length, 2);
  });

  it("say how many connections there are, and of each where it is from, its age and its bytes", () => {
    const connections = fact("connections", FULL);
    assert.equal(connections.description, "2 open, 17 in total");
    assert.equal(lines(connections.children)[0], "127.0.0.1:5000: open for 3 min, received 1.2 MB, sent 300 B");
  });

  it("list no more than fifty connections, and count the rest", () => {
    const connections = Array.from({ length: 200 }, (_, index) => connection(`127.0.0.1:${index + 1_000}`));
    const { children } = fact("connections", { status: { connections, openConnections: 1_000, totalConnections: 1_000 } });
    assert.equal(children.length, 51);
    assert.deepEqual(lines(children.slice(-1)), ["and 950 more"]);
  });

  it("say how many bytes went each way, plain and on the wire", () => {
    const traffic = fact("traffic", FULL);
    assert.equal(traffic.description, "received 1.2 kB, sent 300 B");
    assert.deepEqual(lines(traffic.children), ["Received: 1.2 kB, 2.1 kB encrypted on the wire", "Sent: 300 B, 1.1 kB encrypted on the wire"]);
  });

  it("say how long connecting and the handshake take", () => {
    assert.deepEqual(lines(fact("times", FULL).children), [
      "Connecting: last 12 ms, average 15 ms, longest 20 ms",
      "Handshake: last 25 ms, average 25 ms, longest 25 ms",
    ]);
  });

  it("leave out times that have not been measured", () => {
    const ids = factsOf({ status: { state: "listening" } }).map(({ id }) => id);
    assert.deepEqual(ids, ["state", "verified", "listen", "target", "connections", "key"]);
  });

  it("have the fingerprint of the key to copy", () => {
    const { description, copy, contextValue } = fact("key", { status: { keyFingerprints: ["aaaa-bbbb"] } });
    assert.deepEqual([description, copy, contextValue], ["aaaa-bbbb", "aaaa-bbbb", "fact;copy"]);
  });

  it("have the fingerprint to be approved before anything runs", () => {
    const pending = { at: "pending", facts: approvedFacts({ keys: [{ source: "team", fingerprint: "cccc" }] }) } as const;
    assert.equal(fact("key", { status: null, more: { approval: pending } }).description, "cccc");
  });

  it("say how often each key of a server was used", () => {
    assert.deepEqual(lines(fact("key", FULL).children), ["aaaa: used 2 times, last 2 min ago", "bbbb: not used yet"]);
  });

  it("name the windows and commands that use the tunnel, and say that it is pinned", () => {
    assert.equal(fact("users", FULL).description, "VS Code window app, command npm test");
    assert.equal(fact("pinned", FULL).label, "Pinned");
  });

  it("have the pending approval first, with the command that asks", () => {
    const first = factsOf({ status: null, more: { approval: { at: "pending", facts: approvedFacts() } } })[0];
    assert.deepEqual([first?.label, first?.command], ["Not approved: review…", "approve"]);
  });

  it("say that the old form of a changed entry keeps running", () => {
    const { label, description } = fact("approval", { ...FULL, status: { state: "verified" } });
    assert.deepEqual([label, description], ["Changed since you approved it: review…", "the approved form keeps running"]);
  });

  it("have the failure with its count and time, its cause and its cure", () => {
    const { label, description, children, icon } = fact("failure", FULL);
    assert.deepEqual([label, description, icon], ["Failure", "wrong key (KEY_MISMATCH) · 3 times, last 2 min ago", "warning"]);
    assert.deepEqual(
      children.map((child) => child.label),
      ["Cause", "Fix", "Details"],
    );
  });

  it("call a failure the last failure when the tunnel works again", () => {
    assert.deepEqual(
      [{ ...FAILURE, count: 1 }].map((lastFailure) => lines([fact("failure", { status: { state: "verified", lastFailure } })])),
      [["Last failure: wrong key (KEY_MISMATCH) · 2 min ago"]],
    );
  });

  it("have the mistake of an entry first, with the command that leads to it", () => {
    const { faults } = parse(fileText({ cache: entryText({ lissten: 1 }) }));
    const [first] = tunnelFacts(tunnelItem({ status: null, more: { entry: undefined, fault: faults.get("cache") } }), view);
    assert.equal(first?.command, "reveal");
    assert.match(first?.description ?? "", /"lissten"/);
  });

  it("each have a unique id", () => {
    const ids = all(factsOf(FULL)).map(({ id }) => id);
    assert.deepEqual(ids.toSorted(), [...new Set(ids)].toSorted());
    assert.ok(ids.length > 25, `${ids.length}`);
  });

  it("keep their ids when counters change", () => {
    const later: ItemOptions = { ...FULL, status: { ...FULL.status, plainInBytes: 9_999, totalConnections: 99 } };
    assert.deepEqual(
      all(factsOf(later)).map(({ id }) => id),
      all(factsOf(FULL)).map(({ id }) => id),
    );
  });

  it("each have a name for screen readers, with their whole text", () => {
    for (const { accessibleLabel, label, description } of all(factsOf(FULL))) {
      assert.ok(label.length > 0);
      assert.ok(accessibleLabel.includes(label) && accessibleLabel.includes(description), accessibleLabel);
    }
  });

  it("have only plain text, whatever the file, the daemon and its peers say", () => {
    const evil = "$(bug) [x](command:evil)\u202e\u001b[31m\nnext";
    const item: TunnelItem = {
      ...tunnelItem(FULL),
      name: evil,
      fault: { code: "CONFIG_INVALID", message: evil, path: evil, offset: 0, length: 1, line: 1, column: 1 },
      status: {
        ...tunnelItem(FULL).status,
        listen: evil,
        target: evil,
        lastFailure: { ...FAILURE, message: evil },
        keyFingerprints: [evil],
        connections: [{ ...connection(evil), phase: evil }],
        users: [{ kind: evil, name: evil, pid: 1 }],
        refused: { [evil]: 1 },
      } as NonNullable<TunnelItem["status"]>,
    };
    for (const { label, description, tooltip, copy = "", accessibleLabel } of all(tunnelFacts(item, view))) {
      for (const text of [label, description, tooltip.replaceAll("\n\n", " "), copy, accessibleLabel]) assert.doesNotMatch(text, /\$\(|\]\(|\p{Cc}|\u202e/u);
    }
  });
});

describe("who uses a tunnel", () => {
  for (const [kind, text] of [
    ["vscode", "VS Code window x"],
    ["cli", "command x"],
    ["exec", "command x"],
    ["jetbrains", "jetbrains x"],
  ] as const) {
    it(`is called "${text}" when it is a client of the kind ${kind}`, () => {
      assert.equal(userText({ kind, name: "x", pid: 1 }, english), text);
    });
  }
});
