/** A repeated failure is one line with a count. */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { RepeatGuard } from "../../../daemon/programs/event-log.ts";

const WINDOW_MS = 2_000;

describe("RepeatGuard", () => {
  let lines: string[] = [];
  let guard = new RepeatGuard(() => {});

  beforeEach(() => {
    mock.timers.enable({ apis: ["setTimeout"] });
    lines = [];
    guard = new RepeatGuard((line) => void lines.push(line), WINDOW_MS);
  });
  afterEach(() => mock.timers.reset());

  it("passes the first line on at once", () => {
    guard.say("a", "first");
    assert.deepEqual(lines, ["first"]);
  });

  it("holds back more lines of that key and then gives their number, with the text of the last one", () => {
    for (const line of ["first", "second", "third"]) guard.say("a", line);
    assert.deepEqual(lines, ["first"]);
    mock.timers.tick(WINDOW_MS);
    assert.deepEqual(lines, ["first", "third (2 more like this in the last 2 s)"]);
  });

  it("writes nothing more when nothing happened in the window", () => {
    guard.say("a", "first");
    mock.timers.tick(10 * WINDOW_MS);
    assert.deepEqual(lines, ["first"]);
  });

  it("passes on a line at once again after a quiet window", () => {
    guard.say("a", "first");
    mock.timers.tick(WINDOW_MS);
    guard.say("a", "later");
    assert.deepEqual(lines, ["first", "later"]);
  });

  it("counts from zero in each window while the failure goes on", () => {
    for (const line of ["1", "2", "3"]) guard.say("a", line);
    mock.timers.tick(WINDOW_MS);
    guard.say("a", "4");
    mock.timers.tick(WINDOW_MS);
    assert.deepEqual(lines, ["1", "3 (2 more like this in the last 2 s)", "4 (1 more like this in the last 2 s)"]);
  });

  it("writes the lines that it held back at the end, once", () => {
    for (const line of ["first", "second", "third"]) guard.say("a", line);
    guard.say("b", "alone");
    guard.flush();
    mock.timers.tick(WINDOW_MS);
    assert.deepEqual(lines, ["first", "alone", "third (2 more like this)"]);
  });

  it("puts keys together when there are too many, since strangers make them", () => {
    for (let index = 0; index < 3_000; index++) guard.say(`${index}`, `of ${index}`);
    assert.equal(lines.length, 1_001);
    guard.say("5", "again");
    guard.flush();
    assert.deepEqual(lines.slice(-2), ["again (1 more like this)", "of 2999 (1999 more like this)"]);
  });

  it("holds back each key separately", () => {
    for (const key of ["a", "b", "a"]) guard.say(key, `of ${key}`);
    assert.deepEqual(lines, ["of a", "of b"]);
  });
});
