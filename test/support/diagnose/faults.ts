/**
 * Far sides with a fault, made with real programs: Debian's spiped and our own server end, real Redis and MariaDB, raw
 * sockets. Each returns its address and the input of the diagnosis.
 */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import * as http from "node:http";
import type * as net from "node:net";
import * as tls from "node:tls";
import { freePort } from "../../../scripts/lib/ports.mjs";
import { startBackend } from "../process/backend.ts";
import { freeAddress, type Maker, makeKey, startEnd, TUNNELD } from "../process/ends.ts";
import { connectTo, type Peer } from "../process/peer.ts";
import { startRelay } from "../process/relay.ts";
import { Home } from "../process/tunneld.ts";
import type { Stage } from "../stage.ts";
import { digHole } from "./hole.ts";
import type { Wanted } from "./subject.ts";

/** Addresses of the servers that the whole table shares. */
export interface Servers {
  readonly redis: string;
  readonly mariaDb: string;
}

/** Sets a fault up on a stage. */
export type SetUpFault = (stage: Stage, servers: Servers) => Promise<Wanted>;

/** A far end that holds our key. */
interface FarEnd {
  readonly maker?: Maker;
  readonly service?: "redis" | "mysql" | "tcp";
  readonly backend: string | ((stage: Stage, servers: Servers) => Promise<string>) | keyof Servers;
  readonly args?: readonly string[];
  /** What is different about our side. */
  readonly wanted?: Partial<Wanted>;
}

/** spiped -d in front of a backend, and a plan with the same key. */
export function farEnd({ maker = "Debian's", service = "tcp", backend, args = [], wanted = {} }: FarEnd): SetUpFault {
  return async (stage, servers) => {
    const key = makeKey(stage);
    let target = typeof backend === "function" ? await backend(stage, servers) : backend;
    if (target === "redis" || target === "mariaDb") target = servers[target];
    const end = await startEnd(stage, { maker, role: "-d", target: bracketed(target), key, args });
    return { target: end.address, key, service, ...wanted };
  };
}

/** Like `farEnd`, but our side has another key. */
export function otherKey(options: FarEnd): SetUpFault {
  return async (stage, servers) => ({ ...(await farEnd(options)(stage, servers)), key: makeKey(stage, "other") });
}

/** Like `farEnd`, with a relay that changes the byte at `offset` of the returned stream, or cuts the stream there. */
export function tampered(options: FarEnd, meddle: { readonly offset: number; readonly cut?: boolean }): SetUpFault {
  return async (stage, servers) => {
    const wanted = await farEnd(options)(stage, servers);
    const relay = await startRelay(stage, wanted.target, (chunk, from) => {
      const at = meddle.offset - from;
      if (at < 0 || at >= chunk.length) return { pass: chunk };
      if (meddle.cut) return { pass: chunk.subarray(0, at), cut: "end" };
      const changed = Buffer.from(chunk);
      changed.writeUInt8((chunk[at] ?? 0) ^ 1, at);
      return { pass: changed };
    });
    return { ...wanted, target: relay.address };
  };
}

/** A spiped that has one connection and accepts no other. */
export const atItsLimit: SetUpFault = async (stage, servers) => {
  const wanted = await farEnd({ service: "redis", backend: "redis", args: ["-n", "1", "-o", "120"] })(stage, servers);
  const first = await connectTo(stage, wanted.target);
  await first.has(32);
  return wanted;
};

/** A server other than spiped: `serve` handles each connection. */
export function rawSocket(serve: (peer: Peer) => void, wanted: Partial<Wanted> = {}): SetUpFault {
  return async (stage) => ({ target: (await startBackend(stage, serve)).address, ...wanted });
}

/** Sends one byte every tenth of a second, for ever. It is always the same byte, as random bytes may look like the start of any protocol. */
export function trickle({ socket }: Peer, byte = 0xa5): void {
  const timer = setInterval(() => socket.write(Uint8Array.of(byte)), 100);
  socket.once("close", () => clearInterval(timer));
}

/** Sends a nonce, and calls `then` when the whole of C4 has arrived. */
export function nonceThen(then: (socket: net.Socket) => void): (peer: Peer) => void {
  return (peer) => {
    peer.send(randomBytes(32));
    const check = (): void => {
      if (peer.receivedBytes < 320) return;
      peer.socket.off("data", check);
      then(peer.socket);
    };
    peer.socket.on("data", check);
  };
}

/** A server of Node's own library. */
export function nodeServer(make: () => http.Server | tls.Server): SetUpFault {
  return async (stage) => {
    const server = make();
    server.on("tlsClientError", () => {});
    const sockets = new Set<net.Socket>();
    server.on("connection", (socket: net.Socket) => sockets.add(socket));
    stage.own(() => {
      server.close();
      for (const socket of sockets) socket.destroy();
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return { target: `127.0.0.1:${(server.address() as net.AddressInfo).port}` };
  };
}

export const httpServer = (): http.Server => http.createServer((_, response) => response.end("hello"));
/** Without a certificate it refuses every handshake with an alert, which is enough to look like TLS. */
export const tlsServer = (): tls.Server => tls.createServer({});

/** An address where nothing listens. */
export const refusing = (): Promise<string> => freeAddress();
/** An address where nothing answers. */
export const blackHole = (stage: Stage): Promise<string> => digHole(stage);
/** A service that accepts and closes at once. */
export const closing = async (stage: Stage): Promise<string> => (await startBackend(stage, ({ socket }) => void socket.destroy())).address;

/** A service that sends `words` and closes, like a service that turns every client away. */
export const saying =
  (words: string | Uint8Array) =>
  async (stage: Stage): Promise<string> =>
    (await startBackend(stage, ({ socket }) => void socket.end(words))).address;
/** A service that sends nothing first and calls `answer` at the first bytes. */
export const onQuestion =
  (answer: (socket: net.Socket) => void) =>
  async (stage: Stage): Promise<string> =>
    (await startBackend(stage, ({ socket }) => void socket.once("data", () => answer(socket)))).address;

/** A far end of ours that has one connection: the next one hears why on the native wire, and is closed after S5 on spiped's. */
export function ourEndAtItsLimit(more: { readonly wire?: "spiped" }): SetUpFault {
  return async (stage, servers) => {
    const home = new Home(stage);
    const key = home.key("team");
    const port = await freePort();
    const configPath = stage.path("limit.json");
    const entry = { role: "server", listen: `127.0.0.1:${port}`, target: servers.redis, key: "team", maxConnections: 1, ...more };
    writeFileSync(configPath, JSON.stringify({ version: 1, tunnels: { one: entry } }));
    const program = stage.spawn(process.execPath, [TUNNELD, "serve", "--config", configPath, "--state-dir", home.paths.stateDir]);
    await program.logs(/one listens at/);
    const near = await startEnd(stage, { maker: "ours", role: "-e", target: `[127.0.0.1]:${port}`, key });
    const first = await connectTo(stage, near.address);
    first.socket.write("PING\r\n");
    await first.has(7);
    return { target: `127.0.0.1:${port}`, key, service: "redis" };
  };
}

/** spiped wants an IP address in brackets. */
function bracketed(address: string): string {
  return address.replace(/^(\d+\.\d+\.\d+\.\d+):/, "[$1]:");
}
