/**
 * The old daemon's side of an upgrade: starts the new program, passes it the
 * listening sockets themselves, and stops accepting once the new daemon accepts.
 * Both hold the same kernel socket meanwhile, so no connect is refused; open
 * connections stay here until they end. If anything goes wrong before the new
 * daemon is ready, this daemon goes on as if nothing had been tried.
 *
 * A listener whose handle can't be sent (Windows' pipes, a failure) is offered
 * without it: the new daemon binds that address itself after `released`, and
 * connects are refused until then. Messages: messages.ts. The child's side:
 * receive-listeners.ts.
 */
import { type ChildProcess, fork, type SendHandle } from "node:child_process";
import * as net from "node:net";
import { saidBy, TunnelError } from "../../../shared/errors.ts";
import { message } from "../../../shared/message.ts";
import { machineTimers, type Timers } from "../../../shared/time.ts";
import { daemonEnvironment } from "../child-environment.ts";
import { closeKeepingPath } from "../door/socket-file.ts";
import { HAND_OVER_VERSION, type ListenerName, type NewMessage, type OldMessage, SUCCESSOR_VARIABLE } from "./messages.ts";

/** A listener to hand over. */
export interface OfferedListener extends ListenerName {
  readonly server: net.Server;
  /** Stops accepting here, without unlinking the path; by default `close`, or closeKeepingPath for a unix socket. Must not throw. */
  readonly release?: () => void;
}

/** What to start, and what to give it. */
export interface HandOverOptions {
  /** Absolute path of the newer tunneld.cjs. */
  readonly program: string;
  readonly args: readonly string[];
  readonly listeners: readonly OfferedListener[];
  /** JSON for the successor: what the owner needs to go on with these listeners. Never written to disk. */
  readonly payload?: unknown;
  /** The successor passes a connection back that belongs here; check `about` like any input, and end the socket if it can't be used. */
  readonly onPassed?: (socket: net.Socket, about: unknown) => void;
  /** The limit for everything until the successor is ready. */
  readonly timeoutMs: number;
  /** Outside any extension folder, so that the extension can be replaced. */
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timers?: Timers;
}

/** A successor that accepts now. */
export interface Successor {
  readonly pid: number;
  /** Whether it can pass connections back. */
  readonly isReachable: boolean;
  /** Resolves when it can't, or not any more. */
  readonly gone: Promise<void>;
}

/**
 * Hands over; resolves to the successor once this process has stopped accepting. The caller then drains.
 * @throws TunnelError DAEMON_UNREACHABLE: the successor didn't come up and was ended; nothing has changed here
 */
export async function handOver(options: HandOverOptions): Promise<Successor> {
  const child = startSuccessor(options);
  const stopTimer = (options.timers ?? machineTimers).after(options.timeoutMs, () => child.kill("SIGKILL"));
  try {
    await Promise.all([untilReady(child), offerAll(child, options)]);
  } catch (cause) {
    child.kill("SIGKILL");
    const why = cause instanceof TunnelError ? saidBy(cause) : cause instanceof Error ? cause.message : String(cause);
    throw new TunnelError("DAEMON_UNREACHABLE", message("the new daemon {0} didn't come up ({1}): the present one goes on", options.program, why), { cause });
  } finally {
    stopTimer();
  }
  for (const listener of options.listeners) release(listener);
  await send(child, { type: "released" }).catch(() => {});
  const { onPassed } = options;
  if (onPassed) child.on("message", (said, handle) => takePassed(said as Partial<NewMessage> | null, handle, onPassed));
  else if (child.connected) child.disconnect();
  const gone = new Promise<void>((resolve) => {
    if (child.connected) child.once("disconnect", resolve);
    else resolve();
  });
  child.unref();
  child.channel?.unref();
  return {
    gone,
    // A child without an id never became ready.
    pid: child.pid ?? 0,
    get isReachable() {
      return onPassed !== undefined && child.connected;
    },
  };
}

function takePassed(said: Partial<NewMessage> | null, handle: unknown, onPassed: NonNullable<HandOverOptions["onPassed"]>): void {
  if (said?.type !== "passed" || handle === undefined) return;
  // Nothing reads it before its owner does: its first bytes may have been read by the successor.
  const socket = new net.Socket({ handle, allowHalfOpen: true, manualStart: true } as net.SocketConstructorOpts);
  onPassed(socket, (said as { readonly about?: unknown }).about);
}

function startSuccessor({ program, args, cwd, env }: HandOverOptions): ChildProcess {
  return fork(program, args, {
    detached: true,
    cwd,
    // Our own Node flags are for this version only.
    execArgv: [],
    stdio: ["ignore", "ignore", "ignore", "ipc"],
    env: { ...daemonEnvironment(env ?? process.env), [SUCCESSOR_VARIABLE]: "1" },
  });
}

/** Resolves at "ready"; rejects when the child ends or can't be started. */
function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.once("exit", (code, signal) => reject(new Error(signal === null ? `exit code ${code}` : `ended by ${signal}`)));
    child.once("disconnect", () => reject(new Error("it hung up")));
    child.on("message", (message) => {
      if ((message as Partial<NewMessage> | null)?.type === "ready") resolve();
    });
  });
}

async function offerAll(child: ChildProcess, { listeners, payload }: HandOverOptions): Promise<void> {
  const names = listeners.map(({ id, address, kind }): ListenerName => ({ id, address, kind }));
  await send(child, { type: "offer", version: HAND_OVER_VERSION, listeners: names, payload });
  for (const { id, server } of listeners) {
    const handle = sendableHandle(server);
    try {
      if (handle === undefined) throw new Error("no handle");
      await send(child, { type: "listener", id, hasHandle: true }, handle);
    } catch {
      await send(child, { type: "listener", id, hasHandle: false });
    }
  }
}

/**
 * The raw handle and not the net.Server: with a net.Server, Node makes the child accept at once, before the child listens
 * for "connection". `_handle` is not documented, but child.send takes it (as "net.Native") since Node 0.6.
 */
function sendableHandle(server: net.Server): SendHandle | undefined {
  return (server as unknown as { readonly _handle: SendHandle | null })._handle ?? undefined;
}

function send(child: ChildProcess, message: OldMessage, handle?: SendHandle): Promise<void> {
  return new Promise((resolve, reject) => {
    child.send(message, handle, (error) => (error ? reject(error) : resolve()));
  });
}

function release({ server, kind, address, release: own }: OfferedListener): void {
  if (own) {
    own();
    return;
  }
  try {
    if (kind === "unix" && server.listening) closeKeepingPath(server, address);
  } catch {
    // The folder allows no second name: the close below removes the path, and the successor, which watches it, binds it again.
  }
  server.close();
}
