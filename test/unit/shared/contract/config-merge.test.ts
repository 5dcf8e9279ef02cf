import assert from "node:assert/strict";
import { mergeConfigs, type ParsedConfig } from "../../../../shared/contract/config-text.ts";
import { entryText, fileText } from "../../../support/tunnels-json.ts";

const SHARED = "/app/.vscode/tunnels.json";
const LOCAL = "/app/.vscode/tunnels.local.json";

function merge(shared: string, local: string): ParsedConfig {
  return mergeConfigs(
    [
      { path: SHARED, text: shared },
      { path: LOCAL, text: local },
    ],
    { platform: "linux" },
  );
}

describe("tunnels.local.json", () => {
  it("overrides the properties it states and leaves the others", () => {
    const { entries, problems } = merge(fileText({ cache: entryText({ autoOpen: true }) }), fileText({ cache: '{ "listen": 7777 }' }));
    assert.deepEqual(problems, []);
    const { listen, autoOpen, target } = entries.get("cache") ?? {};
    assert.deepEqual({ listen, autoOpen, target }, { listen: 7777, autoOpen: true, target: "cache.example.com:6479" });
  });

  it("adds entries", () => {
    const { entries, places } = merge(fileText({ cache: entryText() }), fileText({ mine: entryText({ listen: 7000 }) }));
    assert.deepEqual([...entries.keys()], ["cache", "mine"]);
    assert.deepEqual([places.get("cache")?.path, places.get("mine")?.path], [SHARED, LOCAL]);
  });

  it("is where a mistake in an override is shown", () => {
    const local = fileText({ cache: '{ "listen": "nowhere" }' });
    const { problems, faults } = merge(fileText({ cache: entryText() }), local);
    assert.deepEqual([problems.length, problems[0]?.path, problems[0]?.offset], [1, LOCAL, local.indexOf('"nowhere"')]);
    assert.equal(faults.get("cache"), problems[0]);
  });

  it("is not where a mistake in a property that it leaves alone is shown", () => {
    const shared = fileText({ cache: entryText({ target: "nowhere" }) });
    const { problems } = merge(shared, fileText({ cache: '{ "listen": 7000 }' }));
    assert.deepEqual([problems.length, problems[0]?.path, problems[0]?.offset], [1, SHARED, shared.indexOf('"nowhere"')]);
  });

  it("mends mistakes in what it overrides, and also a clash of listen addresses", () => {
    const shared = fileText({ a: entryText(), b: entryText() });
    assert.equal(merge(shared, fileText({})).problems.length, 1);
    assert.deepEqual(merge(shared, fileText({ b: '{ "listen": 7001 }' })).problems, []);
  });

  it("that is broken JSON holds every entry back, because it might say anything about any of them", () => {
    const { entries, broken, places } = merge(fileText({ cache: entryText() }), '{ "version": 1, "tunnels": { "cache": { "listen": 77');
    assert.deepEqual([entries.size, broken, places.has("cache")], [0, true, true]);
  });

  it("that is broken JSON also holds back entries that can't be seen in it", () => {
    assert.equal(merge(fileText({ cache: entryText() }), '{ "version": 1, "tunnels": { /* "cache": { "listen": 7777 } } }').entries.size, 0);
  });

  it("with a mistake in one entry leaves the other entries alone", () => {
    const { entries, broken } = merge(fileText({ a: entryText({ listen: 1 }), b: entryText({ listen: 2 }) }), fileText({ a: '{ "liste": 3 }' }));
    assert.deepEqual([[...entries.keys()], broken], [["b"], false]);
  });

  it("that turns a client into a server is judged by the rules for a server", () => {
    const { problems } = merge(fileText({ a: entryText({ service: "mysql", user: "app" }) }), fileText({ a: '{ "role": "server" }' }));
    assert.deepEqual([problems.length, problems[0]?.path], [1, SHARED]);
    assert.match(problems[0]?.message ?? "", /client's entry/);
  });
});
