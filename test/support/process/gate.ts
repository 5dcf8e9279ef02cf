/** Stands before a far end, and can hold back what it says until it is told to go on. */
import { connect, createServer, type Socket } from "node:net";
import type { Stage } from "../stage.ts";

/** A far end that can be held. */
export interface Gate {
  /** What an entry's "target" takes. */
  readonly target: string;
  /** From now on nothing that the far end says comes through. */
  hold(): void;
  /** What was held back comes, and everything after it. */
  release(): void;
}

/** Starts a gate before `target`, written as in an entry. */
export async function startGate(stage: Stage, target: string): Promise<Gate> {
  const [, host = "", port = ""] = /^\[?(.*?)\]?:(\d+)$/.exec(target) ?? [];
  const farSides = new Set<Socket>();
  let isHeld = false;
  const server = createServer((near) => {
    const far = connect(Number(port), host);
    farSides.add(far);
    near.pipe(far);
    far.pipe(near);
    if (isHeld) far.unpipe(near).pause();
    far.once("gate", () => far.pipe(near));
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => {});
      one.once("close", () => other.destroy());
    }
    far.once("close", () => farSides.delete(far));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  stage.own(() => {
    for (const far of farSides) far.destroy();
    server.close();
  });
  const { port: ownPort } = server.address() as { readonly port: number };
  return {
    target: `127.0.0.1:${ownPort}`,
    hold: () => {
      isHeld = true;
    },
    release: () => {
      isHeld = false;
      for (const far of farSides) far.emit("gate");
    },
  };
}
