/** Signals, and which environment children inherit. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";
import { childEnvironment, daemonEnvironment } from "../../../daemon/lifecycle/child-environment.ts";
import { handleSignals, type ShutdownOptions } from "../../../daemon/lifecycle/shutdown.ts";
import { FakeTime } from "../../support/lifecycle/fake-time.ts";

describe("a daemon's signals", () => {
  let signals: EventEmitter;
  let time: FakeTime;
  let done: string[];
  let drained: () => void;

  beforeEach(() => {
    signals = new EventEmitter();
    time = new FakeTime();
    done = [];
  });

  function handle(changes: Partial<ShutdownOptions> = {}): () => void {
    return handleSignals({
      signals,
      timers: time,
      deadlineMs: 10_000,
      drain: (signal) => {
        done.push(`drain ${signal}`);
        return new Promise((resolve) => {
          drained = resolve;
        });
      },
      cut: (reason) => done.push(`cut ${reason}`),
      ...changes,
    });
  }

  for (const signal of ["SIGTERM", "SIGINT"]) {
    it(`${signal} drains`, () => {
      handle();
      signals.emit(signal);
      assert.deepEqual(done, [`drain ${signal}`]);
    });
  }

  it("a second signal cuts, a third does nothing more", () => {
    handle();
    signals.emit("SIGTERM");
    signals.emit("SIGINT");
    signals.emit("SIGTERM");
    time.pass(60_000);
    assert.deepEqual(done, ["drain SIGTERM", "cut second-signal"]);
  });

  it("draining has a deadline", () => {
    handle();
    signals.emit("SIGTERM");
    time.pass(9_999);
    assert.deepEqual(done, ["drain SIGTERM"]);
    time.pass(1);
    assert.deepEqual(done, ["drain SIGTERM", "cut deadline"]);
  });

  it("nothing is cut once the daemon has drained", async () => {
    handle();
    signals.emit("SIGTERM");
    drained();
    await new Promise((resolve) => setImmediate(resolve));
    time.pass(60_000);
    assert.deepEqual([done, time.pending], [["drain SIGTERM"], 0]);
  });

  it("SIGHUP reloads, or does nothing; SIGUSR1 does nothing and no longer reaches Node", () => {
    const dispose = handle({ reload: () => done.push("reload") });
    assert.ok(signals.emit("SIGHUP") && signals.emit("SIGUSR1"));
    dispose();
    handle();
    assert.ok(signals.emit("SIGHUP"));
    assert.deepEqual(done, ["reload"]);
  });

  it("are released when the handler is disposed of", () => {
    const dispose = handle();
    signals.emit("SIGTERM");
    dispose();
    assert.deepEqual([signals.eventNames(), time.pending], [[], 0]);
  });
});

describe("the environment of a child", () => {
  const env = {
    PATH: "/bin",
    VSCODE_PID: "1",
    ELECTRON_RUN_AS_NODE: "1",
    Electron_No_Asar: "1",
    NODE_OPTIONS: "--inspect",
    NODE_ENV: "test",
    NODE_CHANNEL_FD: "3",
  };

  it("is the user's without the variables that were set for ourselves", () => {
    const { ELECTRON_RUN_AS_NODE: _, NODE_CHANNEL_FD: __, ...theirs } = env;
    assert.deepEqual(childEnvironment(env), theirs);
  });

  it("has no variables of VS Code and Electron and no Node options when the child is a daemon", () => {
    assert.deepEqual(daemonEnvironment(env, false), { PATH: "/bin", NODE_ENV: "test" });
  });

  it("makes Electron run a daemon as plain Node, and only then", () => {
    assert.deepEqual(daemonEnvironment(env, true), { PATH: "/bin", NODE_ENV: "test", ELECTRON_RUN_AS_NODE: "1" });
    assert.deepEqual(daemonEnvironment(env, false), { PATH: "/bin", NODE_ENV: "test" });
  });
});
