/** Whether a port is free, when several callers ask at once. */
import assert from "node:assert/strict";
import { findFreePort, isFreePort } from "../../../../../extension/ui/editor/free-port.ts";
import { stageForEach } from "../../../../support/stage.ts";
import { startBackend } from "../../../../support/wire/peer.ts";

describe("a port of this machine", () => {
  const scope = stageForEach();

  it("is free for all callers that ask at once, as when it is typed and accepted", async () => {
    const port = await findFreePort([]);
    assert.deepEqual(
      await Promise.all(Array.from({ length: 20 }, () => isFreePort(port))),
      Array.from({ length: 20 }, () => true),
    );
  });

  it("is not free once somebody listens there, and another port is found", async () => {
    const { port } = await startBackend(scope);
    assert.equal(await isFreePort(port), false);
    assert.notEqual(await findFreePort([port]), port);
  });
});
