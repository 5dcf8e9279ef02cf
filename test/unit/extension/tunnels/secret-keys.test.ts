/** Keys in VS Code's secret storage: supplied with each connection, and missed when they are gone. */
import assert from "node:assert/strict";
import { SecretKeys, type SecretKeysOptions } from "../../../../extension/tunnels/secret-keys.ts";
import type { MethodName, Params, Result } from "../../../../shared/contract/methods.ts";
import { TunnelError } from "../../../../shared/errors.ts";

const BYTES = Uint8Array.from({ length: 32 }, (_, index) => index);
const BASE64 = Buffer.from(BYTES).toString("base64");

/** A daemon that takes keys, and the keys that it has been given. */
class Taker {
  readonly put: { readonly name: string; readonly key: string }[] = [];
  refuses = "";

  request<M extends MethodName>(name: M, params: Params<M>): Promise<Result<M>> {
    assert.equal(name, "keys/put");
    const given = params as Params<"keys/put">;
    if (given.name === this.refuses) return Promise.reject(new TunnelError("KEY_WEAK", "no"));
    this.put.push(given);
    return Promise.resolve({ fingerprint: `fp-${given.name}` } as Result<M>);
  }
}

/** The storage, its index, and what is reported. */
function stage(more: Partial<SecretKeysOptions> = {}) {
  const secrets = new Map<string, string>();
  const index = new Map<string, unknown>();
  const vanished: string[] = [];
  const failures: string[] = [];
  const keys = new SecretKeys({
    secrets: {
      get: (key) => Promise.resolve(secrets.get(key)),
      store: (key, value) => Promise.resolve(void secrets.set(key, value)),
      delete: (key) => Promise.resolve(void secrets.delete(key)),
    },
    index: {
      get: <T>(key: string, fallback: T) => (index.has(key) ? (index.get(key) as T) : fallback),
      update: (key, value) => Promise.resolve(void (value === undefined ? index.delete(key) : index.set(key, value))),
    },
    onVanished: (name) => void vanished.push(name),
    onFailure: (name) => void failures.push(name),
    ...more,
  });
  return { keys, secrets, index, vanished, failures, taker: new Taker() };
}

describe("keys in the secret storage", () => {
  it("are kept under a name; the index has their fingerprints, never the keys", async () => {
    const { keys, secrets, index, taker } = stage();
    assert.equal(await keys.add("team", BYTES, taker), "fp-team");
    assert.deepEqual(keys.keys, [{ name: "team", fingerprint: "fp-team" }]);
    assert.deepEqual([...secrets.values()], [BASE64]);
    assert.equal(JSON.stringify([...index]).includes(BASE64), false);
  });

  it("are not kept when the daemon refuses them", async () => {
    const { keys, secrets, taker } = stage();
    taker.refuses = "team";
    await assert.rejects(keys.add("team", BYTES, taker), { code: "KEY_WEAK" });
    assert.deepEqual([secrets.size, keys.keys.length], [0, 0]);
  });

  it("are all put into each daemon that the window connects to", async () => {
    const { keys, taker } = stage();
    await keys.add("one", BYTES, taker);
    await keys.add("two", BYTES, taker);
    const next = new Taker();
    await keys.supplyAll(next);
    assert.deepEqual(
      next.put.map(({ name, key }) => [name, key]),
      [
        ["one", BASE64],
        ["two", BASE64],
      ],
    );
  });

  it("are reported once, by name, when the storage has lost them", async () => {
    const { keys, secrets, vanished, taker } = stage();
    await keys.add("one", BYTES, taker);
    await keys.add("two", BYTES, taker);
    secrets.delete("encryptedTunnels.key.one");
    await keys.supplyAll(taker);
    await keys.supplyAll(taker);
    assert.deepEqual(vanished, ["one"]);
  });

  it("are reported again when they were there in between", async () => {
    const { keys, secrets, vanished, taker } = stage();
    await keys.add("one", BYTES, taker);
    secrets.clear();
    await keys.supplyAll(taker);
    await keys.add("one", BYTES, taker);
    secrets.clear();
    await keys.supplyAll(taker);
    assert.deepEqual(vanished, ["one", "one"]);
  });

  it("still reach the daemon when it refuses one of them", async () => {
    const { keys, failures, taker } = stage();
    await keys.add("one", BYTES, taker);
    await keys.add("two", BYTES, taker);
    const next = new Taker();
    next.refuses = "one";
    await keys.supplyAll(next);
    assert.deepEqual([failures, next.put.map(({ name }) => name)], [["one"], ["two"]]);
  });

  it("don't delay a connection when the storage does not answer", async () => {
    const never = { get: () => new Promise<undefined>(() => {}), store: () => Promise.resolve(), delete: () => Promise.resolve() };
    const { keys, failures, vanished, taker } = stage({ secrets: never, patienceMs: 1 });
    await keys.add("one", BYTES, taker);
    const next = new Taker();
    await keys.supplyAll(next);
    assert.deepEqual([next.put, failures, vanished], [[], [], []]);
  });

  it("are put late rather than never when the storage is slow", async () => {
    let answer: (value: string) => void = () => {};
    const slow = { get: () => new Promise<string>((resolve) => (answer = resolve)), store: () => Promise.resolve(), delete: () => Promise.resolve() };
    const { keys, taker } = stage({ secrets: slow, patienceMs: 1 });
    await keys.add("one", BYTES, taker);
    const next = new Taker();
    await keys.supplyAll(next);
    assert.equal(next.put.length, 0);
    answer(BASE64);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(next.put.length, 1);
  });

  it("are reported when the storage itself fails, and the others are supplied", async () => {
    const broken = { get: () => Promise.reject(new Error("locked")), store: () => Promise.resolve(), delete: () => Promise.resolve() };
    const { keys, failures, taker } = stage({ secrets: broken });
    await keys.add("one", BYTES, taker);
    await keys.supplyAll(taker);
    assert.deepEqual(failures, ["one"]);
  });

  it("are read as the same bytes that were stored", async () => {
    const { keys, taker } = stage();
    await keys.add("one", BYTES, taker);
    assert.deepEqual([await keys.read("one"), await keys.read("other")], [BYTES, undefined]);
  });

  it("leave nothing behind when they are forgotten", async () => {
    const { keys, secrets, index, taker } = stage();
    await keys.add("one", BYTES, taker);
    await keys.forget("one");
    assert.deepEqual([secrets.size, index.size, keys.has("one")], [0, 0, false]);
  });

  it("are none when the index holds something else", async () => {
    for (const strange of ["x", [{ name: 1 }], null, [null]]) {
      const { keys, index, taker } = stage();
      index.set("encryptedTunnels.secretKeys", strange);
      await keys.supplyAll(taker);
      assert.deepEqual([keys.keys, taker.put], [[], []]);
    }
  });
});
