// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of tunnels.json are written that way
/** Which variables programs get from tunnels, and which tunnels a name means. */
import assert from "node:assert/strict";
import { launchTunnels, namesInEnvFile, needsOpening, withVariables } from "../../../../../extension/model/programs/debug-launch.ts";
import {
  closedTunnels,
  envFilesOf,
  environmentTexts,
  neededTunnels,
  openFirstQuestion,
  startAnywayQuestion,
} from "../../../../../extension/model/programs/debug-offer.ts";
import { folderEnvironment, terminalEnvironment, valuesOf } from "../../../../../extension/model/programs/environment.ts";
import { findTunnel, unknownTunnelText } from "../../../../../extension/model/programs/find-tunnel.ts";
import { english } from "../../../../../extension/model/translate.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";
import { approvedFacts } from "../../../../support/status.ts";
import { FOLDER, OTHER, PERSONAL, tunnelItem } from "../../../../support/tunnel-item.ts";

const variablesOf = (...items: readonly TunnelItem[]): Record<string, string> => Object.fromEntries(folderEnvironment(items, FOLDER).variables);

describe("the environment of a workspace folder", () => {
  it("has URL, host and port of an open tunnel, and the variables of its env", () => {
    assert.deepEqual(variablesOf(tunnelItem({ entry: { env: { REDIS: "${url}/1" } } })), {
      TUNNEL_CACHE_URL: "redis://127.0.0.1:6579",
      TUNNEL_CACHE_HOST: "127.0.0.1",
      TUNNEL_CACHE_PORT: "6579",
      REDIS: "redis://127.0.0.1:6579/1",
    });
  });

  it("has the port at which the tunnel really listens", () => {
    assert.equal(variablesOf(tunnelItem({ entry: { listen: 0 }, status: { listen: "127.0.0.1:40123" } }))["TUNNEL_CACHE_PORT"], "40123");
  });

  for (const [what, item] of [
    ["is closed", tunnelItem({ status: { state: "closed" } })],
    ["is unknown to the daemon", tunnelItem({ status: null })],
    ["only drains", tunnelItem({ status: { state: "draining" } })],
    ["has an entry that has changed since it was approved", tunnelItem({ more: { approval: { at: "pending", facts: approvedFacts() } } })],
    ["nobody has asked about yet", tunnelItem({ more: { approval: { at: "unknown" } } })],
    ["is a server's end", tunnelItem({ entry: { role: "server" } })],
    ["is no longer in its file", tunnelItem({ more: { entry: undefined } })],
    ["listens at an address that can't be read", tunnelItem({ status: { listen: "somewhere" } })],
    ["is another folder's", tunnelItem({ source: OTHER })],
  ] as const) {
    it(`has nothing from a tunnel that ${what}`, () => {
      assert.deepEqual(variablesOf(item), {});
    });
  }

  it("has the user's own tunnels too", () => {
    assert.equal(variablesOf(tunnelItem({ source: PERSONAL, name: "mine" }))["TUNNEL_MINE_PORT"], "6579");
  });

  it("has only the user's own tunnels when the window has no folder", () => {
    const { variables } = folderEnvironment([tunnelItem(), tunnelItem({ source: PERSONAL, name: "mine" })], undefined);
    assert.deepEqual([...variables.keys()], ["TUNNEL_MINE_URL", "TUNNEL_MINE_HOST", "TUNNEL_MINE_PORT"]);
  });

  it("includes a degraded tunnel: its port is open and its state may be old", () => {
    assert.equal(variablesOf(tunnelItem({ status: { state: "degraded" } }))["TUNNEL_CACHE_PORT"], "6579");
  });

  it("lacks a variable that two tunnels set, and names both", () => {
    const [one, other] = [tunnelItem({ name: "one", entry: { env: { DB: "${url}" } } }), tunnelItem({ name: "other", entry: { env: { DB: "${url}" } } })];
    const { variables, conflicts } = folderEnvironment([one, other], FOLDER);
    assert.equal(variables.has("DB"), false);
    assert.equal(variables.has("TUNNEL_ONE_URL"), true);
    assert.deepEqual(conflicts, [{ tunnels: [one, other], variables: ["DB"] }]);
  });

  it("puts all variables that the same two tunnels set into one conflict", () => {
    const { conflicts } = folderEnvironment([tunnelItem({ name: "my-cache" }), tunnelItem({ name: "my.cache" })], FOLDER);
    assert.deepEqual(
      conflicts.map(({ variables }) => variables),
      [["TUNNEL_MY_CACHE_URL", "TUNNEL_MY_CACHE_HOST", "TUNNEL_MY_CACHE_PORT"]],
    );
  });

  it("has no conflict with a closed tunnel", () => {
    const closed = tunnelItem({ source: PERSONAL, status: { state: "closed" } });
    assert.deepEqual(folderEnvironment([tunnelItem(), closed], FOLDER).conflicts, []);
  });

  it("names the tunnels that it is made from", () => {
    const item = tunnelItem();
    assert.deepEqual(folderEnvironment([item, tunnelItem({ name: "idle", status: null })], FOLDER).from, [item]);
  });
});

