/**
 * A minimal event source, in the shape of vscode.Event, so that code that does not
 * use VS Code can report changes and be tested without VS Code.
 */

/** Ends something. */
export interface Disposable {
  dispose(): void;
}

/** Registers a listener until the result is disposed of. */
export type Event<T> = (listener: (value: T) => void) => Disposable;

/** Owns its listeners: `dispose`. Listeners must not throw. */
export class Emitter<T> implements Disposable {
  readonly #listeners = new Set<(value: T) => void>();
  #disposed = false;

  /** Where to listen. */
  readonly event: Event<T> = (listener) => {
    const own = (value: T): void => listener(value);
    if (!this.#disposed) this.#listeners.add(own);
    return { dispose: () => void this.#listeners.delete(own) };
  };

  fire(value: T): void {
    for (const listener of [...this.#listeners]) listener(value);
  }

  dispose(): void {
    this.#disposed = true;
    this.#listeners.clear();
  }
}

/** Several disposables as one; a disposable that is added after `dispose` is disposed of at once. */
export class Disposables implements Disposable {
  readonly #owned: Disposable[] = [];
  #disposed = false;

  add<T extends Disposable>(one: T): T {
    if (this.#disposed) one.dispose();
    else this.#owned.push(one);
    return one;
  }

  dispose(): void {
    this.#disposed = true;
    for (const one of this.#owned.splice(0).reverse()) one.dispose();
  }
}
