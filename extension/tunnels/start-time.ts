/**
 * The time from the request for the daemon until the first tunnel listens, for the
 * log: this is the delay that a user notices when a window opens.
 */
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import type { CreateClient, DaemonLink } from "./daemon-link.ts";

/** Measures from the first client that is made to the first tunnel that listens. */
export class StartTime {
  readonly #nowMs: () => number;
  #askedMs: number | undefined;

  /** `nowMs` is monotonic. */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The same factory, except that its first call starts the clock. */
  from(createClient: CreateClient): CreateClient {
    return (options) => {
      this.#askedMs ??= this.#nowMs();
      return createClient(options);
    };
  }

  /** Reports the time once, in milliseconds. */
  report(link: DaemonLink, tell: (elapsedMs: number) => void): Disposable {
    const owned = new Disposables();
    owned.add(
      link.onDidChange(() => {
        if (this.#askedMs === undefined || !link.statuses.some(({ state }) => isListening(state))) return;
        tell(this.#nowMs() - this.#askedMs);
        owned.dispose();
      }),
    );
    return owned;
  }
}
