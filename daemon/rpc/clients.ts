/**
 * The daemon's door: accepts clients on its socket and keeps their sessions. The
 * socket's folder (0700, ours) decides who may connect: see lifecycle/.
 */
import type * as net from "node:net";
import type { NotificationName, NotificationParams } from "../../shared/contract/methods.ts";
import { MAX_CLIENTS } from "./limits.ts";
import { notificationFrame, Session, type SessionOptions } from "./session.ts";

/** What `Clients` needs. */
export interface ClientsOptions extends Pick<SessionOptions, "handlers" | "lingerMs" | "onWarning" | "helloTimeoutMs"> {
  /** A client said hello or went away. */
  readonly onChange: () => void;
  readonly onGone: (session: Session) => void;
}

/** All clients of the daemon. */
export class Clients {
  readonly #options: ClientsOptions;
  readonly #sessions = new Set<Session>();

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  /** Clients that have said hello. */
  get count(): number {
    return [...this.#sessions].filter((session) => session.saidHello).length;
  }

  /** Notifies every client. The notification is checked and written out once, however many clients there are. */
  broadcast<N extends NotificationName>(name: N, params: NotificationParams<N>): void {
    const listening = [...this.#sessions].filter((session) => session.saidHello);
    if (listening.length === 0) return;
    const frame = notificationFrame(name, params);
    for (const session of listening) session.send(frame);
  }

  /** Ends every session. */
  close(): void {
    for (const session of this.#sessions) session.close();
  }

  /** Takes a client that has just connected. */
  accept(socket: net.Socket): void {
    if (this.#sessions.size >= MAX_CLIENTS) {
      this.#options.onWarning(`more than ${MAX_CLIENTS} clients: one was turned away`);
      socket.destroy();
      return;
    }
    const session = new Session(socket, {
      handlers: this.#options.handlers,
      lingerMs: this.#options.lingerMs,
      onWarning: this.#options.onWarning,
      helloTimeoutMs: this.#options.helloTimeoutMs,
      onHello: () => this.#options.onChange(),
      onClosed: (closed) => {
        this.#sessions.delete(closed);
        if (closed.saidHello) this.#options.onGone(closed);
        this.#options.onChange();
      },
    });
    this.#sessions.add(session);
  }
}
