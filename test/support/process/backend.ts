/**
 * Backends for tunnels, in the test process itself: they count and keep their connections.
 */
import * as net from "node:net";
import { formatAddress, parseAddress } from "../../../shared/address.ts";
import type { Stage } from "../stage.ts";
import { Peer } from "./peer.ts";

/** A listening server and its connections. */
export interface Backend {
  /** Where it listens, in the form that -t takes. */
  readonly address: string;
  /** Every connection ever accepted. */
  readonly peers: readonly Peer[];
}

/** Listens at `at` (default: a free port of 127.0.0.1) and gives each connection to `serve`. */
export async function startBackend(stage: Stage, serve: (peer: Peer) => void, at = "[127.0.0.1]:0"): Promise<Backend> {
  const peers: Peer[] = [];
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    const peer = new Peer(socket);
    peers.push(peer);
    serve(peer);
  });
  stage.own(() => {
    server.close();
    for (const peer of peers) peer.socket.destroy();
  });
  const wanted = parseAddress(at);
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    if (wanted.kind === "unix") server.listen(wanted.path, resolve);
    else server.listen(wanted.port, wanted.host, resolve);
  });
  const bound = server.address();
  const port = typeof bound === "object" && bound !== null ? bound.port : 0;
  return { address: formatAddress(wanted.kind === "unix" ? wanted : { ...wanted, port }), peers };
}

/** Sends everything back, and ends when the other side has ended. */
export function startEcho(stage: Stage, at?: string): Promise<Backend> {
  return startBackend(stage, ({ socket }) => void socket.pipe(socket), at);
}

/** Keeps all received bytes, and ends when the other side has ended. */
export function startSink(stage: Stage, at?: string): Promise<Backend> {
  return startBackend(stage, ({ socket }) => void socket.once("end", () => socket.end()), at);
}
