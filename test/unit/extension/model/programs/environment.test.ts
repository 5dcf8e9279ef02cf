// biome-ignore-all lint/suspicious/noTemplateCurlyInString: placeholders of tunnels.json are written that way
/** Which variables programs get from tunnels, and which tunnels a name means. */
import assert from "node:assert/strict";
import { launchTunnels, namesInEnvFile, needsOpening, withVariables } from "../../../../../extension/model/programs/debug-launch.ts";
import { folderEnvironment, valuesOf } from "../../../../../extension/model/programs/environment.ts";
import { findTunnel, unknownTunnelText } from "../../../../../extension/model/programs/find-tunnel.ts";
import { english } from "../../../../../extension/model/translate.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";
import { approvedFacts } from "../../../../support/status.ts";
import { FOLDER, OTHER, PERSONAL, tunnelItem } from "../../../../support/tunnel-item.ts";

const variablesOf = (...items: readonly TunnelItem[]): Record<string, string> => Object.fromEntries(folderEnvironment(items, FOLDER).variables);

describe("the environment of a workspace folder", () => {
  it("has URL, host and port of an open tunnel, and what its env says", () => {
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
    it(`has nothing of a tunnel that ${what}`, () => {
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

  it("has a degraded tunnel: its port is there and its state may be old", () => {
    assert.equal(variablesOf(tunnelItem({ status: { state: "degraded" } }))["TUNNEL_CACHE_PORT"], "6579");
  });

  it("lacks a variable that two tunnels set, and names both", () => {
    const [one, other] = [tunnelItem({ name: "one", entry: { env: { DB: "${url}" } } }), tunnelItem({ name: "other", entry: { env: { DB: "${url}" } } })];
    const { variables, conflicts } = folderEnvironment([one, other], FOLDER);
    assert.equal(variables.has("DB"), false);
    assert.equal(variables.has("TUNNEL_ONE_URL"), true);
    assert.deepEqual(conflicts, [{ tunnels: [one, other], variables: ["DB"] }]);
  });

  it("tells once of all variables about which the same two tunnels are at odds", () => {
    const { conflicts } = folderEnvironment([tunnelItem({ name: "my-cache" }), tunnelItem({ name: "my.cache" })], FOLDER);
    assert.deepEqual(
      conflicts.map(({ variables }) => variables),
      [["TUNNEL_MY_CACHE_URL", "TUNNEL_MY_CACHE_HOST", "TUNNEL_MY_CACHE_PORT"]],
    );
  });

  it("has no conflict with a tunnel that is closed", () => {
    const closed = tunnelItem({ source: PERSONAL, status: { state: "closed" } });
    assert.deepEqual(folderEnvironment([tunnelItem(), closed], FOLDER).conflicts, []);
  });

  it("names the tunnels it is made from", () => {
    const item = tunnelItem();
    assert.deepEqual(folderEnvironment([item, tunnelItem({ name: "idle", status: null })], FOLDER).from, [item]);
  });
});

describe("the values of a tunnel", () => {
  it("have the user and the database in the URL", () => {
    const item = tunnelItem({ entry: { service: "mysql", user: "app", database: "orders" } });
    assert.deepEqual(valuesOf(item), { url: "mysql://app@127.0.0.1:6579/orders", host: "127.0.0.1", port: "6579", name: "cache" });
  });

  it("are not there while the entry is not approved", () => {
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

  it("means the workspace's tunnel before the user's when it is seen from no folder", () => {
    assert.deepEqual(findTunnel([own, mine], "cache", undefined), { at: "found", item: own });
  });

  it("that no tunnel has leads to the nearest one", () => {
    const found = findTunnel([own], "cahce", FOLDER);
    assert.ok(found.at === "unknown");
    assert.equal(unknownTunnelText(found, english), 'There is no tunnel "cahce". Did you mean "cache"?');
  });

  it("that resembles the name of a faulty entry brings no link of that into the message", () => {
    const faulty = tunnelItem({ more: { name: "[c](command:x)", entry: undefined } });
    const found = findTunnel([faulty], "[c](command:y)", FOLDER);
    assert.ok(found.at === "unknown");
    assert.doesNotMatch(unknownTunnelText(found, english), /\]\(/);
  });

  it("that resembles none is only said to be unknown", () => {
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

  it("are with * those that open with the workspace, of this folder", () => {
    const elsewhere = tunnelItem({ source: OTHER, name: "auto", entry: { autoOpen: true } });
    assert.deepEqual(launchTunnels([elsewhere, plain, auto], ["*"], FOLDER), { at: "known", items: [auto] });
  });

  it("are none when one of the names is unknown", () => {
    assert.deepEqual(launchTunnels([plain, auto], ["auto", "plian"], FOLDER), { at: "unknown", name: "plian", nearest: "plain" });
  });

  const verified = { state: "verified", backendVerifiedAtMs: 100_000 } as const;

  it("leave out one that was verified a moment ago", () => {
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
    it(`include one that ${what}`, () => {
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

  it("gets the variables beside its own, which win", () => {
    assert.deepEqual(withVariables({ type: "node", env: { A: "own", C: "own" } }, variables, rules), {
      type: "node",
      env: { A: "own", B: "tunnel", C: "own" },
    });
  });

  it("gets them when it has none", () => {
    assert.deepEqual(withVariables({ type: "go" }, variables, rules), { type: "go", env: { A: "tunnel", B: "tunnel" } });
  });

  it("keeps a variable unset that it unsets", () => {
    assert.deepEqual(withVariables({ env: { A: null } }, variables, rules), { env: { A: null, B: "tunnel" } });
  });

  it("of a C++ debugger gets them as a list", () => {
    assert.deepEqual(withVariables({ type: "cppdbg", environment: [{ name: "A", value: "own" }] }, variables, rules), {
      type: "cppdbg",
      environment: [
        { name: "A", value: "own" },
        { name: "B", value: "tunnel" },
      ],
    });
  });

  it("does not get what its envFile sets", () => {
    assert.deepEqual(withVariables({}, variables, { ...rules, taken: new Set(["B"]) }), { env: { A: "tunnel" } });
  });

  it("counts names that differ in case as the same on Windows", () => {
    assert.deepEqual(withVariables({ env: { a: "own" } }, variables, { ...rules, ignoreCase: true }), { env: { a: "own", B: "tunnel" } });
  });

  for (const config of [{ env: ["A=own"] }, { env: "inherit" }, { type: "cppdbg", environment: "inherit" }]) {
    it(`stays as it is with ${JSON.stringify(config)}`, () => {
      assert.equal(withVariables(config, variables, rules), config);
    });
  }
});

describe("a file of variables", () => {
  it("sets the names before the equals signs", () => {
    assert.deepEqual(namesInEnvFile("# C=1\nA=1\n export B = x\n\nbroken\nD.e=\r\n"), ["A", "B", "D.e"]);
  });
});
