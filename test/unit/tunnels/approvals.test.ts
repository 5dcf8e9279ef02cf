import assert from "node:assert/strict";
import { Approvals } from "../../../daemon/tunnels/approvals.ts";

const REF = { configPath: "/app/.vscode/tunnels.json", name: "cache" };
const [OLD, NEW] = ["a".repeat(64), "b".repeat(64)];

/** Approvals over a list in memory. */
function approvalsOver(saved: unknown[] = []): { readonly approvals: Approvals; readonly saved: () => unknown[] } {
  let kept = saved;
  const change = (make: (all: readonly unknown[]) => readonly unknown[]): Promise<undefined> => {
    kept = [...make(kept)];
    return Promise.resolve(undefined);
  };
  const storage = {
    load: () => kept,
    commit: change,
    update: change,
  };
  return { approvals: new Approvals(storage, () => 1_000), saved: () => kept };
}

const approve = (approvals: Approvals, digest: string, ref = REF) => approvals.approve(ref, { digest, currentDigest: digest });

describe("approvals", () => {
  it("hold for one entry in one form", async () => {
    const { approvals } = approvalsOver();
    await approve(approvals, OLD);
    assert.equal(approvals.isApproved(REF, OLD), true);
    assert.equal(approvals.isApproved(REF, NEW), false);
    assert.equal(approvals.isApproved({ ...REF, name: "other" }, OLD), false);
    assert.equal(approvals.isApproved({ ...REF, configPath: "/clone/.vscode/tunnels.json" }, OLD), false);
  });

  it("can't be given for something else than what was shown", async () => {
    const { approvals, saved } = approvalsOver();
    await assert.rejects(approvals.approve(REF, { digest: OLD, currentDigest: NEW }), { code: "NOT_APPROVED" });
    assert.deepEqual(saved(), []);
  });

  it("of a changed entry replace the old approval, which is remembered until then", async () => {
    const { approvals, saved } = approvalsOver();
    await approve(approvals, OLD);
    assert.equal(approvals.wasApproved(REF), true);
    await approve(approvals, NEW);
    assert.deepEqual([approvals.isApproved(REF, OLD), approvals.isApproved(REF, NEW)], [false, true]);
    assert.deepEqual(saved(), [{ ...REF, digest: NEW, atMs: 1_000 }]);
  });

  it("can be taken back", async () => {
    const { approvals } = approvalsOver();
    await approve(approvals, OLD);
    assert.deepEqual([approvals.revoke(REF).revoked, approvals.revoke(REF).revoked, approvals.wasApproved(REF)], [true, false, false]);
  });

  it("are listed for a file", async () => {
    const { approvals } = approvalsOver();
    await approve(approvals, OLD);
    await approve(approvals, NEW, { configPath: "/other", name: "x" });
    assert.deepEqual([approvals.list("/other").map(({ name }) => name), approvals.list().length], [["x"], 2]);
  });

  it("that can't be read back don't count, and do no harm to the others", () => {
    const good = { ...REF, digest: OLD, atMs: 1 };
    const { approvals } = approvalsOver([
      null,
      5,
      {},
      { ...REF, digest: "", atMs: 1 },
      { ...REF, digest: 5, atMs: 1 },
      good,
      { ...good, name: "x", atMs: "now" },
    ]);
    assert.deepEqual(approvals.list(), [good]);
    assert.equal(approvals.isApproved(REF, ""), false);
  });

  it("keep apart paths and names that read the same one after the other", async () => {
    const { approvals } = approvalsOver();
    await approve(approvals, OLD, { configPath: "/a", name: "bc" });
    assert.equal(approvals.isApproved({ configPath: "/ab", name: "c" }, OLD), false);
  });

  it("are limited in number: the oldest is dropped", async () => {
    const many = Array.from({ length: 10_000 }, (_, index) => ({ configPath: "/x", name: `n${index}`, digest: OLD, atMs: 1 }));
    const { approvals, saved } = approvalsOver(many);
    await approve(approvals, NEW);
    assert.equal(saved().length, 10_000);
    assert.equal(approvals.wasApproved({ configPath: "/x", name: "n0" }), false);
    assert.equal(approvals.isApproved(REF, NEW), true);
  });
});
