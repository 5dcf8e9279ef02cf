/** What a test opened is closed when it ends, whether it passed or not: last opened, first closed. */

type Dispose = () => unknown;

export class Scope {
  readonly #open: Dispose[] = [];

  /** Remembers how to close `thing`; returns it. */
  own<T>(thing: T, dispose: (thing: T) => unknown): T {
    this.#open.push(() => dispose(thing));
    return thing;
  }

  async close(): Promise<void> {
    for (let dispose = this.#open.pop(); dispose; dispose = this.#open.pop()) await dispose();
  }
}

/** A scope that mocha's afterEach empties; call it in a `describe`. */
export function useScope(): Scope {
  const scope = new Scope();
  afterEach(() => scope.close());
  return scope;
}

/** A promise and its handle. */
export function deferred<T = void>(): { readonly promise: Promise<T>; readonly resolve: (value: T) => void; readonly reject: (error: unknown) => void } {
  let [resolve, reject]: [(value: T) => void, (error: unknown) => void] = [() => {}, () => {}];
  const promise = new Promise<T>((yes, no) => {
    [resolve, reject] = [yes, no];
  });
  return { promise, resolve, reject };
}

/** Everything that can happen without a new event has happened. */
export const turnOfTheLoop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Timers that keep this process alive, mocha's own one for the running test among them (it starts at the first await). */
export async function liveTimers(): Promise<number> {
  await turnOfTheLoop();
  return process.getActiveResourcesInfo().filter((name) => name === "Timeout").length;
}
