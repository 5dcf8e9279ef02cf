/**
 * Cuts a stream of bytes into JSON-RPC messages with LSP framing:
 *
 *     Content-Length: N CR LF  [ other: header CR LF ]  CR LF  N bytes of JSON
 *
 * vscode-jsonrpc's own reader believes any Content-Length and reads on without
 * end. This decoder refuses a message that is too long before the message is in
 * memory. Pure and synchronous; after its first failure it stays failed. Errors
 * never quote a message: it may hold a key.
 */
import { TunnelError } from "../errors.ts";
import { type Message, message } from "../message.ts";

/** Our choice: the header section of a message, "Content-Length: N" and little more. */
export const MAX_HEADER_BYTES = 1_024;
const HEADER_END = "\r\n\r\n";
/** Our choice: the first buffer for a body. It doubles as the body comes in, so that a header alone costs nothing. */
const FIRST_BODY_BYTES = 4_096;

interface Body {
  readonly length: number;
  bytes: Buffer;
  filled: number;
}

/** See the file's header. */
export class FrameDecoder {
  readonly #maxMessageBytes: number;
  #header = "";
  #body: Body | undefined;
  #failure: TunnelError | undefined;

  constructor(maxMessageBytes: number) {
    this.#maxMessageBytes = maxMessageBytes;
  }

  /**
   * Takes the bytes that came, and hands each complete message to `deliver`.
   * @throws TunnelError CONFIG_INVALID; what `deliver` throws is passed on, and ends it too
   */
  push(chunk: Buffer, deliver: (message: object) => void): void {
    if (this.#failure) throw this.#failure;
    try {
      for (let offset = 0; offset < chunk.length; ) {
        const rest = chunk.subarray(offset);
        offset += this.#body ? this.#takeBody(this.#body, rest) : this.#takeHeader(rest);
        if (this.#body && this.#body.filled === this.#body.length) deliver(this.#message(this.#body));
      }
    } catch (error) {
      this.#failure = error instanceof TunnelError ? error : new TunnelError("CONFIG_INVALID", message("a message could not be taken"), { cause: error });
      throw error;
    }
  }

  /** Returns how many bytes were the header's. */
  #takeHeader(chunk: Buffer): number {
    const before = this.#header.length;
    this.#header += chunk.toString("latin1", 0, MAX_HEADER_BYTES);
    const end = this.#header.indexOf(HEADER_END);
    if (end < 0 ? this.#header.length >= MAX_HEADER_BYTES : end > MAX_HEADER_BYTES)
      throw refused(message("a message is refused: its header is longer than {0} bytes", MAX_HEADER_BYTES));
    if (end < 0) return chunk.length;
    const length = this.#bodyLength(this.#header.slice(0, end));
    this.#header = "";
    this.#body = { length, bytes: Buffer.alloc(Math.min(length, FIRST_BODY_BYTES)), filled: 0 };
    return end + HEADER_END.length - before;
  }

  #bodyLength(header: string): number {
    const lengths = header.split("\r\n").flatMap((line) => {
      const [, name, value] = /^([\w-]+):[ \t]*([ -~]*)$/.exec(line) ?? [];
      if (name === undefined || value === undefined) throw refused(message("a message is refused: its header is not in the form of one"));
      return name.toLowerCase() === "content-length" ? [value.trim()] : [];
    });
    const [digits] = lengths;
    if (lengths.length !== 1 || digits === undefined || !/^\d{1,15}$/.test(digits))
      throw refused(message("a message is refused: its header must have one Content-Length"));
    const length = Number(digits);
    if (length > this.#maxMessageBytes) throw refused(message("a message is refused: it has {0} bytes, {1} are allowed", length, this.#maxMessageBytes));
    if (length === 0) throw refused(message("a message is refused: it is empty"));
    return length;
  }

  /** Returns how many bytes were the body's. */
  #takeBody(body: Body, chunk: Buffer): number {
    const taken = Math.min(body.length - body.filled, chunk.length);
    if (body.filled + taken > body.bytes.length) {
      const roomier = Buffer.alloc(Math.min(body.length, Math.max(body.bytes.length * 2, body.filled + taken)));
      body.bytes.copy(roomier, 0, 0, body.filled);
      body.bytes = roomier;
    }
    chunk.copy(body.bytes, body.filled, 0, taken);
    body.filled += taken;
    return taken;
  }

  #message({ bytes }: Body): object {
    this.#body = undefined;
    const message = parse(bytes);
    // The array is no batch to us: LSP has none.
    if (typeof message !== "object" || message === null || Array.isArray(message)) throw refused(NO_OBJECT);
    return message;
  }
}

const NO_OBJECT = message("a message is refused: it is no JSON-RPC object (batches are not taken)");

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch {
    throw refused(message("a message is refused: it is not JSON"));
  }
}

function refused(why: Message): TunnelError {
  return new TunnelError("CONFIG_INVALID", why);
}
