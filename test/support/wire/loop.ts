/** Helpers for tests that depend on the event loop. */

/** A promise and its handle. */
export function deferred<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void; readonly reject: (error: unknown) => void } {
  let [resolve, reject]: [(value: T) => void, (error: unknown) => void] = [() => {}, () => {}];
  const promise = new Promise<T>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  return { promise, resolve, reject };
}

/** Resolves when everything that needs no new event has happened. */
export const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The number of timers that keep this process alive, including mocha's own one for the running test (it starts at the first await). */
export async function liveTimers(): Promise<number> {
  await turnOfTheLoop();
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}
