import assert from "node:assert/strict";
import { configHover, type HoverText } from "../../../../../extension/model/editor/config-hover.ts";
import { english } from "../../../../../extension/model/translate.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";
import { readDocument } from "../../../../../shared/contract/config-document.ts";
import { tunnelItem } from "../../../../support/tunnel-item.ts";
import { CONFIG_PATH, oneEntry } from "../../../../support/tunnels-json.ts";

const TEXT = oneEntry();
const NOW_MS = 100_000;

function hoverAt(at: string, item: TunnelItem | undefined, keys?: ReadonlyMap<string, string>): HoverText | undefined {
  const offset = TEXT.indexOf(at) + 1;
  return configHover(readDocument(TEXT, CONFIG_PATH).entries.values(), offset, { find: () => item, keys, t: english, nowMs: NOW_MS });
}

describe("the hover over an entry's name", () => {
  it("covers the name", () => {
    const hover = hoverAt('"cache"', tunnelItem());
    assert.equal(TEXT.slice(hover?.offset, (hover?.offset ?? 0) + (hover?.length ?? 0)), '"cache"');
  });

  it("says what has been proved, when, and how many connections there are", () => {
    const status = {
      state: "verified",
      keyVerifiedAtMs: NOW_MS - 50_000,
      backendVerifiedAtMs: NOW_MS - 10_000,
      openConnections: 2,
      totalConnections: 7,
    } as const;
    const lines = hoverAt('"cache"', tunnelItem({ status }))?.lines ?? [];
    assert.ok(lines.includes("Last answer from the service: 10 s ago"));
    assert.ok(lines.includes("Key last verified: 50 s ago"));
    assert.ok(lines.includes("Connections: 2 open, 7 in total"));
  });

  it("says where the tunnel leads", () => {
    assert.ok(hoverAt('"cache"', tunnelItem({ status: null }))?.lines.some((line) => line.includes("cache.example.com:6479")));
  });

  it("tells the last failure and its cure, and gives no effect to the peer's text", () => {
    const lastFailure = { code: "NOT_SPIPED", message: "[click](command:evil) $(x)", atMs: NOW_MS - 5_000, count: 1 } as const;
    const text = hoverAt('"cache"', tunnelItem({ status: { state: "degraded", lastFailure } }))?.lines.join("\n") ?? "";
    assert.match(text, /Last failure, 5 s ago: Something else than spiped answers/);
    assert.match(text, /Put `spiped -d` or tunneld there/);
    assert.doesNotMatch(text, /command:|\$\(/);
  });

  it("is absent for an entry that this window does not know", () => {
    assert.equal(hoverAt('"cache"', undefined), undefined);
  });
});

describe("the hover over a key", () => {
  it("shows the fingerprint that the daemon knows", () => {
    assert.deepEqual(hoverAt('"key"', tunnelItem(), new Map([["team", "aaaa-bbbb"]]))?.lines, ["Key team, fingerprint aaaa-bbbb"]);
  });

  it("is also shown over the key's value", () => {
    assert.deepEqual(hoverAt('"team"', tunnelItem(), new Map([["team", "aaaa-bbbb"]]))?.lines, ["Key team, fingerprint aaaa-bbbb"]);
  });

  it("says how to get a missing key", () => {
    assert.match(hoverAt('"key"', tunnelItem({ status: null }), new Map())?.lines[0] ?? "", /team is not on this machine\. Import it/);
  });

  it("shows the key of an open tunnel when nobody has asked for the keys", () => {
    assert.deepEqual(hoverAt('"key"', tunnelItem())?.lines, ["Key fingerprint: aaaa-bbbb"]);
  });

  it("is absent when nothing is known", () => {
    assert.equal(hoverAt('"key"', tunnelItem({ status: null })), undefined);
  });
});

describe("any other place", () => {
  it("has no hover from this extension", () => {
    assert.equal(hoverAt('"target"', tunnelItem()), undefined);
    assert.equal(hoverAt('"version"', tunnelItem()), undefined);
  });
});
