/**
 * A stand-in for a spiped whose backend refuses late: it speaks the server's side of the protocol, dials nobody, and
 * closes `afterMs` after it has accepted. A real kernel on this machine can't be made to refuse a connection that late.
 */
import { readFileSync } from "node:fs";
import { sharedKey } from "../../../daemon/protocol/keys.ts";
import { startBackend } from "../process/backend.ts";
import type { Stage } from "../stage.ts";
import { handshake } from "../wire/handshakes.ts";
import { SUITES } from "../wire/suites.ts";

/** Starts the stand-in at `at` with the key of a file. */
export async function startRefusingLater(stage: Stage, how: { readonly at: string; readonly key: string; readonly afterMs: number }): Promise<void> {
  const [suite] = SUITES;
  if (!suite) throw new RangeError("there is a suite");
  const keys = [sharedKey(suite, readFileSync(how.key))];
  const serve = ({ socket }: { readonly socket: import("node:net").Socket }): void => {
    const server = handshake("server", { keys });
    socket.write(server.start());
    let isOver = false;
    socket.on("data", (chunk) => {
      if (isOver) return;
      const step = server.receive(chunk);
      isOver = step.state === "done";
      if (step.send) socket.write(step.send);
    });
    setTimeout(() => socket.destroy(), how.afterMs);
  };
  await startBackend(stage, serve, how.at);
}
