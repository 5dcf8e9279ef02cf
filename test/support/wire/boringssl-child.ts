/**
 * Run as a separate process: removes from node:crypto what Electron's BoringSSL lacks (as its argument says), then loads
 * the suites and prints their results as JSON. Imports of daemon/ must come after the change, so they are dynamic.
 */
import * as crypto from "node:crypto";
import { createRequire, syncBuiltinESMExports } from "node:module";

/** The mutable object behind node:crypto's exports. */
const builtin = createRequire(import.meta.url)("node:crypto") as Record<string, unknown>;

/** The ciphers that Electron's BoringSSL offers through createCipheriv, of those that matter here. */
const BORINGSSL_CIPHERS = /^aes-(128|192|256)-(cbc|ctr|ecb|gcm|ofb)$/;

function refuseCiphers(allowed: RegExp): void {
  const original = crypto.createCipheriv as (...args: readonly unknown[]) => unknown;
  builtin["createCipheriv"] = (algorithm: string, ...rest: readonly unknown[]) => {
    if (!allowed.test(algorithm)) throw new Error(`Unknown cipher: ${algorithm}`);
    return original(algorithm, ...rest);
  };
}

function refuse(name: string): void {
  builtin[name] = () => {
    throw new Error(`${name} is not supported`);
  };
}

switch (process.argv[2]) {
  case "boringssl":
    refuseCiphers(BORINGSSL_CIPHERS);
    builtin["hash"] = undefined;
    for (const name of ["createDiffieHellmanGroup", "getDiffieHellman"]) refuse(name);
    break;
  case "no-ecb":
    refuseCiphers(/^aes-256-ctr$/);
    break;
  case "no-dh":
    refuse("createDiffieHellman");
    refuse("getDiffieHellman");
    break;
  case "no-group":
    refuse("getDiffieHellman");
    break;
  default:
    throw new RangeError("boringssl, no-ecb, no-dh or no-group");
}
syncBuiltinESMExports();

const { nodeSuite } = await import("../../../daemon/crypto/node-suite.ts");
const { answersRight, selectSuite } = await import("../../../daemon/crypto/select-suite.ts");
const { codeOf } = await import("./codes.ts");
const { TRANSCRIPTS } = await import("./transcripts.ts");
const { replay } = await import("./replay.ts");

const native = answersRight(nodeSuite);
console.log(
  JSON.stringify({
    oneShotHash: typeof crypto.hash,
    native,
    picked: selectSuite(undefined).name,
    forced: native ? selectSuite("node").name : codeOf(() => selectSuite("node")),
    // Every transcript, both ends, on the selected suite.
    replayed: TRANSCRIPTS.flatMap((transcript) => (["client", "server"] as const).map((role) => replay(transcript, { role, suite: selectSuite(undefined) }))),
  }),
);
