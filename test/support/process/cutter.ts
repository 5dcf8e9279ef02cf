/**
 * The network between two ends, which can cut each connection at a given byte: with a FIN, with a reset, or like a
 * middle-box that is switched off.
 */
import * as net from "node:net";
import { endError } from "../../../daemon/proxy/plain-side.ts";
import { parseAddress } from "../../../shared/address.ts";
import type { Stage } from "../stage.ts";
import { startBackend } from "./backend.ts";

/** The direction of bytes: towards the target, or back. */
export type Direction = "up" | "down";

/** Where and how the next connection is cut; the bytes before that byte still pass. */
export interface Cut {
  readonly direction: Direction;
  readonly atByte: number;
  readonly how: "FIN" | "RST" | "kill";
}

/** A relay whose next connections are cut as `cut` says. */
export interface Cutter {
  readonly address: string;
  cut?: Cut | undefined;
}

/** Passes everything on to `target` until `cut` is set. */
export async function startCutter(stage: Stage, target: string): Promise<Cutter> {
  const address = parseAddress(target);
  if (address.kind !== "tcp") throw new TypeError("a relay goes to a TCP port");
  const relay = await startBackend(stage, ({ socket: near }) => {
    const far = net.connect({ host: address.host, port: address.port, allowHalfOpen: true, noDelay: true });
    stage.own(() => far.destroy());
    // When one side breaks, the other one is broken too.
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.resetAndDestroy());
    }
    const { cut } = cutter;
    pass(near, far, cut?.direction === "up" ? cut : undefined);
    pass(far, near, cut?.direction === "down" ? cut : undefined);
  });
  const cutter: Cutter = { address: relay.address };
  return cutter;
}

function pass(from: net.Socket, to: net.Socket, cut: Cut | undefined): void {
  if (!cut) {
    from.pipe(to, { end: false });
    // Node reports a reset that arrives together with data as an end; the network doesn't. A peer that noticed the reset first has closed it.
    from.on("end", () => (from.destroyed || endError(from) ? to.resetAndDestroy() : to.end()));
    return;
  }
  let passed = 0;
  from.on("data", (chunk: Buffer) => {
    if (passed === cut.atByte) return;
    const piece = chunk.subarray(0, cut.atByte - passed);
    passed += piece.length;
    if (passed < cut.atByte) {
      to.write(piece);
      return;
    }
    // Only once all of the piece is sent: a reset drops queued bytes.
    to.write(piece, () => {
      if (cut.how === "FIN") to.end();
      else if (cut.how === "RST") for (const socket of [to, from]) socket.resetAndDestroy();
      else for (const socket of [to, from]) socket.destroy();
    });
  });
}
