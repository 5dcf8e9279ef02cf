/**
 * Keeps changes of what the daemon remembers apart from a hand-over. A successor
 * reads the state once, when it starts: a change that the old daemon made and
 * answered after that would be lost. So a hand-over waits for the changes under
 * way, and new changes wait for its outcome.
 *
 *     open ──handOver──► held ──failed──► open
 *                         └────done──► shut (for good: the successor answers)
 */
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { withinTime } from "../../shared/time.ts";

type Outcome = "done" | "failed";

/** See the file's header. */
export class ChangeGate {
  readonly #running = new Set<Promise<unknown>>();
  #handOver: Promise<Outcome> | undefined;

  /**
   * Makes a change; if a hand-over is under way, only after it has failed.
   * @throws TunnelError DAEMON_UNREACHABLE once one has succeeded: nothing was done, the successor is to be asked
   */
  async pass<T>(change: () => Promise<T>): Promise<T> {
    while (this.#handOver !== undefined) {
      if ((await this.#handOver) === "done") {
        throw new TunnelError("DAEMON_UNREACHABLE", message("this daemon has handed over to its successor and changes nothing any more: try again"));
      }
    }
    const running = change();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /**
   * Holds back new changes, lets those under way end, then hands over; one at a time.
   * @throws what `work` throws, and TunnelError DAEMON_UNREACHABLE when a change takes longer than `patienceMs`
   */
  async handOver<T>(work: () => Promise<T>, { patienceMs }: { readonly patienceMs: number }): Promise<T> {
    let settle: (outcome: Outcome) => void = () => {};
    this.#handOver = new Promise((resolve) => {
      settle = resolve;
    });
    try {
      await this.#still(patienceMs);
      const result = await work();
      settle("done");
      return result;
    } catch (error) {
      this.#handOver = undefined;
      settle("failed");
      throw error;
    }
  }

  async #still(patienceMs: number): Promise<void> {
    const late = (): TunnelError => new TunnelError("DAEMON_UNREACHABLE", message("a change is still under way in this daemon: try again"));
    await withinTime(Promise.allSettled([...this.#running]), { timeoutMs: patienceMs, late });
  }
}
