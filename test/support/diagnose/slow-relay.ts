/**
 * A way between two ends that takes time: everything, the end and a reset too, comes on `delayMs` later and in its order.
 * It accepts at once, before the far side is asked.
 */
import * as net from "node:net";
import { parseAddress } from "../../../shared/address.ts";
import type { Stage } from "../stage.ts";

/** Starts one in front of `target`; its address. */
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

/** Timers of one length fire in the order they were set. */
function later(delayMs: number, act: () => void): void {
  setTimeout(act, delayMs);
}