describe("the values of a tunnel", () => {
  it("have the user and the database in the URL", () => {
    const item = tunnelItem({ entry: { service: "mysql", user: "app", database: "orders" } });
    assert.deepEqual(valuesOf(item), { url: "mysql://app@127.0.0.1:6579/orders", host: "127.0.0.1", port: "6579", name: "cache" });
  });

  it("are absent while the entry is not approved", () => {
    assert.equal(valuesOf(tunnelItem({ more: { approval: { at: "unknown" } } })), undefined);
  });
});

describe("a tunnel's bare name", () => {
  const [own, mine, other] = [tunnelItem(), tunnelItem({ source: PERSONAL }), tunnelItem({ source: OTHER })];

  it("means the folder's own tunnel before the user's", () => {
    assert.deepEqual(findTunnel([other, mine, own], "cache", FOLDER), { at: "found", item: own });
  });

  it("means the user's own tunnel before another folder's", () => {
    assert.deepEqual(findTunnel([other, mine], "cache", FOLDER), { at: "found", item: mine });
  });

  it("means another folder's tunnel when no nearer one has it", () => {
    assert.deepEqual(findTunnel([other], "cache", FOLDER), { at: "found", item: other });
  });

  it("means the workspace's tunnel before the user's when there is no particular folder", () => {
    assert.deepEqual(findTunnel([own, mine], "cache", undefined), { at: "found", item: own });
  });

  it("suggests the nearest name when no tunnel has it", () => {
    const found = findTunnel([own], "cahce", FOLDER);
    assert.ok(found.at === "unknown");
    assert.equal(unknownTunnelText(found, english), 'There is no tunnel "cahce". Did you mean "cache"?');
  });

  it("brings no link into the message when it resembles the name of a faulty entry", () => {
    const faulty = tunnelItem({ more: { name: "[c](command:x)", entry: undefined } });
    const found = findTunnel([faulty], "[c](command:y)", FOLDER);
    assert.ok(found.at === "unknown");
    assert.doesNotMatch(unknownTunnelText(found, english), /\]\(/);
  });

  it("is only reported as unknown when it resembles no other name", () => {
    const found = findTunnel([own], "warehouse", FOLDER);
    assert.ok(found.at === "unknown");
    assert.equal(unknownTunnelText(found, english), 'There is no tunnel "warehouse". Look at the names in tunnels.json.');
  });
});

