/**
 * The daemon's door: accepts clients on its socket and keeps their sessions. Who
 * may open the door is the folder's affair (0700, ours): see lifecycle/.
 */
import type * as net from "node:net";
import type { NotificationName, NotificationParams } from "../../shared/contract/methods.ts";
import { MAX_CLIENTS } from "./limits.ts";
import { notificationFrame, Session, type SessionOptions } from "./session.ts";

/** What the endpoint needs. */
export interface EndpointOptions extends Pick<SessionOptions, "handlers" | "lingerMs" | "onWarning" | "helloTimeoutMs"> {
  /** A client said hello or went away. */
  readonly onChange: () => void;
  readonly onGone: (session: Session) => void;
}

/** All clients of the daemon. */
export class Endpoint {
  readonly #options: EndpointOptions;
  readonly #sessions = new Set<Session>();

  constructor(options: EndpointOptions) {
    this.#options = options;
  }

  /** Clients that have said hello. */
  get clients(): number {
    return [...this.#sessions].filter((session) => session.saidHello).length;
  }

  /** Tells every client. What is said is checked and written out once, however many there are. */
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
