/**
 * `tunneld keygen FILE`: a new key, 32 random bytes, readable by its owner only.
 * Never overwrites: a lost key can't be had back.
 */
import * as fs from "node:fs";
import { TunnelError } from "../../shared/errors.ts";
import type { RandomSource } from "../crypto/random.ts";
import type { CipherSuite } from "../crypto/suite.ts";
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
 * @throws TunnelError CONFIG_INVALID when the file exists or can't be written; nothing is left behind then.
 */
export function generateKey(path: string, tools: { readonly suite: CipherSuite; readonly random: RandomSource }): string {
  const bytes = tools.random(KEY_BYTES);
  let file: number;
  try {
    file = fs.openSync(path, "wx", 0o600);
  } catch (cause) {
    throw explain(path, cause as NodeJS.ErrnoException);
  }
  try {
    fs.writeFileSync(file, bytes);
    fs.fsyncSync(file);
  } catch (cause) {
    fs.rmSync(path, { force: true });
    throw explain(path, cause as NodeJS.ErrnoException);
  } finally {
    fs.closeSync(file);
  }
  const shown = fingerprint(tools.suite, sharedKey(tools.suite, bytes));
  bytes.fill(0);
  return shown;
}

function explain(path: string, cause: NodeJS.ErrnoException): TunnelError {
  const options = { cause };
  switch (cause.code) {
    case "EEXIST":
      return new TunnelError("CONFIG_INVALID", `${path} exists already and is not overwritten: choose another name, or remove it yourself`, options);
    case "ENOENT":
    case "ENOTDIR":
      return new TunnelError("CONFIG_INVALID", `the folder of ${path} does not exist: create it first`, options);
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return new TunnelError("CONFIG_INVALID", `this user may not write ${path}: choose another folder`, options);
    default:
      return new TunnelError("CONFIG_INVALID", `can't write ${path}: ${cause.message}`, options);
  }
}
