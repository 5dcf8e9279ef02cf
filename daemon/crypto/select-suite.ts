/**
 * Picks the suite: native where its answers are right, portable otherwise.
 *
 * The known-answer check runs once at start-up and takes well under a millisecond
 * but for one group-14 exponentiation. TUNNELD_CRYPTO=node|noble forces a suite.
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { nobleSuite } from "./noble-suite.ts";
import { nodeSuite } from "./node-suite.ts";
import type { CipherSuite } from "./suite.ts";

/** The environment variable that forces a suite: `node` or `noble`. */
export const CRYPTO_VARIABLE = "TUNNELD_CRYPTO";

/**
 * The suite to use in this process.
 * @throws TunnelError CONFIG_INVALID when `forced` names no suite, or forces a native one whose answers are wrong.
 */
export function selectSuite(forced: string | undefined): CipherSuite {
  switch (forced) {
    case undefined:
    case "":
      return answersRight(nodeSuite) ? nodeSuite : nobleSuite;
    case "noble":
      return nobleSuite;
    case "node":
      if (answersRight(nodeSuite)) return nodeSuite;
      throw new TunnelError(
        "CONFIG_INVALID",
        message("{0}=node, but the native cryptography of this runtime fails its known-answer check: unset it", CRYPTO_VARIABLE),
      );
    default:
      throw new TunnelError("CONFIG_INVALID", message('{0} must be node or noble, not "{1}"', CRYPTO_VARIABLE, forced));
  }
}

/** SHA-256 over all outputs of {@link exercise}; both suites and the tests agree on it. */
const KNOWN_ANSWER = "55370c2879314c9ff383c3f98a09787b16eaae6c2dded3c05846150917c088d4";

/** Whether every primitive of `suite` works here and gives the known answer; never throws. */
export function answersRight(suite: CipherSuite): boolean {
  try {
    return exercise(suite) === KNOWN_ANSWER;
  } catch {
    return false;
  }
}

/** Runs every primitive once on fixed input; returns the hash of all outputs, in hex. */
export function exercise(suite: CipherSuite): string {
  const key = Uint8Array.from({ length: 32 }, (_, index) => index);
  const packets = Uint8Array.from({ length: 2 * 1060 }, (_, index) => index & 0xff);
  const layout = { count: 2, messageBytes: 1028, strideBytes: 1060 };
  suite.messageCipher(key).apply(packets, 0x1_0000_0001, layout);
  const mac = suite.sequenceMac(key, layout.messageBytes);
  mac.sign(packets, 0x1_0000_0001, layout);
  if (mac.firstInvalid(packets, 0x1_0000_0001, layout) !== -1 || mac.firstInvalid(packets, 0x1_0000_0002, layout) !== 0) return "mac";
  if (!suite.equal(key, Uint8Array.from(key)) || suite.equal(key, key.toReversed())) return "equal";
  const publicValue = suite.dhPublic(key);
  const shared = suite.dhShared(publicValue, key.toReversed());
  const all = [packets, publicValue, shared, suite.hmacSha256(key, publicValue), suite.pbkdf2Sha256Once(key, shared, 128)];
  const joined = new Uint8Array(all.reduce((total, part) => total + part.length, 0));
  let offset = 0;
  for (const part of all) {
    joined.set(part, offset);
    offset += part.length;
  }
  return Array.from(suite.sha256(joined), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
