/**
 * A deadline in a process that was kept from running: data that has already
 * arrived is handled before the deadline counts.
 */
import assert from "node:assert/strict";
import { mock } from "node:test";
import { deadline } from "../../../shared/time.ts";
import { stageForEach } from "../../support/stage.ts";
import { deferred, turnOfTheLoop } from "../../support/wire/loop.ts";
import { connectTo, startBackend } from "../../support/wire/peer.ts";

/** Keeps this thread from running, as a busy machine does. */
function stall(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe("a deadline", () => {
  const scope = stageForEach();

  it("counts after the data that had arrived by then, even if the process looks only afterwards", async () => {
    const backend = await startBackend(scope);
    const user = await connectTo(scope, backend);
    const far = await backend.accept();
    const seen: string[] = [];
    const over = deferred();
    user.socket.once("data", () => seen.push("the answer"));
    deadline(20, () => {
      seen.push("the deadline");
      over.resolve();
    });
    far.write(Uint8Array.of(1));
    stall(60);
    await over.promise;
    assert.deepEqual(seen, ["the answer", "the deadline"]);
  });

  describe("of one second", () => {
    beforeEach(() => mock.timers.enable({ apis: ["setTimeout"] }));
    afterEach(() => mock.timers.reset());

    for (const when of ["before its time", "in its last turn"]) {
      it(`that is ended ${when} calls nobody`, async () => {
        let calls = 0;
        const end = deadline(1_000, () => {
          calls += 1;
        });
        mock.timers.tick(when === "before its time" ? 999 : 1_000);
        end();
        mock.timers.tick(1_000);
        await turnOfTheLoop();
        assert.equal(calls, 0);
      });
    }
  });
});
