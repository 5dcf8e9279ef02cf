/** Resolving a target: what is looked up and when, what is kept, and in which order addresses are tried. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { type Lookup, type ResolvedAddress, Target } from "../../../daemon/proxy/target.ts";
import { parseAddress } from "../../../shared/address.ts";
import { stageForEach } from "../../support/stage.ts";
import { rejectionOf } from "../../support/wire/codes.ts";
import { deferred, turnOfTheLoop } from "../../support/wire/loop.ts";

const at = (host: string, port = 6379): ResolvedAddress => ({ kind: "tcp", host, port });

/** A lookup that gives one prepared answer after another and counts; an Error is thrown. */
function lookups(...answers: readonly (readonly string[] | Error)[]): { readonly lookup: Lookup; readonly asked: string[] } {
  const left = [...answers];
  const asked: string[] = [];
  return {
    asked,
    lookup: async (host) => {
      asked.push(host);
      const answer = left.shift() ?? new Error("no answer is left");
      if (answer instanceof Error) throw answer;
      return answer;
    },
  };
}

describe("Target", () => {
  const scope = stageForEach();
  const target = (text: string, lookup: Lookup, refreshMs?: number): Target =>
    scope.own(new Target({ address: parseAddress(text), refreshMs, lookup }), (open) => open.dispose());

  for (const text of ["127.0.0.1:6379", "[::1]:6379", "/run/redis.sock"]) {
    it(`needs no look-up for ${text}`, async () => {
      const { lookup, asked } = lookups();
      const literal = target(text, lookup);
      assert.deepEqual(await literal.addresses(), [parseAddress(text)]);
      assert.deepEqual(await literal.refresh(), [parseAddress(text)]);
      assert.deepEqual(asked, []);
    });
  }

  it("gives all addresses of a name with its port, in the order found", async () => {
    const { lookup, asked } = lookups(["192.0.2.1", "2001:db8::1"]);
    assert.deepEqual(await target("cache:6379", lookup).addresses(), [at("192.0.2.1"), at("2001:db8::1")]);
    assert.deepEqual(asked, ["cache"]);
  });

  it("looks up once, not for every connection", async () => {
    const { lookup, asked } = lookups(["192.0.2.1"]);
    const name = target("cache:6379", lookup);
    await name.addresses();
    await name.addresses();
    assert.equal(asked.length, 1);
  });

  it("shares one look-up among callers that ask at once", async () => {
    const answer = deferred<readonly string[]>();
    let asked = 0;
    const name = target("cache:6379", () => {
      asked += 1;
      return answer.promise;
    });
    const all = Promise.all([name.addresses(), name.refresh(), name.addresses()]);
    answer.resolve(["192.0.2.1"]);
    assert.deepEqual(await all, [[at("192.0.2.1")], [at("192.0.2.1")], [at("192.0.2.1")]]);
    assert.equal(asked, 1);
  });

  it("says DNS_FAILED when nothing is known, and asks again the next time", async () => {
    const { lookup } = lookups(new Error("SERVFAIL"), ["192.0.2.1"]);
    const name = target("cache:6379", lookup);
    const error = await rejectionOf(name.addresses());
    assert.equal(error.code, "DNS_FAILED");
    assert.match(error.message, /"cache"/);
    assert.equal((error.cause as Error).message, "SERVFAIL");
    assert.deepEqual(await name.addresses(), [at("192.0.2.1")]);
  });

  it("treats an empty answer as a failure", async () =>
    assert.equal((await rejectionOf(target("cache:6379", lookups([]).lookup).addresses())).code, "DNS_FAILED"));

  for (const [what, failure] of [["fails", new Error("SERVFAIL")] as const, ["is empty", []] as const]) {
    it(`keeps the last good answer when a later one ${what}`, async () => {
      const name = target("cache:6379", lookups(["192.0.2.1"], failure).lookup);
      await name.addresses();
      assert.equal((await rejectionOf(name.refresh())).code, "DNS_FAILED");
      assert.deepEqual(await name.addresses(), [at("192.0.2.1")]);
    });
  }

  it("takes a new answer in place of the old one", async () => {
    const name = target("cache:6379", lookups(["192.0.2.1"], ["192.0.2.2"]).lookup);
    await name.addresses();
    await name.refresh();
    assert.deepEqual(await name.addresses(), [at("192.0.2.2")]);
  });

  it("gives the address that worked last first, the others in their order", async () => {
    const name = target("cache:6379", lookups(["192.0.2.1", "192.0.2.2", "192.0.2.3"]).lookup);
    await name.addresses();
    name.noteGood(at("192.0.2.3"));
    assert.deepEqual(await name.addresses(), [at("192.0.2.3"), at("192.0.2.1"), at("192.0.2.2")]);
  });

  it("does not bring back a good address that the name no longer has", async () => {
    const name = target("cache:6379", lookups(["192.0.2.1", "192.0.2.2"], ["192.0.2.3", "192.0.2.4"]).lookup);
    await name.addresses();
    name.noteGood(at("192.0.2.2"));
    await name.refresh();
    assert.deepEqual(await name.addresses(), [at("192.0.2.3"), at("192.0.2.4")]);
  });

  it("is written as it was given", () => assert.equal(target("[::1]:6379", lookups().lookup).text, "[::1]:6379"));
});

