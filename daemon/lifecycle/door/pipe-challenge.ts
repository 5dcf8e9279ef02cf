/**
 * Windows: the mutual challenge on the daemon's named pipe. Any program may make
 * a pipe and many may open one. So before the first RPC message each side proves
 * that it can read the user's discovery file, which holds the secret. Pure: bytes
 * in, bytes out; HMAC, comparison and randomness are arguments.
 *
 *     client ─► server   clientNonce                                               32 bytes
 *     server ─► client   serverNonce ‖ HMAC(secret, "S" ‖ clientNonce ‖ serverNonce)   64
 *     client ─► server   HMAC(secret, "C" ‖ clientNonce ‖ serverNonce)                 32
 *
 * The labels differ, so an answer can't be played back to its sender.
 */

/** Our choice; as long as the HMAC-SHA256 tag. */
const NONCE_BYTES = 32;
/** HMAC-SHA256, FIPS 198-1. */
const TAG_BYTES = 32;
const SERVER_LABEL = 0x53;
const CLIENT_LABEL = 0x43;

/** Length of the server's one message, in bytes. */
export const SERVER_MESSAGE_BYTES = NONCE_BYTES + TAG_BYTES;
/** Length of each of the client's two messages, in bytes. */
export const CLIENT_MESSAGE_BYTES = NONCE_BYTES;

/** What both sides need. */
export interface ChallengeParts {
  /** 32 random bytes from the discovery file. */
  readonly secret: Uint8Array;
  /** HMAC-SHA256. */
  readonly hmac: (key: Uint8Array, message: Uint8Array) => Uint8Array;
  /** Constant-time comparison. */
  readonly equal: (a: Uint8Array, b: Uint8Array) => boolean;
  readonly random: (bytes: number) => Uint8Array;
}

/** The client's side: send `first`, give the server's message to `answer`, send what it returns. */
export interface ClientChallenge {
  readonly first: Uint8Array;
  /** The client's proof; undefined if the server doesn't know the secret: hang up. */
  answer(serverMessage: Uint8Array): Uint8Array | undefined;
}

/** The server's side of one connection: answers the client's first message, then judges its second. */
export interface ServerChallenge {
  /** The message to send; undefined if the first one has the wrong length: hang up. */
  answer(clientNonce: Uint8Array): Uint8Array | undefined;
  /** Whether the client knows the secret; false before `answer`, and on any second try. */
  accept(proof: Uint8Array): boolean;
}

/** Begins a challenge as the client. */
export function clientChallenge(parts: ChallengeParts): ClientChallenge {
  const clientNonce = parts.random(NONCE_BYTES);
  return {
    first: clientNonce,
    answer(message) {
      if (message.length !== SERVER_MESSAGE_BYTES) return undefined;
      const nonces = concat(clientNonce, message.subarray(0, NONCE_BYTES));
      return parts.equal(message.subarray(NONCE_BYTES), tag(parts, SERVER_LABEL, nonces)) ? tag(parts, CLIENT_LABEL, nonces) : undefined;
    },
  };
}

/** Begins a challenge as the server. */
export function serverChallenge(parts: ChallengeParts): ServerChallenge {
  let expected: Uint8Array | undefined;
  let asked = false;
  return {
    answer(clientNonce) {
      if (asked || clientNonce.length !== NONCE_BYTES) return undefined;
      asked = true;
      const serverNonce = parts.random(NONCE_BYTES);
      const nonces = concat(clientNonce, serverNonce);
      expected = tag(parts, CLIENT_LABEL, nonces);
      return concat(serverNonce, tag(parts, SERVER_LABEL, nonces));
    },
    accept(proof) {
      const wanted = expected;
      expected = undefined;
      return wanted !== undefined && proof.length === TAG_BYTES && parts.equal(proof, wanted);
    },
  };
}

function tag({ hmac, secret }: ChallengeParts, label: number, nonces: Uint8Array): Uint8Array {
  return hmac(secret, concat(Uint8Array.of(label), nonces));
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const whole = new Uint8Array(a.length + b.length);
  whole.set(a);
  whole.set(b, a.length);
  return whole;
}
