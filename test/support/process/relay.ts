/**
 * An attacker between two ends, who changes or cuts the traffic.
 */
import * as net from "node:net";
import { parseAddress } from "../../../shared/address.ts";
import type { Stage } from "../stage.ts";
import { type Backend, startBackend } from "./backend.ts";

/** What to do with a chunk from the target, `offset` bytes into the stream: which bytes to pass on, and whether to cut after them. */
export type Meddle = (chunk: Buffer, offset: number) => { readonly pass: Uint8Array; readonly cut?: "end" | "reset" };

/** Passes everything on to `target` unchanged, and everything from `target` through `meddle`. */
export function startRelay(stage: Stage, target: string, meddle: Meddle): Promise<Backend> {
  const address = parseAddress(target);
  if (address.kind !== "tcp") throw new TypeError("a relay goes to a TCP port");
  return startBackend(stage, ({ socket: near }) => {
    const far = net.connect({ host: address.host, port: address.port, allowHalfOpen: true });
    stage.own(() => far.destroy());
    far.on("error", () => near.destroy());
    near.on("close", () => far.destroy());
    near.pipe(far);
    let offset = 0;
    let isCut = false;
    far.on("data", (chunk: Buffer) => {
      if (isCut) return;
      const { pass, cut } = meddle(chunk, offset);
      offset += chunk.length;
      isCut = cut !== undefined;
      near.write(pass);
      if (cut === "end") near.end();
      if (cut === "reset") near.resetAndDestroy();
    });
    far.on("end", () => near.end());
  });
}
