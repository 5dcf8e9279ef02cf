/**
 * A plain side whose incoming replies are changed on their way to the client: the
 * addresses of a cluster's nodes (services/redis-cluster.ts). A reply that waits for
 * a node's port holds back what is behind it, and with it the far end.
 */
import type * as net from "node:net";
import { Writable } from "node:stream";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { ClusterReplies, type NodeAddress, type NodeReply, nodeText } from "../services/redis-cluster.ts";
import { refusalLine } from "../services/refusal.ts";
import { WRITE_QUEUE_BYTES } from "./dial.ts";
import { type PlainSide, socketSide } from "./plain-side.ts";

/** The ports of a cluster's nodes on this machine, by {@link nodeText}; a promise where some must be opened first. @throws TunnelError, also later */
export type NodePorts = (nodes: readonly NodeAddress[]) => ReadonlyMap<string, number> | Promise<ReadonlyMap<string, number>>;

/** A client's socket whose replies are changed; `name` is the tunnel's. */
export function rewrittenSide(socket: net.Socket, { name, ports }: { readonly name: string; readonly ports: NodePorts }): PlainSide {
  const replies = new ClusterReplies();
  const sink = new RewritingSink(socket, { name, ports, replies });
  const side = socketSide(socket);
  return {
    ...side,
    sink,
    passed: (bytes) => replies.asked(bytes),
    destroy: () => {
      sink.destroy();
      side.destroy();
    },
    reset: () => {
      sink.destroy();
      side.reset();
    },
  };
}

class RewritingSink extends Writable {
  readonly #socket: net.Socket;
  readonly #options: { readonly name: string; readonly ports: NodePorts; readonly replies: ClusterReplies };

  constructor(socket: net.Socket, options: { readonly name: string; readonly ports: NodePorts; readonly replies: ClusterReplies }) {
    super({ highWaterMark: WRITE_QUEUE_BYTES, decodeStrings: false });
    this.#socket = socket;
    this.#options = options;
    // The socket's error is the side's: see PlainSide.lastWords.
    Object.defineProperty(this, "errored", { get: () => socket.errored });
    socket.once("close", () => this.destroy());
  }

  override _write(chunk: Uint8Array, _: BufferEncoding, done: (error?: Error) => void): void {
    // An empty write asks only when everything before it has been taken.
    if (chunk.length === 0) {
      this.#socket.write(chunk, () => done());
      return;
    }
    const pieces = this.#options.replies.answered(chunk);
    if (pieces.every((piece) => piece instanceof Uint8Array)) {
      for (const piece of pieces) this.#socket.write(piece);
      this.#whenTaken(done);
      return;
    }
    void this.#writeAll(pieces).then(() => this.#whenTaken(done));
  }

  override _final(done: (error?: Error) => void): void {
    if (this.#socket.destroyed) done();
    else this.#socket.end(() => done());
  }

  async #writeAll(pieces: readonly (Uint8Array | NodeReply)[]): Promise<void> {
    for (const piece of pieces) {
      const bytes = piece instanceof Uint8Array ? piece : await this.#placed(piece);
      if (this.#socket.destroyed) return;
      this.#socket.write(bytes);
    }
  }

  /** The reply with this machine's addresses in it; an error in its place where a node can have none. */
  async #placed(reply: NodeReply): Promise<Uint8Array> {
    const { name, ports } = this.#options;
    const host = (this.#socket.localAddress ?? "127.0.0.1").replace(/^::ffff:/, "");
    try {
      const known = await ports(reply.nodes);
      return reply.rewritten((node) => {
        const port = known.get(nodeText(node));
        if (port === undefined) throw new TunnelError("LISTEN_DENIED", message("the cluster's node {0} has no port on this machine", nodeText(node)));
        return { host, port };
      });
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      return new TextEncoder().encode(`-ERR ${refusalLine(name, error)}\r\n`);
    }
  }

  #whenTaken(done: () => void): void {
    if (this.#socket.writableNeedDrain && !this.#socket.destroyed) this.#socket.once("drain", () => done());
    else done();
  }
}
