/**
 * A test program: a client library of whatever version it was bundled with. Its
 * arguments: the state folder, the program to upgrade with. Says what daemon it
 * came to, or why to none, and ends.
 */
import { DaemonClient } from "../../../daemon/client/daemon-client.ts";
import { daemonPaths, thisPlace } from "../../../daemon/lifecycle/paths.ts";
import { PROTOCOL_VERSION } from "../../../shared/contract/version.ts";
import { TunnelError } from "../../../shared/errors.ts";

const [, , stateDir, program = ""] = process.argv;
const place = thisPlace();
const client = new DaemonClient({
  ...{ place, paths: daemonPaths({ stateDir, protocol: PROTOCOL_VERSION, place }), execPath: process.execPath, program },
  ...{ kind: "vscode", name: "newer", start: true, stay: false, wallMs: Date.now },
});

void client.connect().then(
  ({ pid, version }) => end({ pid, version }),
  (error: unknown) => end({ error: error instanceof TunnelError ? `${error.code} ${error.message}` : String(error) }),
);

function end(said: object): void {
  process.stdout.write(`${JSON.stringify(said)}\n`);
  client.close();
}
