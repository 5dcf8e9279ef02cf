/**
 * The screenshots and logs of tests, in test/artefacts/ (ignored by git). When a test fails, a screenshot with the test's
 * title is made of every window that is open, or that is being closed because of the failure.
 */
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const FOLDER = fileURLToPath(new URL("../../artefacts", import.meta.url));
const MAX_NAME_CHARS = 120;

/** Something that can save a picture of itself. */
export interface Witness {
  /** Writes its picture to this path, without ".png". */
  testify(path: string): Promise<void>;
}

const witnesses = new Set<Witness>();
const done = new WeakSet<Mocha.Runnable>();
let current: Mocha.Runnable | undefined;

// In the root suite, so for every test of the process. Windows that a test closes earlier have had their picture taken by then.
beforeEach(function remember() {
  current = this.currentTest;
});
afterEach(function show() {
  return testifyFailure();
});

/** From now on this witness saves its picture too when a test fails. */
export function addWitness(witness: Witness): void {
  witnesses.add(witness);
}

/** Call this before a window is closed: it takes the pictures if the test has failed. */
export async function removeWitness(witness: Witness): Promise<void> {
  await testifyFailure();
  witnesses.delete(witness);
}

/** Path in the artefacts folder, which is made if needed; the name may be a sentence. */
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
