/**
 * Both implementations of our cryptography (TUNNELD_CRYPTO) against each other and against Debian's spiped.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { startEcho } from "../support/process/backend.ts";
import { makeKey, startEnd } from "../support/process/ends.ts";
import { exchange, sha256 } from "../support/process/peer.ts";
import { stageForEach } from "../support/stage.ts";

const ENDS = {
  "node:crypto": { maker: "ours", env: { TUNNELD_CRYPTO: "node" } },
  noble: { maker: "ours", env: { TUNNELD_CRYPTO: "noble" } },
  "Debian's spiped": { maker: "Debian's" },
} as const;
const NAMES = Object.keys(ENDS) as (keyof typeof ENDS)[];

describe("interop of the cryptographic suites", () => {
  const stage = stageForEach();

  for (const near of NAMES) {
    for (const far of NAMES) {
      if (near !== "noble" && far !== "noble") continue; // The matrix tests these pairs.
      for (const args of [[], ["-f"], ["-g"]]) {
        it(`returns 300 kB unaltered through ${near} as client end and ${far} as server end ${args.join("")}`, async () => {
          const key = makeKey(stage);
          const server = await startEnd(stage, { ...ENDS[far], role: "-d", target: (await startEcho(stage)).address, key, args });
          const client = await startEnd(stage, { ...ENDS[near], role: "-e", target: server.address, key, args });
          const sent = randomBytes(300_000);
          assert.equal(sha256(await exchange(stage, client.address, sent)), sha256(sent));
        });
      }
    }
  }
});
