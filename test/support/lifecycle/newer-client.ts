/**
 * A test program: the client library in the version that it was bundled with.
 * Arguments: the state folder, the program to upgrade with. It prints which
 * daemon it connected to, or why it could not connect, and ends.
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
