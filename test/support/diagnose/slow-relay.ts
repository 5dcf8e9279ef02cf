/**
 * A slow relay between two ends: it passes on everything, ends and resets too, `delayMs` later and in the same order.
 * It accepts at once, before it connects to the far side.
 */
import * as net from "node:net";
import { parseAddress } from "../../../shared/address.ts";
import type { Stage } from "../stage.ts";

/** Starts a relay in front of `target`; returns its address. */
export async function startSlowRelay(stage: Stage, target: string, delayMs: number): Promise<string> {
  const to = parseAddress(target);
  if (to.kind !== "tcp") throw new TypeError("a relay goes to a TCP port");
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    stage.own(() => near.destroy());
    later(delayMs, () => {
      const far = net.connect({ host: to.host, port: to.port, allowHalfOpen: true, noDelay: true });
      stage.own(() => far.destroy());
      pass(near, far, delayMs);
      pass(far, near, delayMs);
    });
  });
  stage.own(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `127.0.0.1:${(server.address() as net.AddressInfo).port}`;
}

function pass(from: net.Socket, to: net.Socket, delayMs: number): void {
  from.on("data", (chunk) => later(delayMs, () => to.writable && to.write(chunk)));
  from.on("end", () => later(delayMs, () => to.end()));
  from.on("error", () => later(delayMs, () => to.resetAndDestroy()));
}

/** Timers of the same length fire in the order in which they were set. */
function later(delayMs: number, act: () => void): void {
  setTimeout(act, delayMs);
}
