/**
 * The client side of TLS over any stream, for one look at a service that speaks
 * TLS. node:tls does the handshake. No certificate is checked and none is shown:
 * the server's name would not be that of the local end, and a look sends no secret
 * that somebody else could learn. So a look proves that TLS is spoken, not by whom.
 *
 * Spec: RFC 8446, 5.1 (records) · RFC 5246, 6.2.1
 */
import { Duplex } from "node:stream";
import * as tls from "node:tls";

/** What starting TLS came to. */
export type TlsStart =
  | {
      readonly is: "secured";
      readonly socket: tls.TLSSocket;
      /** Whether the other side has since ended TLS with an alert: it may refuse a client without a certificate only now. */
      readonly isRefused: () => boolean;
    }
  /** The server answered with TLS and ended the handshake: it wants a client's certificate, or accepts nothing that we offer. */
  | { readonly is: "refused" }
  /** These first bytes are not TLS. */
  | { readonly is: "other"; readonly head: Uint8Array }
  | { readonly is: "closed" }
  | { readonly is: "silent" };

/** RFC 8446, 5.1: the types of records a server begins with, and the first byte of every version. */
const ALERT = 0x15;
const HANDSHAKE = 0x16;
const MAJOR_VERSION = 3;
/** Our choice: enough to recognise a record, or to quote a line of something else. */
const HEAD_BYTES = 128;
/** Our choice: in TLS 1.3 a server refuses a client without a certificate only after the client has finished. */
const VERDICT_MS = 300;

/** Whether these first bytes of a server are those of a TLS record. */
export function isTls(head: Uint8Array): boolean {
  return (head[0] === HANDSHAKE || head[0] === ALERT) && head[1] === MAJOR_VERSION;
}

/** Whether a server's first bytes are a TLS alert: it speaks TLS, but got something else, or TLS that it does not accept. */
export function isTlsAlert(head: Uint8Array): boolean {
  return isTls(head) && head[0] === ALERT;
}

/**
 * Starts TLS on a connected or connecting stream and takes the stream over; the caller still destroys the stream. Never rejects.
 */
export function startTls(plain: Duplex, timeoutMs: number): Promise<TlsStart> {
  const tap = new Tap(plain);
  const socket = tls.connect({ socket: tap, rejectUnauthorized: false });
  let isRefused = false;
  return new Promise((resolve) => {
    const startMs = performance.now();
    let verdict: NodeJS.Timeout | undefined;
    const finish = (start: TlsStart): void => {
      clearTimeout(timer);
      clearTimeout(verdict);
      resolve(start);
    };
    const fail = (end: "closed" | "silent"): void => {
      if (isTls(tap.head)) finish({ is: "refused" });
      else finish(tap.head.length > 0 ? { is: "other", head: tap.head } : { is: end });
    };
    const secured = (): void => finish({ is: "secured", socket, isRefused: () => isRefused });
    const timer = setTimeout(() => fail("silent"), timeoutMs);
    socket.once("secureConnect", () => {
      if (socket.getProtocol() !== "TLSv1.3") return secured();
      // A session ticket comes only after the server has accepted us; a server that sends no ticket gets a short wait.
      socket.once("session", secured);
      verdict = setTimeout(secured, VERDICT_MS + 2 * (performance.now() - startMs));
    });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      isRefused ||= isOfTls(error);
      fail("closed");
    });
    socket.once("end", () => fail("closed"));
    socket.once("close", () => fail("closed"));
  });
}

/** Whether the error is the TLS library's own, OpenSSL's or BoringSSL's, and not the connection's. */
function isOfTls({ code = "", syscall }: NodeJS.ErrnoException): boolean {
  return syscall === undefined && code.startsWith("ERR_SSL_");
}

/** Passes a stream on unchanged and keeps its first bytes, because node:tls does not show the bytes it receives. */
class Tap extends Duplex {
  readonly #plain: Duplex;
  #head: Buffer = Buffer.alloc(0);

  constructor(plain: Duplex) {
    super({ allowHalfOpen: true });
    this.#plain = plain;
    plain.on("data", (chunk: Buffer) => {
      if (this.#head.length < HEAD_BYTES) this.#head = Buffer.concat([this.#head, chunk]).subarray(0, HEAD_BYTES);
      if (!this.push(chunk)) plain.pause();
    });
    plain.once("end", () => this.push(null));
    plain.once("close", () => this.destroy());
    plain.once("error", (error) => this.destroy(error));
    // The caller may be gone when this stream fails.
    this.on("error", () => {});
  }

  get head(): Uint8Array {
    return this.#head;
  }

  override _read(): void {
    this.#plain.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#plain.write(chunk, (error) => done(error));
  }

  override _final(done: () => void): void {
    this.#plain.end(done);
  }
}
