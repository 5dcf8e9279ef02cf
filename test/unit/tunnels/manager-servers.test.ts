/**
 * Server entries of one file that share a port and a target: only their keys tell
 * them apart, whatever mistakes are made with the keys.
 */
import assert from "node:assert/strict";
import { until } from "../../support/process/until.ts";
import { stageForEach } from "../../support/stage.ts";
import { APP, CLONE, Managed } from "../../support/tunnels/managed.ts";
import { SpipedPeer, shakeAsClient } from "../../support/wire/ends.ts";
import { type Backend, closedPort, connectTo, startBackend } from "../../support/wire/peer.ts";

describe("two server entries of one file with one port and one target", () => {
  const scope = stageForEach();
  let managed: Managed;
  let backend: Backend;
  let listen: number;

  beforeEach(async () => {
    managed = new Managed(scope);
    backend = await startBackend(scope);
    listen = await closedPort();
    for (const [name, text] of [
      ["a", "key a"],
      ["b", "key b"],
    ] as const)
      managed.house.keys.set(name, text);
  });

  const entry = (key: string): Record<string, unknown> => ({ role: "server", listen, target: `127.0.0.1:${backend.port}`, key, forwardSecrecy: "prefer" });

  async function open(): Promise<void> {
    managed.house.write(APP, { a: entry("a"), b: entry("b") });
    await managed.want(managed.client(), APP, "a", "b");
  }

  /** Changes the content of key files, all of them before the daemon looks. */
  async function keysAre(texts: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(texts)) managed.house.keys.set(name, text);
    await managed.fileChanged(APP);
  }

  /** Which of these keys are accepted now. */
  async function taken(...texts: readonly string[]): Promise<string[]> {
    const results = await Promise.all(
      texts.map(async (text) =>
        shakeAsClient(await connectTo(scope, { port: listen }), text).then(
          (peer) => peer instanceof SpipedPeer,
          () => false,
        ),
      ),
    );
    return texts.filter((_, index) => results[index]);
  }

  it("go on as before when one gets the other's key by mistake, report both names, and both work again when the mistake is mended", async () => {
    await open();
    await keysAre({ a: "key b" });
    assert.deepEqual(await taken("key a", "key b"), ["key a", "key b"]);
    const { lastFailure } = managed.status(APP, "a");
    assert.equal(lastFailure?.code, "CONFIG_INVALID");
    assert.match(lastFailure?.message ?? "", /"b" and "a" have the same key|"a" and "b" have the same key/);
    await keysAre({ a: "key c" });
    assert.deepEqual(await taken("key a", "key b", "key c"), ["key b", "key c"]);
    assert.equal(managed.manager.running.length, 2);
  });

  it("can exchange their keys", async () => {
    await open();
    await keysAre({ a: "key b", b: "key a" });
    assert.deepEqual(await taken("key a", "key b"), ["key a", "key b"]);
    await keysAre({ a: "key c" });
    assert.deepEqual(await taken("key a", "key b", "key c"), ["key a", "key c"], "each has its own still");
  });

  it("refuse the one that arrives with the other's key, and open it when the key of either is mended", async () => {
    for (const [mended, keys] of [
      ["b", { b: "key c" }],
      ["a", { a: "key c" }],
    ] as const) {
      managed.house.keys.set("a", "key a");
      managed.house.keys.set("b", "key a");
      listen = await closedPort();
      await open();
      const { state, lastFailure } = managed.status(APP, "b");
      assert.deepEqual([state, lastFailure?.code], ["port-busy", "CONFIG_INVALID"]);
      assert.match(lastFailure?.message ?? "", /"a" and "b" have the same key/);
      assert.deepEqual(await taken("key a", "key c"), ["key a"]);
      await keysAre(keys);
      await until(() => managed.status(APP, "b").state === "listening", { what: `both were open once ${mended} was mended` });
      assert.deepEqual(await taken("key a", "key c"), ["key a", "key c"]);
    }
  });

  it("share no tunnel, while the same entry in another workspace still does", async () => {
    await open();
    managed.house.write(CLONE, { a: entry("a") });
    await managed.want(managed.client(), CLONE, "a");
    assert.deepEqual([managed.manager.running.length, managed.status(CLONE, "a").state], [2, "listening"]);
  });
});
