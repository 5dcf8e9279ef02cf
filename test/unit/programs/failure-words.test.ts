/** Under which name a failure is logged, and which failures are counted together. */
import assert from "node:assert/strict";
import { failureWords } from "../../../daemon/programs/event-log.ts";
import { type ErrorCode, TunnelError } from "../../../shared/errors.ts";

describe("the words for a failure", () => {
  const port = { listen: "0.0.0.0:6479", entries: ["redis-1", "redis-2"] };
  const words = (code: ErrorCode, peer: string, more: { readonly port?: typeof port } = {}) =>
    failureWords("redis-1", { type: "failure", error: new TunnelError(code, "it is wrong"), peer, route: undefined, ...more });

  it("name the entry when it has a port of its own", () => {
    assert.deepEqual(words("KEY_MISMATCH", "10.0.0.7:5000"), {
      who: "redis-1",
      isPort: false,
      key: "redis-1 KEY_MISMATCH",
      text: "it is wrong (connection from 10.0.0.7:5000)",
    });
  });

  it("name the port and all entries that share it when a connection belongs to none of them", () => {
    const { who, isPort } = words("KEY_MISMATCH", "10.0.0.7:5000", { port });
    assert.deepEqual([who, isPort], ["0.0.0.0:6479 (redis-1, redis-2)", true]);
  });

  it("count programs at the wrong port by their address, whatever their source port", () => {
    const keys = ["10.0.0.7:5000", "10.0.0.7:5001", "10.0.0.8:5000", "fe80::1:5000"].map((peer) => words("PLAIN_CLIENT", peer, { port }).key);
    assert.deepEqual(
      keys.map((key) => key.replace(/.*CLIENT /, "")),
      ["10.0.0.7", "10.0.0.7", "10.0.0.8", "fe80::1"],
    );
  });

  it("do not mention a connection when there was none", () => {
    assert.equal(words("CONFIG_INVALID", "").text, "it is wrong");
  });
});
