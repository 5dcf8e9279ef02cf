/**
 * A throw-away PostgreSQL on 127.0.0.1 and a unix socket, which trusts whoever connects; installed if needed. It refuses
 * to run as root, so root starts it as nobody.
 */
import { chmodSync, chownSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "./failure.mjs";
import { endChild, lastLine, makeFolder, removeFolder, run } from "./own.mjs";
import { startOnFreePort } from "./ports.mjs";
import { provision } from "./provision.mjs";

const USER = "tunnel";
const NOBODY = 65_534;
/** Nothing here has to survive a crash. */
const FAST = ["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=16MB"];

export async function startPostgres(options = {}) {
  const tools = await provision(["postgres"]);
  const folder = makeFolder("tun-pg");
  const data = join(folder, "data");
  mkdirSync(data);
  if (isRoot()) {
    chmodSync(folder, 0o711);
    chownSync(data, NOBODY, NOBODY);
  }
  const made = await run(...asNobody(tools.initdb, ["-D", data, "-U", USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]));
  if (made.code !== 0) throw new Failure(`initdb failed: ${lastLine(made.stderr || made.stdout)}.`);
  const { child, port } = await startOnFreePort("postgres", {
    ...commandOf(tools.postgres, (chosen) => [
      ...["-D", data, "-p", String(chosen), "-c", "listen_addresses=127.0.0.1", "-c", `unix_socket_directories=${data}`, ...FAST],
      ...(options.args ?? []),
    ]),
    ready: async ({ port: chosen }) => (await run(tools.psql, ["-h", data, "-p", String(chosen), "-U", USER, "-c", "SELECT 1", "postgres"])).code === 0,
  });
  return {
    ...{ port, user: USER, database: "postgres", socketFolder: data, pid: child.pid, child },
    stop: async () => {
      await endChild(child);
      removeFolder(folder);
    },
  };
}

function isRoot() {
  return process.getuid?.() === 0;
}

function asNobody(program, args) {
  return isRoot() ? ["setpriv", ["--reuid", String(NOBODY), "--regid", String(NOBODY), "--clear-groups", program, ...args]] : [program, args];
}

function commandOf(program, argsFor) {
  const [command] = asNobody(program, []);
  return { command, argsFor: (port) => asNobody(program, argsFor(port))[1] };
}
