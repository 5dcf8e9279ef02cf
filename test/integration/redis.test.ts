/**
 * A real Redis through both our ends, with the clients people use: ioredis and redis-cli.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { startTunnel, type Tunnel } from "../support/process/ends.ts";
import { connectTo, sha256 } from "../support/process/peer.ts";
import { run } from "../support/process/run.ts";
import { until } from "../support/process/until.ts";
import { startRedis, tools } from "../support/servers.ts";
import { stageForAll, stageForEach } from "../support/stage.ts";

const IDLE_MS = 30_000;
const LARGE_VALUE_BYTES = 64 * 1024 * 1024;

describe("Redis through a tunnel", () => {
  const all = stageForAll();
  const stage = stageForEach();
  let tunnel: Tunnel;
  let direct: number;

  before(async () => {
    const redis = await startRedis();
    all.own(() => redis.stop());
    direct = redis.port;
    tunnel = await startTunnel(all, { target: `[127.0.0.1]:${redis.port}` });
  });

  function port(): string {
    return tunnel.address.slice(tunnel.address.lastIndexOf(":") + 1);
  }

  function client(at = Number(port())): Redis {
    const redis = new Redis({ host: "127.0.0.1", port: at, retryStrategy: () => null });
    stage.own(() => redis.disconnect());
    return redis;
  }

  it("answers PING", async () => {
    assert.equal(await client().ping(), "PONG");
  });

  it("answers a pipeline of 10,000 commands in order", async () => {
    const pipeline = client().pipeline();
    for (let index = 0; index < 10_000; index++) pipeline.set(`p:${index}`, index).get(`p:${index}`);
    const answers = (await pipeline.exec()) ?? [];
    assert.equal(answers.length, 20_000);
    assert.ok(answers.every(([error, value], index) => error === null && value === (index % 2 === 0 ? "OK" : String((index - 1) / 2))));
  });

  it("runs MULTI as one transaction", async () => {
    const redis = client();
    const answers = await redis.multi().set("m", 1).incr("m").get("m").exec();
    assert.deepEqual(answers, [
      [null, "OK"],
      [null, 2],
      [null, "2"],
    ]);
  });

  it("wakes a blocking pop when another client pushes", async () => {
    const [popper, pusher] = [client(), client()];
    const popped = popper.blpop("queue", 0);
    const watcher = client(direct);
    await until(async () => /blocked_clients:1/.test(await watcher.info("clients")), { what: "the pop was blocked" });
    await pusher.rpush("queue", "job");
    assert.deepEqual(await popped, ["queue", "job"]);
  });

  it("delivers a published message after 30 idle seconds", async () => {
    const [subscriber, publisher] = [client(), client()];
    const messages: string[] = [];
    subscriber.on("message", (_channel, message: string) => messages.push(message));
    await subscriber.subscribe("news");
    await publisher.publish("news", "first");
    await until(() => messages.length === 1, { what: "the first message had come" });
    // This test is about the idle time: six times the default -o.
    await delay(IDLE_MS);
    assert.equal(await publisher.publish("news", "second"), 1);
    await until(() => messages.length === 2, { what: "the second message had come" });
    assert.deepEqual(messages, ["first", "second"]);
  });

  it("stores and returns a value of 64 MiB unaltered", async () => {
    const redis = client();
    const value = randomBytes(LARGE_VALUE_BYTES);
    await redis.set("large", value);
    const back = await redis.getBuffer("large");
    await redis.del("large");
    assert.equal(sha256(back ?? Buffer.alloc(0)), sha256(value));
  });

  it("serves 50 clients at once, each its own values", async () => {
    const clients = Array.from({ length: 50 }, () => client());
    const answers = await Promise.all(
      clients.map(async (redis, index) => {
        await redis.set(`c:${index}`, index);
        return redis.get(`c:${index}`);
      }),
    );
    assert.deepEqual(
      answers,
      clients.map((_, index) => String(index)),
    );
  });

  it("works with redis-cli, and with a value from its standard input", async () => {
    const cli = (args: readonly string[], input: Uint8Array = Buffer.alloc(0)) =>
      run(stage, [tools().redisCli, "-h", "127.0.0.1", "-p", port(), ...args], { input });
    const value = randomBytes(3_000_000).toString("hex");
    assert.equal((await cli(["-x", "SET", "cli"], Buffer.from(value))).stdout.toString(), "OK\n");
    assert.equal(sha256((await cli(["GET", "cli"])).stdout), sha256(Buffer.from(`${value}\n`)));
  });

  it("takes a mass insertion through redis-cli --pipe", async () => {
    const commands = Array.from({ length: 20_000 }, (_, index) => `SET bulk:${index} ${index}\r\n`).join("");
    const { code, stdout } = await run(stage, [tools().redisCli, "-h", "127.0.0.1", "-p", port(), "--pipe"], { input: commands });
    assert.equal(code, 0);
    assert.match(stdout.toString(), /errors: 0, replies: 20000/);
  });

  it("answers commands sent before the client has ended its half", async () => {
    const peer = await connectTo(stage, tunnel.address);
    peer.end("PING\r\nECHO hello\r\nQUIT\r\n");
    assert.equal((await peer.ended()).toString(), "+PONG\r\n$5\r\nhello\r\n+OK\r\n");
  });
});
