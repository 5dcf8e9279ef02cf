/**
 * The daemon may run on VS Code's own Electron, whose BoringSSL lacks some of OpenSSL's algorithms: both ends must work
 * without these algorithms, and still use the native implementation.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { fileURLToPath } from "node:url";
import { startEcho } from "../support/process/backend.ts";
import { makeKey, startEnd } from "../support/process/ends.ts";
import { exchange, sha256 } from "../support/process/peer.ts";
import { run } from "../support/process/run.ts";
import { stageForEach } from "../support/stage.ts";

const PRELOAD = fileURLToPath(new URL("../support/process/boringssl.cjs", import.meta.url));
const POOR = { maker: "ours", nodeArgs: ["--require", PRELOAD], env: { TUNNELD_CRYPTO: "node" } } as const;
const SPIPED = { maker: "Debian's" } as const;

describe("interop on Electron's BoringSSL", () => {
  const stage = stageForEach();

  for (const [title, near, far] of [
    ["the client end", POOR, SPIPED],
    ["the server end", SPIPED, POOR],
    ["both ends", POOR, POOR],
  ] as const) {
    it(`returns 300 kB unaltered with ${title} on it`, async () => {
      const key = makeKey(stage);
      const server = await startEnd(stage, { ...far, role: "-d", target: (await startEcho(stage)).address, key });
      const client = await startEnd(stage, { ...near, role: "-e", target: server.address, key });
      const sent = randomBytes(300_000);
      assert.equal(sha256(await exchange(stage, client.address, sent)), sha256(sent));
    });
  }

  it("the stand-in really refuses what BoringSSL refuses", async () => {
    const script = `require("node:crypto").createCipheriv("chacha20-poly1305", Buffer.alloc(32), Buffer.alloc(12), { authTagLength: 16 })`;
    const { code, stderr } = await run(stage, [process.execPath, "--require", PRELOAD, "-e", script]);
    assert.equal(code, 1);
    assert.match(stderr, /as poor as BoringSSL\nnot in BoringSSL: chacha20-poly1305/);
  });
});
