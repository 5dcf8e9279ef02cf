/**
 * How the scripts end when something can't be done: a Failure is one sentence with the cause and the cure,
 * printed without a stack. Anything else that is thrown is a bug in a script and keeps its stack.
 * `main` is the frame every script runs in: it cleans up before it exits, whatever happened.
 */
import { cleanUp } from "./own.mjs";

export class Failure extends Error {
  name = "Failure";
}

/** Runs a script's body; its result is the exit code (nothing means 0). */
export async function main(body) {
  let code = 1;
  try {
    code = (await body()) ?? 0;
  } catch (error) {
    process.stderr.write(error instanceof Failure ? `\n✖ ${error.message}\n` : `\n${error?.stack ?? error}\n`);
  }
  cleanUp();
  process.exitCode = code;
  // A stray handle must not keep a finished script alive; output through a pipe is flushed first.
  process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}
