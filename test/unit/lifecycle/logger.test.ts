/** The log as a service: levels, replay, subscribers, lines. */
import assert from "node:assert/strict";
import { isLogLevel, Logger, type LoggerOptions, type LogLevel } from "../../../daemon/lifecycle/logger.ts";
import type { LogEntry } from "../../../shared/contract/methods.ts";

describe("the logger", () => {
  let lines: string[];

  beforeEach(() => {
    lines = [];
  });

  function logger(options: Partial<LoggerOptions> = {}): Logger {
    return new Logger({ level: "info", wallMs: () => 1_700_000_000_000, write: (line) => lines.push(line), ...options });
  }

  const messages = (entries: readonly LogEntry[]): readonly string[] => entries.map(({ message }) => message);

  it("writes one JSON object per line, with a time for people", () => {
    logger().log("warn", "line one\nline two", { tunnel: "cache", code: "KEY_MISMATCH" });
    const expected = {
      time: "2023-11-14T22:13:20.000Z",
      atMs: 1_700_000_000_000,
      level: "warn",
      message: "line one\nline two",
      tunnel: "cache",
      code: "KEY_MISMATCH",
    };
    assert.deepEqual(
      lines.map((line) => JSON.parse(line)),
      [expected],
    );
    assert.ok(!lines[0]?.includes("\n"));
  });

  it("writes entries of at least its level, which can be changed", () => {
    const log = logger();
    log.log("debug", "silent");
    log.log("error", "loud");
    log.setLevel("debug");
    log.log("debug", "heard");
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as LogEntry).message),
      ["loud", "heard"],
    );
  });

  it("replays the last entries of a level, oldest first", () => {
    const log = logger();
    for (const [level, message] of [
      ["info", "1"],
      ["warn", "2"],
      ["info", "3"],
      ["error", "4"],
    ] as const)
      log.log(level, message);
    assert.deepEqual([messages(log.replay(2, "info")), messages(log.replay(10, "warn")), log.replay(0, "info")], [["3", "4"], ["2", "4"], []]);
  });

  it("remembers only a limited number of entries", () => {
    const log = logger({ ringEntries: 3 });
    for (let count = 1; count <= 100; count += 1) log.log("info", String(count));
    assert.deepEqual(messages(log.replay(100, "debug")), ["98", "99", "100"]);
  });

  it("sends subscribers entries of at least their own level, until they unsubscribe", () => {
    const log = logger();
    const heard: Record<LogLevel, string[]> = { debug: [], info: [], warn: [], error: [] };
    const end = log.subscribe({ level: "debug", onEntry: ({ message }) => heard.debug.push(message) });
    log.subscribe({ level: "error", onEntry: ({ message }) => heard.error.push(message) });
    log.log("debug", "1");
    log.log("error", "2");
    end();
    log.log("error", "3");
    assert.deepEqual(
      [heard.debug, heard.error],
      [
        ["1", "2"],
        ["2", "3"],
      ],
    );
  });

  it("cuts a long message from a stranger", () => {
    logger().log("info", "x".repeat(1_000_000));
    assert.ok((lines[0]?.length ?? 0) < 5_000);
  });

  it("recognises the names of levels", () => {
    assert.deepEqual([isLogLevel("warn"), isLogLevel("loud")], [true, false]);
  });
});
