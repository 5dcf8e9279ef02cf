/** The same key, typed into a file at each end, one with a line end and one without: Debian's spiped only closes. */
import assert from "node:assert/strict";
import { startSink } from "../support/process/backend.ts";
import { startEnd } from "../support/process/ends.ts";
import { Workspace } from "../support/process/workspace.ts";
import { stageForEach } from "../support/stage.ts";

const SECRET = "correct horse battery staple and then some";

describe("a key whose copies differ by their line end", () => {
  const stage = stageForEach();

  for (const [what, here, there, how] of [
    ["a line feed here, none there", `${SECRET}\n`, SECRET, "without the line end"],
    ["none here, a line feed there", SECRET, `${SECRET}\n`, "with a line feed"],
    ["CR LF here, a line feed there", `${SECRET}\r\n`, `${SECRET}\n`, "with a line feed"],
  ] as const) {
    it(`is reported by diagnose, with the far end's fingerprint: ${what}`, async () => {
      const folder = new Workspace(stage);
      folder.key("team", Buffer.from(here));
      const theirs = folder.key("theirs", Buffer.from(there));
      const { address } = await startEnd(stage, { maker: "Debian's", role: "-d", target: (await startSink(stage)).address, key: theirs });
      folder.write({ cache: { listen: 0, target: address, key: "team" } });
      assert.equal((await folder.run(["approve", "-y", "cache"])).code, 0);
      const report = JSON.parse((await folder.run(["diagnose", "cache", "--json"])).stdout.toString());
      assert.equal(report.code, "KEY_MISMATCH");
      const shown = (await folder.run(["keys", "fingerprint", "theirs"])).stdout.toString().trim();
      assert.ok(report.cure.includes(`${how} ${shown}`), report.cure);
      const key = report.stages.find(({ stage: name }: { stage: string }) => name === "key");
      assert.ok(key.detail.includes(`${how} ${shown}`), key.detail);
    });
  }
});
