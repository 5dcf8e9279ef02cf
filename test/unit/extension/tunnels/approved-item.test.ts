/** Code that uses an entry's own text gets it only as it was approved. */
import assert from "node:assert/strict";
import type { TunnelItem } from "../../../../extension/model/tunnel-item.ts";
import { approvedItem } from "../../../../extension/tunnels/approved-item.ts";
import { approvedFacts } from "../../../support/status.ts";
import { tunnelItem } from "../../../support/tunnel-item.ts";

const approved = tunnelItem();
const pending = tunnelItem({ entry: { user: "root" }, more: { approval: { at: "pending", facts: approvedFacts() } } });
const unknown = tunnelItem({ more: { approval: { at: "unknown" } } });

/** A window in which the tunnel is each of these items in turn: the next one after each question, and the last one for ever. */
async function ask(turns: readonly TunnelItem[], says = true): Promise<{ readonly item: TunnelItem | undefined; readonly questions: number }> {
  let questions = 0;
  const store = { find: () => turns[Math.min(questions, turns.length - 1)], refreshApprovals: () => Promise.resolve() };
  const actions = {
    approve: () => {
      questions += 1;
      return Promise.resolve(says);
    },
  };
  const item = await approvedItem({ store, actions }, turns[0] ?? approved);
  return { item, questions };
}

describe("a tunnel whose entry must be approved", () => {
  it("is used without a question when the entry is approved", async () => {
    assert.deepEqual(await ask([approved]), { item: approved, questions: 0 });
  });

  it("is used as it is after the answer, not as it was before", async () => {
    assert.deepEqual(await ask([pending, approved]), { item: approved, questions: 1 });
  });

  it("is not used when the user says no", async () => {
    assert.deepEqual(await ask([pending], false), { item: undefined, questions: 1 });
  });

  it("is asked about once more when its file changed during the question", async () => {
    assert.deepEqual(await ask([unknown, pending, approved]), { item: approved, questions: 2 });
  });

  it("is not used, and not asked about for ever, when its file keeps changing", async () => {
    assert.deepEqual(await ask([pending]), { item: undefined, questions: 2 });
  });
});
