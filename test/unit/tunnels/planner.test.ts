import assert from "node:assert/strict";
import fc from "fast-check";
import { nodeSuite } from "../../../daemon/crypto/node-suite.ts";
import type { KeyLoader } from "../../../daemon/keys/key-loader.ts";
import { approvalDigest, definitionDigest } from "../../../daemon/tunnels/digest.ts";
import { approvalFacts, createPlanner, type Definition, resolveDefinition } from "../../../daemon/tunnels/planner.ts";
import { entrySchema, type KeyReference, type TunnelEntry } from "../../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { pattern, sameBytes } from "../../support/wire/bytes.ts";
import { rejectionOf } from "../../support/wire/codes.ts";

const REF = { configPath: "/srv/app/.vscode/tunnels.json", name: "cache" };
const BASE = { service: "mysql", listen: 3307, target: "db.example.com:3406", key: "team" };

/** Gives each name or path its own key; a key called "no…" is missing. */
function loaderWith(seen: { keys: Uint8Array[]; folders: string[] } = { keys: [], folders: [] }): KeyLoader {
  return {
    load: (reference: KeyReference, workspaceFolder) => {
      const text = typeof reference === "string" ? reference : reference.file;
      if (text.startsWith("no")) throw new TunnelError("KEY_NOT_FOUND", text);
      const key = nodeSuite.sha256(new TextEncoder().encode(text));
      seen.keys.push(key);
      seen.folders.push(workspaceFolder);
      const file = typeof reference === "string" ? {} : { file: text, shared: reference.shared === true };
      return { source: text, file: undefined, ...file, key, fingerprint: `print of ${text}` };
    },
  };
}

const entry = (more: Readonly<Record<string, unknown>> = {}): TunnelEntry => entrySchema.parse({ ...BASE, ...more });
const lookup = (host: string) => Promise.resolve([host === "far" ? "192.0.2.1" : "127.0.0.1"]);
const resolve = (more: Readonly<Record<string, unknown>> = {}, keys = loaderWith()): Promise<Definition> =>
  resolveDefinition(REF, entry(more), { suite: nodeSuite, keys, lookup });

describe("a definition", () => {
  it("has everything that a tunnel needs, resolved", async () => {
    const { plan, keys, beyondLoopback } = await resolve({ bind: "far", timeoutSeconds: 0.25, dnsRefreshSeconds: 1.5 });
    assert.deepEqual(plan, {
      name: "cache",
      configPath: REF.configPath,
      role: "client",
      service: "mysql",
      listen: { kind: "tcp", host: "127.0.0.1", port: 3307 },
      target: { kind: "tcp", host: "db.example.com", port: 3406 },
      bind: { kind: "tcp", host: "192.0.2.1", port: 0 },
      keys: [nodeSuite.sha256(new TextEncoder().encode("team"))],
      forwardSecrecy: "require",
      timeoutMs: 250,
      fingerprints: ["print of team"],
      keepAlive: true,
      dnsRefreshMs: 1_500,
      maxConnections: 100,
      keepsMs: 120_000,
    });
    assert.deepEqual([keys, beyondLoopback], [[{ source: "team", file: undefined, fingerprint: "print of team" }], false]);
  });

  it("looks for key files from the folder that has .vscode", async () => {
    const seen = { keys: [], folders: [] as string[] };
    await resolve({}, loaderWith(seen));
    assert.deepEqual(seen.folders, ["/srv/app"]);
  });

  it("never has a time limit of 0, which would mean no limit", async () => {
    const definition = resolveDefinition(REF, { ...entry(), timeoutSeconds: 1e-9 }, { suite: nodeSuite, keys: loaderWith(), lookup });
    assert.equal((await definition).plan.timeoutMs, 1);
  });

  it("says whether other machines can connect, by what the address means", async () => {
    for (const listen of ["0:1", "far:1", "[::]:1", "[::ffff:0.0.0.0]:1"]) assert.equal((await resolve({ listen })).beyondLoopback, true, listen);
    for (const listen of [1, "local:1", "2130706433:1", "/run/x.sock"]) assert.equal((await resolve({ listen })).beyondLoopback, false, String(listen));
  });

  it("wipes the keys it has when another one is missing", async () => {
    const seen: { keys: Uint8Array[]; folders: string[] } = { keys: [], folders: [] };
    const error = await rejectionOf(resolve({ role: "server", key: ["a", "b", "none"] }, loaderWith(seen)));
    assert.equal(error.code, "KEY_NOT_FOUND");
    for (const key of seen.keys) sameBytes(key, new Uint8Array(32));
    assert.equal(seen.keys.length, 2);
  });
});

