/** Five starts in three minutes are enough. */
import assert from "node:assert/strict";
import { statSync, writeFileSync } from "node:fs";
import { clearStarts, recordStart, type StartVerdict } from "../../../daemon/lifecycle/crash-guard.ts";
import { formatMessage } from "../../../shared/message.ts";
import { FakeTime } from "../../support/lifecycle/fake-time.ts";
import { stageForEach } from "../../support/stage.ts";

describe("the crash guard", () => {
  const stage = stageForEach();
  let time: FakeTime;
  const file = (): string => stage.path("starts");

  beforeEach(() => {
    time = new FakeTime();
  });

  const start = (where = file()): StartVerdict => recordStart({ file: where, uid: process.geteuid?.(), wallMs: () => time.wallMs() });

  function starts(count: number, everyMs: number): readonly string[] {
    return Array.from({ length: count }, () => {
      time.pass(everyMs);
      return start().kind;
    });
  }

  it("allows five starts in three minutes and refuses the sixth, with cause and cure", () => {
    assert.deepEqual(starts(5, 10_000), Array(5).fill("allowed"));
    time.pass(10_000);
    const verdict = start();
    assert.ok(verdict.kind === "refused");
    assert.match(formatMessage(verdict.reason), /started 5 times in 3 minutes.*see its log/);
    assert.equal(verdict.retryAfterMs, 130_000);
  });

  it("allows the next start when the first is three minutes old", () => {
    starts(5, 10_000);
    time.pass(140_000);
    assert.equal(start().kind, "allowed");
  });

  it("never refuses starts that are far enough apart", () => {
    assert.deepEqual(new Set(starts(50, 40_000)), new Set(["allowed"]));
  });

  it("counts ten clients that start a daemon at the same moment as one start", () => {
    assert.deepEqual(new Set(starts(10, 1)), new Set(["allowed"]));
    assert.deepEqual(starts(4, 10_000), Array(4).fill("allowed"));
    time.pass(10_000);
    assert.equal(start().kind, "refused");
  });

  it("stops even the fastest loop", () => {
    const verdicts = starts(1_000, 50);
    assert.ok(verdicts.filter((kind) => kind === "allowed").length <= 6 * 20);
    assert.equal(verdicts.at(-1), "refused");
  });

  it("forgets the starts when the daemon ended on purpose", () => {
    starts(5, 10_000);
    clearStarts({ file: file() });
    assert.deepEqual(starts(5, 10_000), Array(5).fill("allowed"));
  });

  it("forgets starts that seem to be in the future", () => {
    starts(5, 10_000);
    time.sleep(-3_600_000);
    assert.equal(start().kind, "allowed");
  });

  it("keeps its record with mode 0600", () => {
    start();
    assert.equal(statSync(file()).mode & 0o777, 0o600);
  });

  it("allows a start when the record is broken or can't be written", () => {
    writeFileSync(file(), "{", { mode: 0o600 });
    assert.equal(start().kind, "allowed");
    assert.equal(start(stage.path("no/folder/starts")).kind, "allowed");
  });
});
