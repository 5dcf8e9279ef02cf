/**
 * The scripts' own MariaDB for a user id without an account, as in containers (docker run --user 12345). The scripts'
 * files are copied, because the clone may be in a folder that nobody else may enter.
 */
import assert from "node:assert/strict";
import { chmodSync, chownSync, cpSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { stageForEach } from "../support/stage.ts";

/** No distribution gives this number to anybody. */
const UID = 54_321;

const PROGRAM = `
import { startMariaDb } from "./lib/mariadb.mjs";
const server = await startMariaDb();
await server.stop();
process.stdout.write("served");
`;

describe("a user id without an account", () => {
  const stage = stageForEach();

  before(function () {
    // Only root can become somebody else.
    if (process.geteuid?.() !== 0) this.skip();
  });

  it("starts the MariaDB of the tests, without HOME too", async () => {
    cpSync(fileURLToPath(new URL("../../scripts/lib", import.meta.url)), stage.path("lib"), { recursive: true });
    writeFileSync(stage.path("start.mjs"), PROGRAM);
    mkdirSync(stage.path("tmp"));
    chownSync(stage.path("tmp"), UID, UID);
    const env = { PATH: process.env["PATH"], TMPDIR: stage.path("tmp") };
    chmodSync(stage.folder, 0o711);
    const program = stage.spawn(process.execPath, [stage.path("start.mjs")], { uid: UID, gid: UID, env, cwd: "/" });
    const { code } = await program.exit();
    assert.deepEqual([code, program.stdout.endsWith("served")], [0, true], program.stderr + program.stdout);
  });
});
