/** Whether a port is free, asked for by several at once. */
import assert from "node:assert/strict";
import { findFreePort, isFreePort } from "../../../../../extension/ui/editor/free-port.ts";
import { useScope } from "../../../../support/wire/loop.ts";
import { startBackend } from "../../../../support/wire/peer.ts";

describe("a port of this machine", () => {
  const scope = useScope();

  it("is free for all who ask at once, as while it is typed and when it is accepted", async () => {
    const port = await findFreePort([]);
    assert.deepEqual(
      await Promise.all(Array.from({ length: 20 }, () => isFreePort(port))),
      Array.from({ length: 20 }, () => true),
    );
  });

  it("is not free once somebody listens there, and another one is found", async () => {
    const { port } = await startBackend(scope);
    assert.equal(await isFreePort(port), false);
    assert.notEqual(await findFreePort([port]), port);
  });
});