/** Entries that differ from BASE in one thing, and which digest changes. */
const CHANGES: readonly (readonly [Readonly<Record<string, unknown>>, { readonly definition: boolean; readonly approval: boolean }])[] = [
  [{ role: "server" }, { definition: true, approval: true }],
  [{ listen: 3308 }, { definition: true, approval: true }],
  [{ listen: "0.0.0.0:3307" }, { definition: true, approval: true }],
  [{ target: "evil.example:3406" }, { definition: true, approval: true }],
  [{ bind: "192.0.2.9" }, { definition: true, approval: true }],
  [{ key: "other" }, { definition: true, approval: true }],
  [{ key: { file: "team" } }, { definition: false, approval: true }],
  [{ key: { file: "team", shared: true } }, { definition: false, approval: true }],
  [{ env: { A: "1" } }, { definition: false, approval: true }],
  [{ env: { A: "2" } }, { definition: false, approval: true }],
  [{ env: { B: "1" } }, { definition: false, approval: true }],
  [{ user: "app" }, { definition: false, approval: true }],
  [{ database: "app" }, { definition: false, approval: true }],
  [{ service: "tcp" }, { definition: true, approval: false }],
  [{ forwardSecrecy: "off" }, { definition: true, approval: true }],
  [{ wire: "spiped" }, { definition: true, approval: true }],
  [{ wire: "native" }, { definition: true, approval: true }],
  [{ wire: "auto" }, { definition: false, approval: false }],
  [{ backend: "replica" }, { definition: true, approval: true }],
  [
    { role: "server", targets: { replica: "127.0.0.1:1" } },
    { definition: true, approval: true },
  ],
  [
    { role: "server", allow: ["10.0.0.0/24:1"] },
    { definition: true, approval: true },
  ],
  [{ maxConnections: 5 }, { definition: true, approval: false }],
  [{ timeoutSeconds: 6 }, { definition: true, approval: false }],
  [{ resumeSeconds: 0 }, { definition: true, approval: false }],
  [{ resumeSeconds: 120 }, { definition: false, approval: false }],
  [{ refusal: "close" }, { definition: true, approval: false }],
  [{ refusal: "answer" }, { definition: false, approval: false }],
  [{ keepAlive: false }, { definition: true, approval: false }],
  [{ dnsRefreshSeconds: 61 }, { definition: true, approval: false }],
  [{ autoOpen: true }, { definition: false, approval: false }],
  [{ group: "g" }, { definition: false, approval: false }],
  [{ color: "red" }, { definition: false, approval: false }],
  [{ confirm: true }, { definition: false, approval: false }],
  [{ keepOpen: true }, { definition: false, approval: false }],
  [{ tls: true }, { definition: true, approval: true }],
  [{ tls: false }, { definition: false, approval: false }],
  [{ listen: "127.0.0.1:3307" }, { definition: false, approval: false }],
  [{ listen: "local:3307" }, { definition: false, approval: false }],
  [{ key: ["team"] }, { definition: false, approval: false }],
];

