/**
 * Plays one end of a recorded connection with our own handshake. The nonce is on the wire. The weak side's x is 0; the
 * other side's x is unknown, so its y is taken from the recording: y_SC = 1^x = 1 whatever x was.
 */
import type { CipherSuite } from "../../../daemon/crypto/suite.ts";
import { SpipedHandshake } from "../../../daemon/protocol/handshake.ts";
import { sharedKey } from "../../../daemon/protocol/keys.ts";
import type { Role } from "../../../daemon/protocol/wire.ts";
import { cut, join, pattern, sameBytes } from "./bytes.ts";
import { done, feed } from "./handshakes.ts";
import { PACKET } from "./packets.ts";
import type { Transcript } from "./transcripts.ts";

export interface ReplayOptions {
  readonly role: Role;
  readonly suite: CipherSuite;
  /** How the other end's bytes are split on arrival; default: not at all. */
  readonly split?: (bytes: Uint8Array) => readonly Uint8Array[];
  /** The suite that seals and opens after the handshake; default: `suite`. */
  readonly recordSuite?: CipherSuite;
}

export const otherRole = (role: Role): Role => (role === "client" ? "server" : "client");

/** The recorded end `role`, before its first byte. */
export function recordedEnd(transcript: Transcript, { role, suite, recordSuite = suite }: ReplayOptions): SpipedHandshake {
  const own = transcript.sides[role];
  const drawn = [own.nonce, pattern(32, 99)];
  return new SpipedHandshake({
    role,
    suite: {
      ...suite,
      dhPublic: () => own.dhPublic,
      messageCipher: (key) => recordSuite.messageCipher(key),
      sequenceMac: (key, messageBytes) => recordSuite.sequenceMac(key, messageBytes),
    },
    random: () => {
      const next = drawn.shift();
      if (!next) throw new RangeError("a handshake draws a nonce and an x, no more");
      return next.slice();
    },
    keys: [sharedKey(suite, transcript.keyFile)],
    forwardSecrecy: own.forwardSecrecy,
  });
}

/** Checks every byte of one end against the recording; returns its name for a report. */
export function replay(transcript: Transcript, options: ReplayOptions): string {
  const { role, split = (bytes) => [bytes] } = options;
  const [own, peer] = [transcript.sides[role], transcript.sides[otherRole(role)]];
  const end = recordedEnd(transcript, options);
  const nonce = end.start();
  // S5 and the bytes after it can't arrive before the client has sent C4, nor in one piece with S1.
  const pieces = role === "client" ? [...split(peer.nonce), ...split(peer.wire.slice(peer.nonce.length))] : split(peer.wire);
  const { sent, last } = feed(end, pieces);
  const { channel, rest } = done(last);
  sameBytes(join(nonce, sent), own.handshake, "our handshake");
  const opened = split(rest).map((piece) => channel.open(piece));
  sameBytes(join(...opened), peer.plain, "the peer's plain text");
  if (channel.pendingBytes !== 0) throw new RangeError("bytes are left over");
  // spiped filled each packet as long as there was more plain text, so seal() of the whole text makes the same packets.
  sameBytes(channel.seal(own.plain), own.packets, "our packets");
  return `${transcript.name} ${role}: ${cut(own.packets, PACKET).length} packets`;
}
