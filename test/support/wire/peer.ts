/** One end of a real socket in a test: it reads by length or to the end, and knows how the other end closed. */
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import * as net from "node:net";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { endError } from "../../../daemon/proxy/plain-side.ts";
import { freePort } from "../../../scripts/lib/ports.mjs";
import type { Stage } from "../stage.ts";
import { pattern, sameBytes } from "./bytes.ts";

export type Ending = "end" | "reset";

export class Peer {
  readonly socket: net.Socket;
  #received = Buffer.alloc(0);
  #ending: Ending | undefined;
  #waiting: (() => void)[] = [];

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#changed();
    });
    socket.on("end", () => this.#end(endError(socket) ? "reset" : "end"));
    socket.on("error", () => this.#end("reset"));
    socket.on("close", () => this.#end("reset"));
  }

  /** Everything received and not yet read. */
  get unread(): Uint8Array {
    return Uint8Array.from(this.#received);
  }

  write(bytes: Uint8Array): void {
    this.socket.write(bytes);
  }

  /** Half-closes; resolves once the FIN is out. */
  async end(): Promise<void> {
    this.socket.end();
    if (!this.socket.writableFinished) await once(this.socket, "finish");
  }

  /** The next `count` bytes; rejects when the stream ends first. */
  async read(count: number): Promise<Uint8Array> {
    await this.#until(() => this.#received.length >= count || this.#ending !== undefined);
    if (this.#received.length < count) throw new Error(`the stream ended (${this.#ending}) after ${this.#received.length} of ${count} bytes`);
    const taken = Uint8Array.from(this.#received.subarray(0, count));
    this.#received = this.#received.subarray(count);
    return taken;
  }

  /** How the other end ended the stream: "end" for FIN, "reset" for anything else. */
  async ending(): Promise<Ending> {
    await this.#until(() => this.#ending !== undefined);
    return this.#ending as Ending;
  }

  #end(how: Ending): void {
    this.#ending ??= how;
    this.#changed();
  }

  #changed(): void {
    for (const check of this.#waiting.splice(0)) check();
  }

  async #until(ready: () => boolean): Promise<void> {
    while (!ready()) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

/** `from`: the local address to connect from. */
export type Place = { readonly port: number; readonly from?: string } | { readonly path: string };

/** Connects; half-open, as the far ends of a tunnel are. */
export async function connectTo(scope: Stage, place: Place): Promise<Peer> {
  const options = { allowHalfOpen: true, noDelay: true };
  const socket = net.connect(
    "path" in place
      ? { ...options, path: place.path }
      : { ...options, host: "127.0.0.1", port: place.port, ...(place.from !== undefined && { localAddress: place.from }) },
  );
  scope.own(socket, (open) => open.destroy());
  await once(socket, "connect");
  return new Peer(socket);
}

/** A listener that counts what connects to it. */
export class Backend {
  readonly server = net.createServer({ allowHalfOpen: true, noDelay: true });
  readonly peers: Peer[] = [];
  #taken = 0;
  #waiting: (() => void)[] = [];

  constructor() {
    this.server.on("connection", (socket) => {
      this.peers.push(new Peer(socket));
      for (const check of this.#waiting.splice(0)) check();
    });
  }

  get port(): number {
    return (this.server.address() as net.AddressInfo).port;
  }

  /** The next connection that was not returned yet. */
  async accept(): Promise<Peer> {
    const index = this.#taken++;
    while (this.peers.length <= index) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    return this.peers[index] as Peer;
  }

  close(): void {
    this.server.close();
    for (const peer of this.peers) peer.socket.destroy();
  }
}

export async function startBackend(scope: Stage, place: Place = { port: 0 }): Promise<Backend> {
  const backend = scope.own(new Backend(), (open) => open.close());
  backend.server.listen("path" in place ? place : { ...place, host: "127.0.0.1" });
  await once(backend.server, "listening");
  return backend;
}

/** A user of a tunnel and the service behind it, joined: one byte has gone each way. */
export interface Joined {
  readonly user: Peer;
  readonly service: Peer;
}

/** Connects through the tunnel at `place` to `backend`. */
export async function join(scope: Stage, place: Place, backend: Backend): Promise<Joined> {
  const user = await connectTo(scope, place);
  user.write(Uint8Array.of(0x78));
  const service = await backend.accept();
  await service.read(1);
  service.write(Uint8Array.of(0x79));
  await user.read(1);
  return { user, service };
}

/** Three kilobytes each way arrive whole. */
export async function speaks({ user, service }: Joined, seed: number): Promise<void> {
  user.write(pattern(3_000, seed));
  sameBytes(await service.read(3_000), pattern(3_000, seed), "upstream");
  service.write(pattern(3_000, seed + 1));
  sameBytes(await user.read(3_000), pattern(3_000, seed + 1), "downstream");
}

/** A port of 127.0.0.1 where nothing listens, now or later. */
export function closedPort(): Promise<number> {
  return freePort();
}

/** An empty folder on a short path. */
export function temporaryFolder(scope: Stage): string {
  return scope.own(mkdtempSync(joinPath(tmpdir(), "tun-")), (path) => rmSync(path, { recursive: true, force: true }));
}
