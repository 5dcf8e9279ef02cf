/** What a script has started and made is gone when the script is, however it ends, and although something still writes into it. */
import assert from "node:assert/strict";
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const OWN = pathToFileURL("scripts/lib/own.mjs").href;
const PROCESSES = pathToFileURL("scripts/lib/daemon-processes.mjs").href;

/** Writes into the folder for as long as it lives, as a shell, a server or a daemon does. */
const WRITER = `
  const fs = require("node:fs");
  process.on("SIGHUP", () => {});
  for (let n = 0; ; n += 1) { try { fs.mkdirSync(process.argv[1] + "/d" + n, { recursive: true }); } catch {} }
`;

/** A script whose helper has a helper in a session of its own, as VS Code has shells and our daemon. */
const SCRIPT = `
  import { makeFolder, spawnOwned, undoLater } from ${JSON.stringify(OWN)};
  import { killProcessesOf, killProcessesWith } from ${JSON.stringify(PROCESSES)};
  const folder = makeFolder("tun-own");
  const mark = "TUNNELS_TEST=" + folder;
  undoLater(() => { throw new Error("this can't be undone"); });
  undoLater(() => killProcessesWith(mark));
  const starter = "const { spawn } = require('node:child_process');"
    + "const child = spawn(process.execPath, ['-e', process.argv[2], process.argv[1]], { detached: true, stdio: 'ignore' });"
    + "process.stdout.write(String(child.pid)); setInterval(() => {}, 1000);";
  const child = spawnOwned(process.execPath, ["-e", starter, folder, ${JSON.stringify(WRITER)}], { env: { ...process.env, TUNNELS_TEST: folder } });
  child.stdout.once("data", (pid) => console.log(JSON.stringify({ folder, ids: [child.pid, Number(String(pid))] })));
  setInterval(() => {}, 1000);
`;

interface Started {
  readonly folder: string;
  readonly ids: readonly number[];
}

describe("what a script of ours has started", () => {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const) {
    it(`is gone after ${signal}, with its folder, although a helper wrote into it`, async () => {
      const script = spawn(process.execPath, ["--input-type=module", "-e", SCRIPT]);
      const errors = collected(script);
      const { folder, ids } = await started(script);
      assert.ok(existsSync(folder));
      script.kill(signal);
      await once(script, "exit");
      assert.equal(existsSync(folder), false, errors());
      assert.deepEqual(ids.filter(isAlive), []);
      assert.equal(errors(), "✖ this can't be undone\n");
    });
  }
});

async function started(script: ChildProcessWithoutNullStreams): Promise<Started> {
  const [line] = (await once(script.stdout, "data")) as [Buffer];
  return JSON.parse(line.toString("utf8")) as Started;
}

function collected(script: ChildProcessWithoutNullStreams): () => string {
  let text = "";
  script.stderr.setEncoding("utf8").on("data", (more: string) => {
    text += more;
  });
  return () => text;
}

/** A process that has ended and that nobody has waited for has no command line any more. */
function isAlive(id: number): boolean {
  try {
    return readFileSync(`/proc/${id}/cmdline`, "utf8") !== "";
  } catch {
    return false;
  }
}
