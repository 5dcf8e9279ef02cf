/** Three Redis servers behind one port: the key of each client tells which one it gets. Debian's spiped is every client. */
import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { freePort } from "../../scripts/lib/ports.mjs";
import { startEnd } from "../support/process/ends.ts";
import { approveAndWant, find, Home, portOf } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { startRedis } from "../support/servers.ts";
import { stageForEach } from "../support/stage.ts";

const NAMES = ["one", "two", "three"] as const;

describe("one server port for several backends", () => {
  const stage = stageForEach();

  async function redisThrough(port: number): Promise<string | null> {
    const redis = new Redis({ port, host: "127.0.0.1", lazyConnect: true, retryStrategy: () => null });
    redis.on("error", () => {});
    try {
      await redis.connect();
      return await redis.get("who");
    } finally {
      redis.disconnect();
    }
  }

  it("serves three Redis to three of Debian's clients, each by its key, through a change of a key", async () => {
    const home = new Home(stage);
    const backends = await Promise.all(NAMES.map(() => startRedis()));
    for (const backend of backends) stage.own(() => backend.stop());
    for (const [index, { port }] of backends.entries()) {
      const redis = new Redis({ port, host: "127.0.0.1" });
      await redis.set("who", NAMES[index] ?? "");
      redis.disconnect();
    }
    const keys = new Map([...NAMES, "two-next"].map((name) => [name, home.key(name)]));
    const port = await freePort();
    const entriesWith = (two: readonly string[]): Record<string, Record<string, unknown>> =>
      Object.fromEntries(
        NAMES.map((name, index) => [
          name,
          { role: "server", service: "redis", listen: `127.0.0.1:${port}`, target: `127.0.0.1:${backends[index]?.port}`, key: name === "two" ? two : name },
        ]),
      );
    const configPath = home.workspace("cluster", entriesWith(["two"]));
    const client = home.client({ stay: true });
    await approveAndWant(client, configPath, NAMES);
    const listed = await client.daemon.request("tunnels/list", {});
    assert.deepEqual(listed.tunnels.map((tunnel) => [tunnel.name, tunnel.state, portOf(tunnel)]).sort(), NAMES.map((name) => [name, "listening", port]).sort());
    const ends = new Map<string, number>();
    for (const [name, key] of keys) {
      const end = await startEnd(stage, { maker: "Debian's", role: "-e", target: `[127.0.0.1]:${port}`, key });
      ends.set(name, portOf(end.address));
    }
    const through = (name: string): Promise<string | null> => redisThrough(ends.get(name) ?? 0);
    for (const name of NAMES) assert.equal(await through(name), name);
    await assert.rejects(through("two-next"));

    /** Asks again and again until told to stop; returns each answer. */
    const keepAsking = (name: string): (() => Promise<readonly (string | null)[]>) => {
      let asking = true;
      const asked = (async () => {
        const answers: (string | null)[] = [];
        while (asking) answers.push(await through(name));
        return answers;
      })();
      return () => {
        asking = false;
        return asked;
      };
    };
    const steady = keepAsking("one");
    const old = keepAsking("two");

    // Both keys of "two" count while its clients change over, and nobody is refused; then the old key is removed.
    home.workspace("cluster", entriesWith(["two", "two-next"]));
    await approveAndWant(client, configPath, NAMES);
    await until(async () => (await find(client, configPath, "two"))?.keyFingerprints.length === 2, { what: "both keys count" });
    for (const [name, seen] of [
      ["two", "two"],
      ["two-next", "two"],
      ["one", "one"],
      ["three", "three"],
    ] as const)
      assert.equal(await through(name), seen);
    const next = keepAsking("two-next");
    const oldAnswers = await old();
    const uses = (await find(client, configPath, "two"))?.keyUses?.map(({ count }) => count) ?? [];
    assert.ok(uses.length === 2 && uses.every((count) => count > 0), `both keys are counted: ${JSON.stringify(uses)}`);
    home.workspace("cluster", entriesWith(["two-next"]));
    await approveAndWant(client, configPath, NAMES);
    await until(async () => (await find(client, configPath, "two"))?.keyFingerprints.length === 1, { what: "the new key alone counts" });
    await assert.rejects(through("two"));
    for (const [answers, expected] of [
      [oldAnswers, "two"],
      [await next(), "two"],
      [await steady(), "one"],
    ] as const) {
      assert.ok(answers.length > 0);
      assert.deepEqual([...new Set(answers)], [expected]);
    }
    assert.equal(await through("one"), "one");
  });
});
