/**
 * Proofs that both ends of a session know its secret, so that it can be taken up
 * on another connection by nobody else. Pure.
 *
 *     proof_C = HMAC-SHA256(RES, "C" ‖ h after message 1's e ‖ session ‖ attempt ‖ received)
 *     proof_S = HMAC-SHA256(RES, "S" ‖ h after message 2's e, ee ‖ received)
 *
 * RES: 32 random bytes that the server sent under ee when the session began. h
 * (Noise, revision 34, 5.2) covers both nonces, so a proof is of use in its own
 * handshake alone. Design: docs/PROTOCOL.md.
 */
import type { NoiseSuite } from "../crypto/noise-suite.ts";
import { concat } from "./keys.ts";
import { be64, type TakeUp, takeUpBytes } from "./native-hello.ts";

const SIDE = { client: Uint8Array.of(0x43), server: Uint8Array.of(0x53) } as const;

/** What a proof is made with. */
export interface ProofStart {
  readonly noise: NoiseSuite;
  /** The session's secret. */
  readonly secret: Uint8Array;
  /** Noise's handshake hash at that moment. */
  readonly hash: Uint8Array;
}

/** The client's proof, 32 bytes. */
export function clientProof({ noise, secret, hash }: ProofStart, asked: TakeUp): Uint8Array {
  return noise.hmacSha256(secret, concat([SIDE.client, hash, takeUpBytes(asked)]));
}

/** The server's proof, 32 bytes. */
export function serverProof({ noise, secret, hash }: ProofStart, receivedBytes: number): Uint8Array {
  return noise.hmacSha256(secret, concat([SIDE.server, hash, be64(receivedBytes)]));
}
