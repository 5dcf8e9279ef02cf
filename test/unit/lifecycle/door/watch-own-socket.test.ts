/** A daemon whose socket was deleted or replaced while it runs. */
import assert from "node:assert/strict";
import { mkdirSync, rmSync, unlinkSync } from "node:fs";
import * as path from "node:path";
import { claimSocket, type OwnSocket } from "../../../../daemon/lifecycle/door/singleton.ts";
import { type SocketEvent, type SocketWatch, watchOwnSocket } from "../../../../daemon/lifecycle/door/watch-own-socket.ts";
import { FakeTime } from "../../../support/lifecycle/fake-time.ts";
import { ask, greet, greetingServer } from "../../../support/lifecycle/greeting.ts";
import { until } from "../../../support/process/until.ts";
import { stageForEach } from "../../../support/stage.ts";

const INTERVAL_MS = 5_000;

describe("watching the daemon's own socket", () => {
  const stage = stageForEach();
  let time: FakeTime;
  let events: SocketEvent[];
  let run: string;
  let folder: string;

  beforeEach(() => {
    time = new FakeTime();
    events = [];
    run = stage.path("run");
    folder = run;
    mkdirSync(run, { mode: 0o700 });
  });

  const socketPath = (): string => path.join(run, "t.sock");
  const verify = (where: string): Promise<string> => greet(where);

  async function startDaemon(instanceId = "a"): Promise<OwnSocket> {
    const server = greetingServer(instanceId);
    stage.own(() => server.close());
    const claim = await claimSocket({ server, socketPath: socketPath(), alsoCheck: [], instanceId, verify });
    assert.ok(claim.kind === "ours");
    return claim.socket;
  }

  function watch(socket: OwnSocket): SocketWatch {
    const watching = watchOwnSocket({
      socket,
      claim: { instanceId: "a", verify },
      locate: () => ({ socketPath: path.join(folder, "t.sock"), alsoCheck: [] }),
      intervalMs: INTERVAL_MS,
      timers: time,
      onEvent: (event) => events.push(event),
    });
    stage.own(() => watching.dispose());
    return watching;
  }

  it("binds again at once when the file was deleted, and open connections stay", async () => {
    const watching = watch(await startDaemon());
    const { socket } = await ask(socketPath(), "hello");
    stage.own(() => socket.destroy());
    unlinkSync(socketPath());
    await until(() => events.length > 0, { what: "the watch had noticed" });
    assert.equal(events[0]?.kind, "rebound");
    assert.equal(await greet(socketPath()), "a");
    assert.equal(await greet(socketPath(), "count"), "1");
    assert.equal(watching.socket.path, socketPath());
  });

  it("notices at the next interval when the folder can't be watched", async () => {
    const socket = await startDaemon();
    rmSync(run, { recursive: true });
    const watching = watch(socket);
    mkdirSync(run, { mode: 0o700 });
    time.pass(INTERVAL_MS);
    await watching.check();
    assert.equal(events[0]?.kind, "rebound");
    assert.equal(await greet(socketPath()), "a");
  });

  it("moves elsewhere when its folder is gone for good", async () => {
    const watching = watch(await startDaemon());
    folder = stage.path("elsewhere");
    mkdirSync(folder, { mode: 0o700 });
    rmSync(run, { recursive: true });
    await watching.check();
    assert.equal(await greet(path.join(folder, "t.sock")), "a");
    assert.equal(watching.socket.path, path.join(folder, "t.sock"));
  });

  it("reports once that it can't bind, and binds when it can", async () => {
    const watching = watch(await startDaemon());
    rmSync(run, { recursive: true });
    await watching.check();
    await watching.check();
    mkdirSync(run, { mode: 0o700 });
    await watching.check();
    assert.deepEqual(
      events.map((event) => (event.kind === "failed" ? event.error.code : event.kind)),
      ["DAEMON_UNREACHABLE", "rebound"],
    );
  });

  it("reports that it was replaced when another daemon is at the path, and leaves that daemon alone", async () => {
    const mine = await startDaemon();
    unlinkSync(socketPath());
    await startDaemon("b");
    const watching = watch(mine);
    await watching.check();
    assert.deepEqual(events, [{ kind: "replaced", socketPath: socketPath() }]);
    assert.equal(await greet(socketPath()), "b");
    assert.equal(time.pending, 0, "the watch has ended");
  });

  it("does nothing while all is well, and nothing after it was disposed of", async () => {
    const watching = watch(await startDaemon());
    await watching.check();
    await watching.dispose();
    unlinkSync(socketPath());
    await watching.check();
    assert.deepEqual([events, time.pending], [[], 0]);
  });
});