describe("the tunnels to open before debugging", () => {
  const [plain, auto] = [tunnelItem({ name: "plain" }), tunnelItem({ name: "auto", entry: { autoOpen: true } })];

  it("are those that the setting names, each once", () => {
    assert.deepEqual(launchTunnels([plain, auto], ["auto", "plain", "auto"], FOLDER), { at: "known", items: [auto, plain] });
  });

  it("are this folder's tunnels that open with the workspace when the setting is *", () => {
    const elsewhere = tunnelItem({ source: OTHER, name: "auto", entry: { autoOpen: true } });
    assert.deepEqual(launchTunnels([elsewhere, plain, auto], ["*"], FOLDER), { at: "known", items: [auto] });
  });

  it("are none when one of the names is unknown", () => {
    assert.deepEqual(launchTunnels([plain, auto], ["auto", "plian"], FOLDER), { at: "unknown", name: "plian", nearest: "plain" });
  });

  const verified = { state: "verified", backendVerifiedAtMs: 100_000 } as const;

  it("leave out a tunnel that was verified a moment ago", () => {
    assert.equal(needsOpening(tunnelItem({ status: verified }), 130_000), false);
  });

  for (const [what, item] of [
    ["was verified long ago", tunnelItem({ status: { ...verified, backendVerifiedAtMs: 1 } })],
    ["has never been verified", tunnelItem()],
    ["has failed since", tunnelItem({ status: { ...verified, state: "degraded" } })],
    ["only another window keeps open", tunnelItem({ status: verified, more: { wanted: false } })],
    ["has to be approved again", tunnelItem({ status: verified, more: { approval: { at: "pending", facts: approvedFacts() } } })],
    ["is closed", tunnelItem({ status: { ...verified, state: "closed" } })],
  ] as const) {
    it(`include a tunnel that ${what}`, () => {
      assert.equal(needsOpening(item, 130_000), true);
    });
  }
});

describe("a launch configuration", () => {
  const variables = new Map([
    ["A", "tunnel"],
    ["B", "tunnel"],
  ]);
  const rules = { taken: new Set<string>(), ignoreCase: false };

  it("gets the variables in addition to its own, which win", () => {
    assert.deepEqual(withVariables({ type: "node", env: { A: "own", C: "own" } }, variables, rules), {
      type: "node",
      env: { A: "own", B: "tunnel", C: "own" },
    });
  });

  it("gets the variables when it has none of its own", () => {
    assert.deepEqual(withVariables({ type: "go" }, variables, rules), { type: "go", env: { A: "tunnel", B: "tunnel" } });
  });

  it("keeps a variable unset if it unsets it", () => {
    assert.deepEqual(withVariables({ env: { A: null } }, variables, rules), { env: { A: null, B: "tunnel" } });
  });

  it("gets the variables as a list for a C++ debugger", () => {
    assert.deepEqual(withVariables({ type: "cppdbg", environment: [{ name: "A", value: "own" }] }, variables, rules), {
      type: "cppdbg",
      environment: [
        { name: "A", value: "own" },
        { name: "B", value: "tunnel" },
      ],
    });
  });

  it("does not get variables that its envFile sets", () => {
    assert.deepEqual(withVariables({}, variables, { ...rules, taken: new Set(["B"]) }), { env: { A: "tunnel" } });
  });

  it("treats names that differ in case as the same on Windows", () => {
    assert.deepEqual(withVariables({ env: { a: "own" } }, variables, { ...rules, ignoreCase: true }), { env: { a: "own", B: "tunnel" } });
  });

  for (const config of [{ env: ["A=own"] }, { env: "inherit" }, { type: "cppdbg", environment: "inherit" }]) {
    it(`is not changed if it is ${JSON.stringify(config)}`, () => {
      assert.equal(withVariables(config, variables, rules), config);
    });
  }
});

describe("a file of variables", () => {
  it("sets the names before the equals signs", () => {
    assert.deepEqual(namesInEnvFile("# C=1\nA=1\n export B = x\n\nbroken\nD.e=\r\n"), ["A", "B", "D.e"]);
  });
});

