/** The network between two ends, which a test cuts, silences and moves; everything else it passes on, ends and resets too. */
import { once } from "node:events";
import * as net from "node:net";
import type { Stage } from "../stage.ts";

/** How connections are cut: both ends see it, as a FIN or a reset; only one end does; nobody does, as the bytes just stop. */
export type CutHow = "end" | "reset" | "client only" | "server only" | "silence";

interface Way {
  readonly near: net.Socket;
  /** undefined: it leads nowhere. */
  readonly far: net.Socket | undefined;
  isSilent: boolean;
}

/** A relay to `port` of 127.0.0.1. */
export class Network {
  readonly #ways = new Set<Way>();
  readonly #server: net.Server;
  /** Connections are taken, and lead nowhere; those that are there are silent. */
  #isBlackHole = false;
  #made = 0;
  #target: number;

  constructor(target: number) {
    this.#target = target;
    this.#server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => this.#join(near));
  }

  get port(): number {
    return (this.#server.address() as net.AddressInfo).port;
  }

  /** Connections so far. */
  get made(): number {
    return this.#made;
  }

  /** Connections now. */
  get size(): number {
    return this.#ways.size;
  }

  async listen(port = 0, host = "127.0.0.1"): Promise<void> {
    this.#server.listen(port, host);
    await once(this.#server, "listening");
  }

  /** New connections lead to another port. */
  leadTo(port: number): void {
    this.#target = port;
  }

  /** From now on nothing passes, or again. Connections that were silenced meanwhile stay so. */
  blackHole(isOn: boolean): void {
    this.#isBlackHole = isOn;
    if (isOn) for (const way of this.#ways) way.isSilent = true;
  }

  /** Cuts every connection. */
  cut(how: CutHow): void {
    for (const way of this.#ways) {
      way.isSilent = true;
      const end = (socket: net.Socket): void => void (how === "end" ? socket.end() : socket.resetAndDestroy());
      if (how !== "silence" && how !== "server only") end(way.near);
      if (how !== "silence" && how !== "client only" && way.far) end(way.far);
      this.#ways.delete(way);
    }
  }

  close(): void {
    this.#server.close();
    for (const { near, far } of this.#ways) {
      near.destroy();
      far?.destroy();
    }
  }

  #join(near: net.Socket): void {
    this.#made += 1;
    near.on("error", () => {});
    if (this.#isBlackHole) {
      const nowhere: Way = { near, far: undefined, isSilent: true };
      this.#ways.add(nowhere);
      near.on("close", () => this.#ways.delete(nowhere));
      near.resume();
      return;
    }
    const far = net.connect({ host: "127.0.0.1", port: this.#target, allowHalfOpen: true, noDelay: true });
    const way: Way = { near, far, isSilent: false };
    this.#ways.add(way);
    this.#pass(way, near, far);
    this.#pass(way, far, near);
  }

  #pass(way: Way, from: net.Socket, to: net.Socket): void {
    from.on("data", (chunk) => {
      if (way.isSilent) return;
      if (!to.write(chunk)) {
        from.pause();
        to.once("drain", () => from.resume());
      }
    });
    from.on("end", () => {
      if (!way.isSilent) to.end();
    });
    from.on("error", () => {
      if (!way.isSilent) to.resetAndDestroy();
    });
    from.on("close", () => this.#ways.delete(way));
  }
}

/** Starts a network to `port`, at `at` or a free port. */
export async function startNetwork(scope: Stage, port: number, at = 0): Promise<Network> {
  const network = scope.own(new Network(port), (open) => open.close());
  await network.listen(at);
  return network;
}
