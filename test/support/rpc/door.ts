/**
 * The daemon's door with no daemon behind it: a real Clients at a real unix
 * socket, whose handlers answer with the recorded payloads or as a test says.
 */
import { chmodSync } from "node:fs";
import * as net from "node:net";
import { Clients } from "../../../daemon/rpc/clients.ts";
import type { ClientHandle, Handlers, Session } from "../../../daemon/rpc/session.ts";
import type { MethodName } from "../../../shared/contract/methods.ts";
import type { Stage } from "../stage.ts";
import { PAYLOADS } from "./payloads.ts";
import { RawClient } from "./raw-client.ts";

/** A handler's call. */
export interface Call {
  readonly name: MethodName;
  readonly params: unknown;
}

/** What a test changes. */
export interface DoorOptions {
  readonly handlers?: Partial<Record<MethodName, (client: ClientHandle, params: never) => unknown>>;
  /** Called with each warning, like a log that sends its entries to clients. */
  readonly onWarning?: (message: string, clients: Clients) => void;
  /** Where to listen; default: in the stage's folder. */
  readonly path?: string;
}

/** An open door. */
export interface Door {
  readonly path: string;
  readonly clients: Clients;
  readonly warnings: string[];
  readonly calls: Call[];
  /** Sessions that ended after hello. */
  readonly gone: Session[];
  /** How long clients that connect from now on have to say hello; undefined: the real limit. */
  patience(helloTimeoutMs: number | undefined): void;
  /** Stops listening and cuts every client, without a notification. */
  die(): Promise<void>;
  connect(): Promise<RawClient>;
  greeted(who?: Readonly<Record<string, unknown>>): Promise<RawClient>;
}

/** Listens at a socket in the stage's folder. */
export async function openDoor(stage: Stage, { handlers = {}, onWarning, path = stage.path("door.sock") }: DoorOptions = {}): Promise<Door> {
  const warnings: string[] = [];
  const calls: Call[] = [];
  const gone: Session[] = [];
  let helloTimeoutMs: number | undefined;
  const clients: Clients = new Clients({
    handlers: stubs(handlers, calls),
    lingerMs: () => 0,
    onWarning: (message) => {
      warnings.push(message);
      onWarning?.(message, clients);
    },
    onChange: () => {},
    onGone: (session) => gone.push(session),
    get helloTimeoutMs() {
      return helloTimeoutMs;
    },
  });
  const server = net.createServer((socket) => clients.accept(socket));
  const die = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      clients.close();
    });
  stage.own(() => void die());
  await new Promise<void>((resolve) => server.listen({ path, backlog: 511 }, resolve));
  chmodSync(path, 0o600);
  return {
    ...{ path, clients, warnings, calls, gone, die, connect: () => RawClient.connect(stage, path), greeted: (who) => RawClient.greeted(stage, path, who) },
    patience: (ms) => {
      helloTimeoutMs = ms;
    },
  };
}

function stubs(changed: NonNullable<DoorOptions["handlers"]>, calls: Call[]): Handlers {
  const names = Object.keys(PAYLOADS.requests) as MethodName[];
  const entries = names.map((name) => [
    name,
    (client: ClientHandle, params: never) => {
      calls.push({ name, params });
      const handler = changed[name];
      return handler ? handler(client, params) : PAYLOADS.requests[name].result;
    },
  ]);
  return Object.fromEntries(entries) as Handlers;
}
