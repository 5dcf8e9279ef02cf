/**
 * Runs the mutual challenge of pipe-challenge.ts over a stream, before anything
 * else is sent. It is used for Windows' named pipes, but works over any socket;
 * that is how it is tested on other systems.
 */
import type { Duplex } from "node:stream";
import { TunnelError } from "../../../shared/errors.ts";
import { type Message, message } from "../../../shared/message.ts";
import { type ChallengeParts, CLIENT_MESSAGE_BYTES, clientChallenge, SERVER_MESSAGE_BYTES, serverChallenge } from "./pipe-challenge.ts";

/** Our choice: both ends are on this machine. */
const TIMEOUT_MS = 5_000;

/**
 * The client's side; the stream is paused and ready for use afterwards.
 * @throws TunnelError DAEMON_UNREACHABLE when the other end does not know the secret; the stream is destroyed then
 */
export async function proveAsClient(stream: Duplex, parts: ChallengeParts): Promise<void> {
  const challenge = clientChallenge(parts);
  stream.write(challenge.first);
  const proof = challenge.answer(await readExactly(stream, SERVER_MESSAGE_BYTES));
  if (proof === undefined) throw refuse(stream, message("what answers at the daemon's pipe is not the daemon: stop it, then try again"));
  stream.write(proof);
}

/**
 * The server's side; the stream is paused and ready for use afterwards.
 * @throws TunnelError DAEMON_UNREACHABLE when the other end does not know the secret; the stream is destroyed then
 */
export async function proveAsServer(stream: Duplex, parts: ChallengeParts): Promise<void> {
  const challenge = serverChallenge(parts);
  const answer = challenge.answer(await readExactly(stream, CLIENT_MESSAGE_BYTES));
  if (answer === undefined) throw refuse(stream, message("a client's challenge has a wrong length"));
  stream.write(answer);
  if (!challenge.accept(await readExactly(stream, CLIENT_MESSAGE_BYTES)))
    throw refuse(stream, message("a client could not prove that it may read the discovery file"));
}

function refuse(stream: Duplex, why: Message): TunnelError {
  stream.destroy();
  return new TunnelError("DAEMON_UNREACHABLE", why);
}

/** The next `count` bytes; later bytes stay in the stream. */
function readExactly(stream: Duplex, count: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const finish = (act: () => void): void => {
      clearTimeout(timer);
      stream.removeListener("readable", onReadable);
      stream.removeListener("end", onEnd);
      stream.removeListener("error", onEnd);
      act();
    };
    const onReadable = (): void => {
      const bytes: Buffer | null = stream.read(count);
      if (bytes === null) return;
      // At its end a stream returns the bytes that are left, which may be fewer than `count`.
      if (bytes.length === count) finish(() => resolve(bytes));
      else onEnd();
    };
    const onEnd = (): void => finish(() => reject(refuse(stream, message("the other end of the daemon's pipe hung up during the challenge"))));
    const timer = setTimeout(
      () => finish(() => reject(refuse(stream, message("the other end of the daemon's pipe does not answer the challenge")))),
      TIMEOUT_MS,
    );
    stream.on("readable", onReadable);
    stream.once("end", onEnd);
    stream.once("error", onEnd);
    onReadable();
  });
}
