/**
 * What a test leaves behind to look at: screenshots and logs in test/artefacts/ (ignored by git). When a test fails,
 * every window that is open, or that is being closed because of it, leaves a screenshot with the test's title.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../artefacts", import.meta.url));
const MAX_NAME_CHARS = 120;

/** What can show itself. */
export interface Witness {
  /** Writes its picture to this path, without ".png". */
  testify(path: string): Promise<void>;
}

const witnesses = new Set<Witness>();
const done = new WeakSet<Mocha.Runnable>();
let current: Mocha.Runnable | undefined;

// In the root suite: for every test of the process. Tests that close their windows first have had their picture then.
beforeEach(function remember() {
  current = this.currentTest;
});
afterEach(function show() {
  return testifyFailure();
});

/** Asks this witness too, should a test fail from now on. */
export function addWitness(witness: Witness): void {
  witnesses.add(witness);
}

/** To be called before a window is closed: takes the pictures if it is a failure that closes it. */
export async function removeWitness(witness: Witness): Promise<void> {
  await testifyFailure();
  witnesses.delete(witness);
}

/** Path in the artefacts folder, made if need be; the name may be a sentence. */
export function artefactPath(name: string): string {
  const plain = name.replace(/[^\p{L}\p{N}.]+/gu, "-").replace(/^[-.]+|-+$/g, "");
  const path = join(FOLDER, plain.slice(0, MAX_NAME_CHARS));
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

/** Writes a text artefact; returns where. */
export function writeArtefact(path: string, text: string): string {
  writeFileSync(path, text);
  return path;
}

async function testifyFailure(): Promise<void> {
  const failed = current;
  if (failed?.state !== "failed" || done.has(failed)) return;
  done.add(failed);
  let number = 0;
  for (const witness of witnesses) {
    number += 1;
    const path = artefactPath(`failed ${failed.fullTitle()}${number === 1 ? "" : ` ${number}`}`);
    await witness.testify(path).then(
      () => console.log(`      see ${path}.png`),
      (error: Error) => console.log(`      no screenshot: ${error.message}`),
    );
  }
}
