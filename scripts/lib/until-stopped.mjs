/** Keeps `npm start` running between the demonstration and the clean-up. */
import { Failure } from "./failure.mjs";
import { duration, say } from "./output.mjs";
import { handleSignals } from "./own.mjs";

/** Resolves on Ctrl-C, SIGTERM or SIGHUP; rejects when one of `ends` ({ name: { child } }) ends by itself. */
export async function untilStopped(ends) {
  const start = performance.now();
  await new Promise((resolve, reject) => {
    handleSignals(resolve);
    for (const [name, { child }] of Object.entries(ends)) {
      child.once("exit", (code, signal) => {
        reject(new Failure(`${name} ended by itself (${signal ?? `exit code ${code}`}): run npm start again.`));
      });
    }
  });
  // Ctrl-C reaches us twice, from the terminal and through npm: the second one needs no answer.
  handleSignals(() => {});
  say(`\nOpen for ${duration(performance.now() - start)}.`);
}
