/** When accept(2) fails, for want of descriptors as a rule: the port stays, newcomers wait, and longer each time. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { hasDescriptors } from "../../../daemon/proxy/descriptors.ts";
import { type End, startEnd } from "../../support/wire/ends.ts";
import { turnOfTheLoop, useScope } from "../../support/wire/loop.ts";
import { connectTo, startBackend } from "../../support/wire/peer.ts";

const emfile = Object.assign(new Error("accept EMFILE"), { code: "EMFILE" });

describe("a listener in a process that is out of descriptors", () => {
  const scope = useScope();

  it("turns newcomers away, says why and counts them, and serves the next when there are some again", async () => {
    const backend = await startBackend(scope);
    let isShort = true;
    const end = await startEnd(scope, { role: "server", target: backend.port, hasDescriptors: () => !isShort });
    const newcomer = await connectTo(scope, end);
    assert.equal(await end.failure(), "LIMIT_REACHED");
    await newcomer.ending();
    assert.deepEqual([newcomer.unread.length, end.forwarder.strangers.get("LIMIT_REACHED")], [0, 1]);
    isShort = false;
    assert.equal((await (await connectTo(scope, end)).read(32)).length, 32);
  });

  it("asks the system, which has some here", () => assert.equal(hasDescriptors(), true));
});

describe("a listener whose accept fails", () => {
  const scope = useScope();
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

  it("serves newcomers a moment later, and the ones that wait first", async () => {
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

  it("leaves nothing to wait for when it is closed meanwhile", async () => {
    const end = await failing();
    const newcomer = await waiting(end);
    end.forwarder.close();
    await newcomer.ending();
    mock.timers.tick(10_000);
    assert.deepEqual([end.forwarder.waiting, end.forwarder.connections.size], [0, 0]);
  });
});
