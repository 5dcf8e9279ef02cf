/**
 * Follows tunnels through the daemon's notifications and waits for their states.
 * Make only one per client: its listener is never removed.
 */

import type { Result } from "../../shared/contract/methods.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { TunnelError } from "../../shared/errors.ts";
import type { DaemonClient } from "../client/daemon-client.ts";
import { failureOf } from "./tunnel-line.ts";

type Probed = Result<"tunnel/probe">["probed"];

/** See the file's header. */
export class TunnelWatch {
  readonly #client: DaemonClient;
  readonly #onAdvice: (line: string) => void;
  readonly #latest = new Map<string, TunnelStatus>();
  readonly #waiting = new Set<() => void>();

  /** `onAdvice` gets a line about a tunnel that works but has something that its clients must know. */
  constructor(client: DaemonClient, onAdvice: (line: string) => void) {
    this.#client = client;
    this.#onAdvice = onAdvice;
    client.on("tunnel/changed", (status) => this.#take(status));
  }

  /** The newest known status of a tunnel. */
  latest(status: TunnelStatus): TunnelStatus {
    return this.#latest.get(status.id) ?? status;
  }

  /**
   * Waits until a tunnel listens, then makes one connection and waits until that connection shows that the tunnel works: the
   * backend answered, or for a tcp service the key was proved. A server's end has nothing to connect to: it is ready when it listens.
   * @throws TunnelError with the failure's code
   */
  async verified(status: TunnelStatus, timeoutMs: number): Promise<TunnelStatus> {
    const deadlineMs = performance.now() + timeoutMs;
    const ref = { configPath: status.configPath, name: status.name };
    const open = await this.#until(status, ({ state }) => state !== "opening" && state !== "port-busy", deadlineMs);
    if (!isListening(open.state)) throw failureOf(open);
    if (open.role === "server") return open;
    const sinceMs = Date.now();
    // The tunnel's status may come from another connection, or from a greeting that turns out to be a refusal: the probe decides.
    const probed = await this.#probe(ref, deadlineMs);
    if (probed?.code) throw new TunnelError(probed.code, `${status.name}: ${probed.message}`);
    if (probed?.advice !== undefined) this.#onAdvice(`${status.name}: ${probed.advice}`);
    if (probed) return this.latest(status);
    // The daemon lost its port just then and made no probe, or it is an older daemon that does not return the result.
    const result = await this.#until(open, (now) => isProved(now, sinceMs) || hasFailed(now, sinceMs), deadlineMs);
    if (hasFailed(result, sinceMs)) throw failureOf(result);
    if (performance.now() < deadlineMs) return result;
    const seconds = `within ${timeoutMs / 1000} s`;
    throw (result.keyVerifiedAtMs ?? 0) >= sinceMs
      ? new TunnelError("BACKEND_DOWN", `${status.name}: the key is right, but the service behind it did not answer ${seconds}: look after it at the far end`)
      : new TunnelError("HANDSHAKE_TIMEOUT", `${status.name}: nothing answered ${seconds}: check the target, or allow more time`);
  }

  /** Makes one connection; undefined when its result is unknown or late. */
  async #probe(ref: { readonly configPath: string; readonly name: string }, deadlineMs: number): Promise<Probed> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), Math.max(0, deadlineMs - performance.now()));
    });
    const probing = this.#client.request("tunnel/probe", ref).then(({ probed, ...now }) => {
      this.#take(now);
      return probed;
    });
    return await Promise.race([probing, late]).finally(() => clearTimeout(timer));
  }

  #take(status: TunnelStatus): void {
    this.#latest.set(status.id, status);
    for (const look of [...this.#waiting]) look();
  }

  /** The newest status as soon as `isDone` accepts it; at the deadline, any status. */
  #until(status: TunnelStatus, isDone: (now: TunnelStatus) => boolean, deadlineMs: number): Promise<TunnelStatus> {
    return new Promise((resolve) => {
      const finish = (now: TunnelStatus): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(now);
      };
      const look = (): void => {
        const now = this.latest(status);
        if (isDone(now)) finish(now);
      };
      const timer = setTimeout(() => finish(this.latest(status)), Math.max(0, deadlineMs - performance.now()));
      this.#waiting.add(look);
      look();
    });
  }
}

/** Whether the evidence is newer than the question: older evidence proves nothing. */
function isProved({ service, keyVerifiedAtMs = 0, backendVerifiedAtMs = 0 }: TunnelStatus, sinceMs: number): boolean {
  return (service === "tcp" ? Math.max(keyVerifiedAtMs, backendVerifiedAtMs) : backendVerifiedAtMs) >= sinceMs;
}

function hasFailed({ lastFailure }: TunnelStatus, sinceMs: number): boolean {
  return lastFailure !== undefined && lastFailure.atMs >= sinceMs;
}