describe("the digests of a definition", () => {
  it("ask for a new approval when a key file is said to be shared", async () => {
    const [one, shared] = [await resolve({ key: { file: "k" } }), await resolve({ key: { file: "k", shared: true } })];
    assert.notEqual(approvalDigest(nodeSuite, one), approvalDigest(nodeSuite, shared));
    assert.deepEqual(approvalFacts(nodeSuite, shared, { approvedBefore: false }).keys, [{ source: "k", fingerprint: "print of k", shared: true }]);
  });

  for (const [more, expected] of CHANGES) {
    const word = (changes: boolean) => (changes ? "changes" : "stays");
    it(`with ${JSON.stringify(more)}: who may share it ${word(expected.definition)}, what is approved ${word(expected.approval)}`, async () => {
      const [one, other] = await Promise.all([resolve(), resolve(more)]);
      assert.equal(definitionDigest(nodeSuite, one) !== definitionDigest(nodeSuite, other), expected.definition);
      assert.equal(approvalDigest(nodeSuite, one) !== approvalDigest(nodeSuite, other), expected.approval);
    });
  }

  it("have a case for every property of an entry", () => {
    const changed = new Set(CHANGES.flatMap(([more]) => Object.keys(more)));
    assert.deepEqual([...changed].toSorted(), Object.keys(entrySchema.shape).toSorted());
  });

  it("don't depend on the name, nor on the file", async () => {
    const one = await resolve();
    const other = await resolveDefinition({ configPath: "/other", name: "other" }, entry(), { suite: nodeSuite, keys: loaderWith(), lookup });
    assert.equal(definitionDigest(nodeSuite, one), definitionDigest(nodeSuite, other));
  });

  it("don't depend on the order of a server's keys, nor on the order of variables", async () => {
    const one = await resolve({ role: "server", key: ["a", "b"], env: { A: "1", B: "2", "10": "x", "9": "y" } });
    const other = await resolve({ role: "server", key: ["b", "a"], env: { "9": "y", B: "2", A: "1", "10": "x" } });
    assert.equal(definitionDigest(nodeSuite, one), definitionDigest(nodeSuite, other));
    assert.equal(approvalDigest(nodeSuite, one), approvalDigest(nodeSuite, other));
  });

  it("are never the same for two purposes", async () => {
    const one = await resolve();
    assert.notEqual(definitionDigest(nodeSuite, one), approvalDigest(nodeSuite, one));
  });

  it("change exactly when the approved things do", () => {
    const text = fc.string({ minLength: 1, maxLength: 6 });
    const approved = fc.record({
      listen: fc.nat(65_535),
      target: fc.constantFrom("a:1", "b:1", "a:2"),
      key: fc.constantFrom("k1", "k2"),
      env: fc.dictionary(text, text, { maxKeys: 3 }),
      user: text,
      database: fc.oneof(text, fc.nat(9)),
    });
    // Values are the same if their JSON is the same: entries come from JSON, and zod drops a variable called __proto__.
    const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
    const plain = (value: { readonly env: object }) => {
      const { env, ...rest } = value;
      return [rest, Object.entries(env).toSorted()];
    };
    return fc.assert(
      fc.asyncProperty(
        approved,
        approved,
        fc.constantFrom(...Object.keys({ listen: 0, target: 0, key: 0, env: 0, user: 0, database: 0 })),
        async (a, other, property) => {
          const b = { ...a, [property]: other[property as keyof typeof other] };
          const [one, two] = await Promise.all([resolve(a), resolve(b)]);
          assert.equal(approvalDigest(nodeSuite, one) === approvalDigest(nodeSuite, two), same(plain(one.entry as never), plain(two.entry as never)));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("what the user is asked to approve", () => {
  it("is every fact that the digest covers", async () => {
    const definition = await resolve({
      listen: "0:3307",
      bind: "192.0.2.9",
      user: "app",
      database: "orders",
      env: { A: "x" },
      key: { file: "/keys/k" },
    });
    assert.deepEqual(approvalFacts(nodeSuite, definition, { approvedBefore: true }), {
      ...REF,
      digest: approvalDigest(nodeSuite, definition),
      role: "client",
      listen: "0.0.0.0:3307",
      beyondLoopback: true,
      target: "db.example.com:3406",
      bind: "192.0.2.9:0",
      keys: [{ source: "/keys/k", fingerprint: "print of /keys/k" }],
      forwardSecrecy: "require",
      env: { A: "x" },
      user: "app",
      database: "orders",
      approvedBefore: true,
    });
  });

  it("never has the key in it", async () => {
    const definition = await resolve();
    const [key = pattern(32)] = definition.plan.keys;
    const text = JSON.stringify(approvalFacts(nodeSuite, definition, { approvedBefore: false }));
    for (const form of ["hex", "base64"] as const) assert.ok(!text.includes(Buffer.from(key).toString(form)));
  });

  it("comes with the plan from the planner", async () => {
    const planner = createPlanner({ suite: nodeSuite, keys: loaderWith(), lookup, wasApproved: ({ name }) => name === "cache" });
    const { plan, digest, facts } = await planner.plan(REF, entry());
    const definition = await resolve();
    assert.deepEqual(
      [plan, digest, facts],
      [definition.plan, definitionDigest(nodeSuite, definition), approvalFacts(nodeSuite, definition, { approvedBefore: true })],
    );
  });
});
