/** Sessions of the native wire under random schedules of cuts: everything arrives once and in order, and each rule is needed for that. */
import assert from "node:assert/strict";
import { ALL_RULES, type HowToRun, type Outcome, runSchedule } from "../support/wire/session-model.ts";

/** Schedules of the real code; seeds from 1. */
const SCHEDULES = 20_000;
/** Schedules to see what breaks without a rule. */
const FEW = 400;

interface Sum {
  wrong: number;
  killed: number;
  broken: number;
  incomplete: number;
  cuts: number;
}

function run(count: number, how: HowToRun): Sum {
  const sum: Sum = { wrong: 0, killed: 0, broken: 0, incomplete: 0, cuts: 0 };
  for (let seed = 1; seed <= count; seed++) {
    const outcome: Outcome = runSchedule(seed, how);
    sum.wrong += Number(outcome.wrongBytes > 0);
    sum.killed += outcome.killed;
    sum.broken += outcome.broken;
    sum.incomplete += Number(!outcome.isComplete);
    sum.cuts += outcome.cuts;
  }
  return sum;
}

const NOTHING_WRONG = { wrong: 0, killed: 0, broken: 0, incomplete: 0 };

describe("a session under random cuts, late handshakes and applications that stop reading", () => {
  for (const [title, real] of [
    ["as the design has it", false],
    ["as session.ts has it", true],
  ] as const)
    it(`delivers everything once and in order: ${title}`, function () {
      this.timeout(0);
      const { cuts, ...rest } = run(real ? SCHEDULES : FEW, { real });
      assert.deepEqual(rest, NOTHING_WRONG);
      assert.ok(cuts > 10 * (real ? SCHEDULES : FEW), "the schedules cut a lot");
    });

  for (const [rule, breaks, what, isQuiet] of [
    ["takesOldOut", "wrong", "bytes come twice", false],
    ["asksOnce", "killed", "live connections are killed", false],
    ["attemptsRise", "killed", "live connections are killed", false],
    ["checksRange", "wrong", "who has lost count breaks the session", false],
    ["alwaysReads", "incomplete", "both ends wait for one another", true],
    ["acknowledgesAtOnce", "incomplete", "both ends wait for one another", true],
  ] as const)
    it(`breaks without the rule ${rule}: ${what}`, function () {
      this.timeout(0);
      const sum = run(FEW, { rules: { ...ALL_RULES, [rule]: false }, isQuiet });
      assert.ok(sum[breaks] > FEW / 10, `${sum[breaks]} of ${FEW}`);
      const { cuts: _, ...whole } = run(FEW, { isQuiet });
      assert.deepEqual(whole, NOTHING_WRONG);
    });
});
