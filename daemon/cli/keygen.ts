/**
 * `tunneld keygen FILE`: a new key, 32 random bytes, readable by its owner only.
 * Never overwrites: a lost key can't be restored. The file gets its name only when it is complete, so that a daemon that
 * waits for the key never reads half of it.
 */

import { TunnelError } from "../../shared/errors.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
import { writeNewKeyFile } from "../keys/key-file-write.ts";
import type { CommandContext } from "../programs/context.ts";
import { KEY_BYTES } from "../protocol/constants.ts";
import { fingerprint, sharedKey } from "../protocol/keys.ts";

/**
 * Runs `tunneld keygen ARGS`.
 * @throws TunnelError CONFIG_INVALID
 */
export function runKeygen(args: readonly string[], context: CommandContext): number {
  const [file, ...more] = args;
  if (file === undefined || file.startsWith("-") || more.length > 0) {
    throw new TunnelError("CONFIG_INVALID", "name one file for the new key: tunneld keygen FILE");
  }
  const shown = generateKey(file, { suite: context.suite(), random: context.random });
  process.stdout.write(`${file}: a new key, fingerprint ${shown}\nCopy it to the other end over a channel you trust, and keep it out of git.\n`);
  return 0;
}

/**
 * Writes a new key to `path`; returns its fingerprint.
 * @throws TunnelError CONFIG_INVALID, STATE_NOT_SAVED when the file exists or can't be written; nothing is left behind then.
 */
export function generateKey(path: string, tools: { readonly suite: CipherSuite; readonly random: RandomSource }): string {
  const bytes = tools.random(KEY_BYTES);
  try {
    writeNewKeyFile(path, bytes);
    return fingerprint(tools.suite, sharedKey(tools.suite, bytes));
  } finally {
    bytes.fill(0);
  }
}
