/** When accept(2) fails, usually because descriptors are short: the port stays, and newcomers wait, longer each time. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { Descriptors, hasDescriptors, seldom } from "../../../daemon/proxy/descriptors.ts";
import { stageForEach } from "../../support/stage.ts";
import { type End, startEnd } from "../../support/wire/ends.ts";
import { turnOfTheLoop } from "../../support/wire/loop.ts";
import { connectTo, startBackend } from "../../support/wire/peer.ts";

const emfile = Object.assign(new Error("accept EMFILE"), { code: "EMFILE" });

describe("a listener in a process that is out of descriptors", () => {
  const scope = stageForEach();

  it("turns newcomers away, says why and counts them, and serves the next newcomer once descriptors are free again", async () => {
    const backend = await startBackend(scope);
    let isShort = true;
    const end = await startEnd(scope, { role: "server", target: backend.port, descriptors: new Descriptors(() => !isShort) });
    const newcomer = await connectTo(scope, end);
    assert.equal(await end.failure(), "LIMIT_REACHED");
    await newcomer.ending();
    assert.deepEqual([newcomer.unread.length, end.forwarder.strangers.get("LIMIT_REACHED")], [0, 1]);
    isShort = false;
    assert.equal((await (await connectTo(scope, end)).read(32)).length, 32);
  });

  it("serves a newcomer in place of a silent stranger, whichever port the stranger came to", async () => {
    const backend = await startBackend(scope);
    let left = 2;
    const descriptors = new Descriptors(() => left - strangersPort.forwarder.connections.size > 0);
    const strangersPort = await startEnd(scope, { role: "server", target: backend.port, descriptors });
    const localPort = await startEnd(scope, { role: "client", target: backend.port, descriptors });
    const stranger = await connectTo(scope, strangersPort);
    await stranger.read(32);
    left = 1;
    await connectTo(scope, localPort);
    assert.equal((await (await backend.accept()).read(32)).length, 32);
    await stranger.ending();
    assert.deepEqual([strangersPort.failures, localPort.failures], [["LIMIT_REACHED"], []]);
  });

  it("ends no more than two handshakes for one newcomer when that does not help", async () => {
    const backend = await startBackend(scope);
    let isShort = false;
    const end = await startEnd(scope, { role: "server", target: backend.port, descriptors: new Descriptors(() => !isShort) });
    for (let count = 0; count < 5; count++) await (await connectTo(scope, end)).read(32);
    isShort = true;
    await (await connectTo(scope, end)).ending();
    assert.deepEqual([end.failures, end.forwarder.connections.size], [["LIMIT_REACHED", "LIMIT_REACHED", "LIMIT_REACHED"], 3]);
  });

  it("asks the system, which has descriptors left here", () => assert.equal(hasDescriptors(), true));

  it("asks the system once for an eighth of what is spare, and again after a second", () => {
    let [asked, now, isLeft] = [0, 0, true];
    const check = seldom(
      () => {
        asked += 1;
        return isLeft;
      },
      { count: () => 80, nowMs: () => now },
    );
    for (let newcomer = 0; newcomer < 11; newcomer++) assert.equal(check(), true);
    assert.equal(asked, 1);
    assert.deepEqual([check(), asked], [true, 2]);
    isLeft = false;
    now = 1_000;
    assert.deepEqual([check(), asked], [false, 3]);
  });

  it("asks for each newcomer where few are spare, or nobody can say how many", () => {
    for (const count of [() => 7, () => 0, () => undefined]) {
      let asked = 0;
      const check = seldom(
        () => {
          asked += 1;
          return true;
        },
        { count, nowMs: () => 0 },
      );
      for (let newcomer = 0; newcomer < 3; newcomer++) check();
      assert.equal(asked, 3);
    }
  });
});

describe("a listener whose accept fails", () => {
  const scope = stageForEach();
  beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
  afterEach(() => mock.timers.reset());

  const failing = async (): Promise<End> => {
    const backend = await startBackend(scope);
    const end = await startEnd(scope, { role: "server", target: backend.port });
    end.forwarder.server.emit("error", emfile);
    return end;
  };
  const waiting = async (end: End): Promise<Awaited<ReturnType<typeof connectTo>>> => {
    const newcomer = await connectTo(scope, end);
    while (end.forwarder.waiting === 0) await turnOfTheLoop();
    return newcomer;
  };

  it("says so and goes on listening", async () => {
    const end = await failing();
    assert.deepEqual(end.events, [{ type: "accept-failed", error: emfile }]);
    assert.equal(end.forwarder.server.listening, true);
  });

  it("serves newcomers a moment later, and the waiting ones first", async () => {
    const end = await failing();
    const newcomer = await waiting(end);
    assert.equal(newcomer.unread.length, 0);
    mock.timers.tick(100);
    assert.equal((await newcomer.read(32)).length, 32);
    assert.equal((await (await connectTo(scope, end)).read(32)).length, 32);
  });

  it("waits twice as long when it fails again right after", async () => {
    const end = await failing();
    mock.timers.tick(100);
    end.forwarder.server.emit("error", emfile);
    await waiting(end);
    mock.timers.tick(100);
    assert.equal(end.forwarder.waiting, 1, "the second time is 200 ms");
    mock.timers.tick(100);
    assert.equal(end.forwarder.waiting, 0);
  });

  it("leaves no newcomer waiting when it is closed meanwhile", async () => {
    const end = await failing();
    const newcomer = await waiting(end);
    end.forwarder.close();
    await newcomer.ending();
    mock.timers.tick(10_000);
    assert.deepEqual([end.forwarder.waiting, end.forwarder.connections.size], [0, 0]);
  });
});
