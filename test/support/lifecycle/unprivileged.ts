/**
 * A test program, run as a user who may not write everywhere: it prepares the
 * folders of a state folder (its argument), claims the socket there and prints
 * the outcome.
 */

import { claimSocket } from "../../../daemon/lifecycle/door/singleton.ts";
import { daemonPaths, prepareFolders, thisPlace } from "../../../daemon/lifecycle/paths.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { greet, greetingServer } from "./greeting.ts";

void start().then(
  (outcome) => end(outcome),
  (error: unknown) => end(error instanceof TunnelError ? `${error.code} ${error.message}` : String(error)),
);

async function start(): Promise<string> {
  const place = thisPlace();
  const paths = daemonPaths({ stateDir: process.argv[2], protocol: 1, place });
  prepareFolders(paths, place);
  const { socketPath } = paths.door;
  const claim = await claimSocket({ server: greetingServer("a"), socketPath, alsoCheck: [], instanceId: "a", verify: (where) => greet(where) });
  return claim.kind;
}

function end(outcome: string): void {
  process.stdout.write(`${outcome}\n`, () => process.exit());
}
