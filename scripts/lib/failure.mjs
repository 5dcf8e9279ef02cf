/**
 * How the scripts report that something can't be done: a Failure is one sentence with the cause and the cure,
 * printed without a stack. Any other error is a bug in a script and keeps its stack.
 * Every script runs in `main`, which always cleans up before it exits.
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