describe("Target's refresh timer", () => {
  beforeEach(() => mock.timers.enable({ apis: ["setInterval"] }));
  afterEach(() => mock.timers.reset());

  it("looks up again after each period, until it is disposed of", () => {
    const { lookup, asked } = lookups(["192.0.2.1"], ["192.0.2.1"], ["192.0.2.1"]);
    const name = new Target({ address: parseAddress("cache:6379"), refreshMs: 60_000, lookup });
    mock.timers.tick(59_999);
    assert.equal(asked.length, 0);
    mock.timers.tick(1);
    assert.equal(asked.length, 1);
    name.dispose();
    mock.timers.tick(600_000);
    assert.equal(asked.length, 1);
  });

  it("survives a failing look-up", async () => {
    const { lookup, asked } = lookups(["192.0.2.1"], new Error("SERVFAIL"));
    const name = new Target({ address: parseAddress("cache:6379"), refreshMs: 1_000, lookup });
    await name.addresses();
    mock.timers.tick(1_000);
    assert.deepEqual(await name.addresses(), [at("192.0.2.1")]);
    assert.equal(asked.length, 2);
    name.dispose();
  });

  it("looks up once a second at most, however short the period is", async () => {
    for (const refreshMs of [0, 1e-6, 0.01, 1, 999]) {
      const asked: string[] = [];
      const lookup = async (host: string) => {
        asked.push(host);
        return ["192.0.2.1"];
      };
      const name = new Target({ address: parseAddress("cache:6379"), refreshMs, lookup });
      // In steps in which each look-up ends: a look-up that has not ended is not made again.
      for (let step = 0; step < 600; step += 1) {
        mock.timers.tick(100);
        await turnOfTheLoop();
      }
      name.dispose();
      assert.equal(asked.length, 60, `${asked.length} look-ups in a minute for a period of ${refreshMs} ms`);
    }
  });

  it("does not treat a long period as a short one", () => {
    const { lookup, asked } = lookups(["192.0.2.1"]);
    const name = new Target({ address: parseAddress("cache:6379"), refreshMs: 2 ** 31 + 5, lookup });
    mock.timers.tick(1_000_000);
    assert.equal(asked.length, 0);
    name.dispose();
  });

  it("is not started without a period", () => {
    const { lookup, asked } = lookups(["192.0.2.1"]);
    new Target({ address: parseAddress("cache:6379"), refreshMs: undefined, lookup });
    mock.timers.tick(1_000_000);
    assert.equal(asked.length, 0);
  });
});
