/**
 * Where this user's daemon is, for a client outside the command line that makes
 * a `DaemonClient` and copies the program.
 */
import { existsSync } from "node:fs";
import { PROTOCOL_VERSION } from "../../shared/contract/version.ts";
import type { ChallengeParts } from "../lifecycle/door/pipe-challenge.ts";
import { type DaemonPaths, daemonPaths, type Place, STATE_DIR_VARIABLE, thisPlace } from "../lifecycle/paths.ts";

/** This user's daemon, running or not. */
export interface LocalDaemon {
  readonly paths: DaemonPaths;
  readonly place: Place;
}

/**
 * The paths of this user's daemon. `stateDir` works like `--state-dir`; if it is undefined or empty, TUNNELD_STATE_DIR
 * counts, and without that variable the usual places do. Touches no file.
 */
export function localDaemon(options: { readonly stateDir?: string | undefined } = {}): LocalDaemon {
  const place = thisPlace();
  const stateDir = options.stateDir || process.env[STATE_DIR_VARIABLE] || undefined;
  return { paths: daemonPaths({ stateDir, protocol: PROTOCOL_VERSION, place }), place };
}

/** Whether a daemon seems to run: checks the disk and makes no connection. */
export function daemonMayRun({ door, otherDoors }: Pick<DaemonPaths, "door" | "otherDoors">): boolean {
  return [door, ...otherDoors].some(({ socketPath, discoveryFile }) => existsSync(socketPath || discoveryFile));
}

/**
 * The primitives with which both ends of a Windows pipe prove that they know the discovery file's secret. Called only on
 * Windows, and loaded only when called.
 */
export async function proofParts(): Promise<Omit<ChallengeParts, "secret">> {
  const [{ CRYPTO_VARIABLE, selectSuite }, { systemRandom }] = await Promise.all([import("../crypto/select-suite.ts"), import("../crypto/random.ts")]);
  const suite = selectSuite(process.env[CRYPTO_VARIABLE]);
  return { hmac: suite.hmacSha256, equal: suite.equal, random: systemRandom };
}
