/**
 * What a command loads before it does anything: `status` runs in prompts and
 * loops. The bundler gives the answer, so that it is true of the real program.
 */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { build, type Metafile } from "esbuild";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** Everything that is evaluated when `entry` is imported. */
function loadedBy(entry: string, { inputs }: Metafile): string[] {
  const loaded = new Set<string>();
  const visit = (file: string): void => {
    if (loaded.has(file)) return;
    loaded.add(file);
    for (const one of inputs[file]?.imports ?? []) if (!one.external && one.kind !== "dynamic-import") visit(one.path);
  };
  visit(entry);
  return [...loaded];
}

describe("what a command loads", () => {
  let metafile: Metafile;
  before(async () => {
    const options = { absWorkingDir: ROOT, bundle: true, write: false, platform: "node", format: "cjs", logLevel: "silent" } as const;
    ({ metafile } = await build({ ...options, entryPoints: ["daemon/main.ts"], mainFields: ["module", "main"], metafile: true }));
  });

  const HEAVY = /node_modules\/(zod|jsonc-parser|@noble)\/|^daemon\/(crypto|protocol|services|proxy|keys|config|tunnels|diagnosis|rpc)\//;

  for (const entry of ["daemon/main.ts", "daemon/cli/status.ts", "daemon/client/daemon-client.ts", "daemon/cli/stop.ts", "daemon/cli/logs.ts"]) {
    it(`is neither the schema library nor cryptography: ${entry}`, () => {
      const loaded = loadedBy(entry, metafile);
      assert.ok(loaded.includes(entry));
      assert.deepEqual(
        loaded.filter((file) => HEAVY.test(file)),
        [],
      );
    });
  }

  it("has no RPC library before there is a daemon to talk to", () => {
    for (const entry of ["daemon/main.ts", "daemon/cli/status.ts"]) {
      assert.deepEqual(
        loadedBy(entry, metafile).filter((file) => file.includes("vscode-jsonrpc")),
        [],
      );
    }
  });

  it("is all of them for the daemon itself, or this test would prove nothing", () => {
    assert.ok(loadedBy("daemon/programs/daemon.ts", metafile).some((file) => HEAVY.test(file)));
  });
});
