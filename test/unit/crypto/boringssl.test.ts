/** The native suite where OpenSSL isn't: in child processes whose node:crypto lacks what Electron's BoringSSL lacks. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { TRANSCRIPTS } from "../../support/wire/transcripts.ts";

const CHILD = fileURLToPath(new URL("../../support/wire/boringssl-child.ts", import.meta.url));

interface Report {
  readonly oneShotHash: string;
  readonly native: boolean;
  readonly picked: string;
  readonly forced: string;
  readonly replayed: readonly string[];
}

async function runWith(lack: "boringssl" | "no-ecb" | "no-dh" | "no-group"): Promise<Report> {
  const { stdout } = await promisify(execFile)(process.execPath, ["--import", "tsx", CHILD, lack]);
  return JSON.parse(stdout) as Report;
}

describe("the suites on a poorer node:crypto", () => {
  it("the native suite works with BoringSSL's ciphers and without crypto.hash", async () => {
    const report = await runWith("boringssl");
    assert.deepEqual(
      { hash: report.oneShotHash, native: report.native, picked: report.picked, forced: report.forced },
      { hash: "undefined", native: true, picked: "node", forced: "node" },
    );
    assert.equal(report.replayed.length, 2 * TRANSCRIPTS.length);
  });

  it("the native suite does without the named group, and replays every transcript", async () => {
    const report = await runWith("no-group");
    assert.deepEqual({ native: report.native, picked: report.picked }, { native: true, picked: "node" });
    assert.equal(report.replayed.length, 2 * TRANSCRIPTS.length);
  });

  for (const lack of ["no-ecb", "no-dh"] as const) {
    it(`the portable suite is picked and replays every transcript with ${lack}`, async () => {
      const report = await runWith(lack);
      assert.deepEqual({ native: report.native, picked: report.picked }, { native: false, picked: "noble" });
      assert.equal(report.replayed.length, 2 * TRANSCRIPTS.length);
    });

    it(`the native suite can't be forced with ${lack}`, async () => assert.equal((await runWith(lack)).forced, "CONFIG_INVALID"));
  }
});