describe("the environment of terminals", () => {
  const closed = (name: string, entry: Parameters<typeof tunnelItem>[0] = {}): TunnelItem => tunnelItem({ ...entry, name, status: null });
  const terminalOf = (...items: readonly TunnelItem[]): Record<string, string> => Object.fromEntries(terminalEnvironment(items, FOLDER).variables);

  it("does not change when an approved tunnel opens or closes", () => {
    const entry = { listen: 6579, env: { REDIS: "${url}/1" } };
    const [before, after] = [terminalOf(closed("cache", { entry })), terminalOf(tunnelItem({ name: "cache", entry, status: { listen: "127.0.0.1:6579" } }))];
    assert.deepEqual(before, after);
    assert.equal(before["REDIS"], "redis://127.0.0.1:6579/1");
  });

  it("has nothing of a closed tunnel that takes any free port, is not approved, or is a server's end", () => {
    for (const item of [
      closed("cache", { entry: { listen: 0 } }),
      closed("cache", { more: { approval: { at: "pending", facts: approvedFacts() } } }),
      closed("cache", { more: { approval: { at: "unknown" } } }),
      closed("cache", { entry: { role: "server" } }),
    ])
      assert.deepEqual(terminalOf(item), {});
  });

  it("has what the open one of two tunnels sets, and of two closed ones neither, without a complaint", () => {
    const entry = { env: { DB: "${name}" } };
    const both = terminalEnvironment([closed("one", { entry }), closed("other", { entry })], FOLDER);
    assert.equal(both.variables.has("DB"), false);
    assert.deepEqual(both.conflicts, []);
    assert.equal(terminalOf(closed("one", { entry }), tunnelItem({ name: "other", entry }))["DB"], "other");
  });
});

describe("the tunnels that a launch configuration needs", () => {
  const cache = tunnelItem({ name: "cache", status: null, entry: { env: { SHOP_CACHE: "${url}" } } });
  const namesOf = (...texts: readonly string[]): string[] => neededTunnels(closedTunnels([cache], FOLDER), texts).flatMap(({ variables }) => [...variables]);

  it("are those whose variables its env names, as a name or in a value", () => {
    assert.deepEqual(namesOf(...environmentTexts({ env: { SHOP_CACHE: "x" } })), ["SHOP_CACHE"]);
    assert.deepEqual(namesOf(...environmentTexts({ env: { URL: `\${env:TUNNEL_CACHE_URL}` } })), ["TUNNEL_CACHE_URL"]);
    assert.deepEqual(namesOf(...environmentTexts({ environment: [{ name: "A", value: "$TUNNEL_CACHE_PORT" }] })), ["TUNNEL_CACHE_PORT"]);
    assert.deepEqual(namesOf("SHOP_CACHE=redis://localhost\n"), ["SHOP_CACHE"]);
  });

  it("are none when only a part of a longer name is there, or nothing at all", () => {
    for (const config of [
      { env: { MY_SHOP_CACHE_2: "TUNNEL_CACHE_URLS" } },
      {},
      { env: null },
      { env: ["SHOP_CACHE"], environment: {} },
      { env: { A: 1 } },
    ].slice(0, 3))
      assert.deepEqual(namesOf(...environmentTexts(config)), []);
  });

  it("are closed, of this folder, and client ends", () => {
    for (const item of [tunnelItem(), tunnelItem({ status: null, source: OTHER }), tunnelItem({ status: null, entry: { role: "server" } })])
      assert.deepEqual(neededTunnels(closedTunnels([item], FOLDER), ["TUNNEL_CACHE_URL"]), []);
  });

  it("are looked for in each of its files of variables", () => {
    assert.deepEqual(envFilesOf({ envFile: [`\${workspaceFolder}/.env`, "", 3, "/b"] }, "/w$&"), ["/w$&/.env", "/b"]);
    assert.deepEqual(envFilesOf({}, "/w"), []);
  });

  it("are asked about in one question that says why", () => {
    const question = openFirstQuestion(neededTunnels(closedTunnels([cache], FOLDER), ["SHOP_CACHE"]), english);
    assert.deepEqual(question, { message: "Open cache first?", detail: "cache is closed. The launch configuration names SHOP_CACHE." });
  });

  it("that do not work are one question, with the reason of each", () => {
    const failed = [{ item: cache, code: "CONNECT_REFUSED", message: "x" }];
    assert.deepEqual(startAnywayQuestion(failed, english), {
      message: "Tunnel cache is not working. Start debugging anyway?",
      detail: "Connection refused (CONNECT_REFUSED)",
    });
  });
});
