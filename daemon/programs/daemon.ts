/**
 * `tunneld daemon`: the background process that owns all tunnels of a user. It
 * claims the socket (or takes over an older daemon's listeners), re-opens pinned
 * tunnels and serves clients. It ends when nobody needs it, on a signal, on
 * request, or by handing over to a successor.
 */
import type * as net from "node:net";
import * as path from "node:path";
import { formatAddress, parseAddress } from "../../shared/address.ts";
import type { NotificationParams } from "../../shared/contract/methods.ts";
import { PROTOCOL_VERSION, VERSION } from "../../shared/contract/version.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { machineTimers, systemClock, timerMs } from "../../shared/time.ts";
import { RpcClient } from "../client/rpc-client.ts";
import { watchClock } from "../lifecycle/clock-watch.ts";
import { clearStarts } from "../lifecycle/crash-guard.ts";
import { type Door, type DoorEvent, type DoorOptions, openDoor, takeOverDoor } from "../lifecycle/door/door.ts";
import { showDraining } from "../lifecycle/hand-over/draining-file.ts";
import { handOver } from "../lifecycle/hand-over/hand-over.ts";
import { type HandedOver, isSuccessor, receiveListeners } from "../lifecycle/hand-over/receive-listeners.ts";
import { watchIdle } from "../lifecycle/idle.ts";
import { watchNetwork } from "../lifecycle/network-watch.ts";
import { type DaemonPaths, daemonPaths, prepareFolders, thisPlace } from "../lifecycle/paths.ts";
import { handleSignals } from "../lifecycle/shutdown.ts";
import { adoptSocketFile, socketFileMark } from "../proxy/socket-file.ts";
import { ChangeGate } from "../rpc/change-gate.ts";
import { notSaved } from "../tunnels/daemon-state.ts";
import type { Inherited } from "../tunnels/tunnel.ts";
import type { CommandContext } from "./context.ts";
import { type DaemonOptions, daemonArguments, parseDaemonOptions } from "./daemon-options.ts";
import { createParts, type DaemonParts } from "./daemon-parts.ts";
import { drainLine } from "./event-log.ts";
import { type HandOverPayload, readPayload } from "./hand-over-payload.ts";

type ClosingReason = NotificationParams<"daemon/closing">["reason"];

/** The id of the well-known socket among the listeners that are handed over. */
const DOOR = "door";
/** Our choice: how long a successor keeps listeners that no client has asked for yet. */
const UNCLAIMED_MS = 30_000;
/** Our choice: the time limit of a hand-over, and how often to check for idleness. */
const HAND_OVER_MS = 20_000;
const CHECK_MS = 500;
/** Our choice: time to send an answer before its connection is closed. */
const ANSWER_MS = 50;

/**
 * Runs the daemon; resolves to the exit code.
 * @throws TunnelError when it can't start
 */
export async function runDaemon(args: readonly string[], context: CommandContext): Promise<number> {
  const handedOver = isSuccessor() ? receiveListeners() : undefined;
  const options = parseDaemonOptions(args);
  const place = thisPlace();
  const paths = daemonPaths({ stateDir: options.stateDir, protocol: PROTOCOL_VERSION, place });
  prepareFolders(paths, place);
  const daemon = new Daemon({ options, context, paths });
  return await daemon.run(await handedOver);
}

interface DaemonSetup {
  readonly options: DaemonOptions;
  readonly context: CommandContext;
  readonly paths: DaemonPaths;
}

class Daemon {
  readonly #setup: DaemonSetup;
  readonly #place = thisPlace();
  readonly #parts: DaemonParts;
  readonly #gate = new ChangeGate();
  readonly #disposables: (() => void)[] = [];
  #door: Door | undefined;
  #touch = (): void => {};
  #drained: Promise<void> | undefined;
  #deadlineIsOver: () => void = () => {};
  readonly #deadline = new Promise<void>((resolve) => {
    this.#deadlineIsOver = resolve;
  });
  #ended = false;
  #ready = (): void => {};
  #finish: (code: number) => void = () => {};
  readonly #done = new Promise<number>((resolve) => {
    this.#finish = resolve;
  });

  constructor(setup: DaemonSetup) {
    this.#setup = setup;
    this.#parts = createParts({
      ...setup,
      place: this.#place,
      control: {
        isDraining: () => this.#drained !== undefined,
        drain: (deadlineMs) => this.#soon(() => void this.#drain("drain", deadlineMs)),
        shutdown: () => this.#soon(() => void this.#end("shutdown")),
        replace: (program) => this.#gate.handOver(() => this.#replace(program), { patienceMs: HAND_OVER_MS }),
      },
      ready: new Promise((resolve) => {
        this.#ready = resolve;
      }),
      gate: this.#gate,
      onActivity: () => this.#touch(),
    });
  }

  async run(handedOver: HandedOver | undefined): Promise<number> {
    const { logger, manager } = this.#parts;
    this.#door = handedOver ? await this.#takeOver(handedOver) : await openDoor(this.#doorOptions());
    if (!this.#door) {
      logger.log("info", "a daemon runs already");
      await this.#parts.dispose();
      return 0;
    }
    this.#watch();
    logger.log("info", `tunneld ${VERSION} serves at ${this.#door.path}, process ${process.pid}`);
    if (!handedOver) await manager.start();
    this.#ready();
    return await this.#done;
  }

  #doorOptions(): DoorOptions {
    const { paths, context } = this.#setup;
    const { clients, instanceId, startedAtMs } = this.#parts;
    const suite = context.suite();
    return {
      paths,
      place: this.#place,
      instanceId,
      version: VERSION,
      protocol: PROTOCOL_VERSION,
      startedAtMs,
      onClient: (socket) => clients.accept(socket),
      verify: askInstanceId,
      onEvent: (event) => this.#onDoor(event),
      timers: machineTimers,
      challenge: { hmac: suite.hmacSha256, equal: suite.equal, random: context.random },
    };
  }

  #onDoor(event: DoorEvent): void {
    const { logger } = this.#parts;
    switch (event.kind) {
      case "rebound":
        logger.log("warn", "the socket had been removed and is there again");
        return;
      case "failed":
        logger.log("error", event.error.message, { code: event.error.code });
        return;
      case "warning":
        logger.log("warn", event.message);
        return;
      case "replaced":
        void this.#drain("replaced", this.#setup.options.drainMs);
        return;
    }
  }

  async #takeOver(handedOver: HandedOver): Promise<Door> {
    const { manager, logger, passBack } = this.#parts;
    const door = handedOver.listeners.find(({ id }) => id === DOOR);
    if (!door?.hasHandle) throw new TunnelError("DAEMON_UNREACHABLE", message("the old daemon did not hand over its socket: start the daemon again"));
    const payload = readPayload(handedOver.payload);
    const inherited = handedOver.listeners.flatMap((one): Inherited[] => {
      if (one.id === DOOR || !one.hasHandle) return [];
      const address = one.kind === "unix" ? ({ kind: "unix", path: one.address } as const) : parseAddress(one.address);
      const mark = payload?.socketFiles?.[one.address];
      const listen = async (server: net.Server): Promise<void> => {
        await one.listen(server);
        if (mark !== undefined) adoptSocketFile(server, one.address, mark);
      };
      return [{ address, listen, discard: () => one.discard() }];
    });
    if (!payload) logger.log("warn", "what the old daemon said of its tunnels can't be read: those that were only kept open are closed");
    passBack.setPredecessor(handedOver, payload?.processes ?? []);
    await manager.start(inherited, payload?.kept);
    const opened = await takeOverDoor(this.#doorOptions(), { path: door.address, listen: (server) => door.listen(server) });
    await handedOver.ready();
    setTimeout(() => manager.closeUnclaimed(), UNCLAIMED_MS).unref();
    return opened;
  }

  #watch(): void {
    const { options, context } = this.#setup;
    const { logger, manager, clients } = this.#parts;
    const idle = watchIdle({
      idleMs: options.idleMs,
      checkMs: Math.min(CHECK_MS, Math.max(20, options.idleMs)),
      clock: context.clock,
      timers: machineTimers,
      isNeeded: () => clients.count > 0 || !manager.isIdle,
      onIdle: () => void this.#end("idle"),
    });
    this.#touch = () => idle.touch();
    this.#disposables.push(
      idle.dispose,
      watchClock({
        clock: systemClock,
        timers: machineTimers,
        onWake: ({ reason, jumpMs }) => {
          logger.log("info", `woke up (${reason}, ${Math.round(jumpMs / 1000)} s): looking targets up again`);
          manager.wake();
        },
      }),
      watchNetwork({
        timers: machineTimers,
        onChange: () => {
          logger.log("info", "the machine's addresses have changed: looking targets up again");
          manager.wake();
        },
      }),
      handleSignals({
        signals: process,
        timers: machineTimers,
        deadlineMs: options.drainMs,
        drain: (signal) => {
          const line = drainLine({ open: manager.openConnections, deadlineMs: options.drainMs, signal });
          if (line !== undefined) logger.log("info", line);
          return this.#drain("drain", undefined);
        },
        cut: () => void this.#end("shutdown"),
        reload: () => void manager.refresh(() => true),
      }),
    );
  }

  /** Opens nothing new; ends with the last connection or at the deadline. If it is called more than once, the earliest deadline counts. */
  #drain(reason: ClosingReason, deadlineMs: number | undefined): Promise<void> {
    this.#drained ??= this.#drainAll(reason);
    if (deadlineMs !== undefined) {
      const deadline = setTimeout(() => {
        this.#parts.manager.shutdown();
        this.#deadlineIsOver();
      }, timerMs(deadlineMs));
      this.#disposables.push(() => clearTimeout(deadline));
    }
    return this.#drained;
  }

  async #drainAll(reason: ClosingReason): Promise<void> {
    const { manager, logger, passBack } = this.#parts;
    logger.log("info", `draining: open connections: ${manager.openConnections}`);
    await manager.drain();
    // A successor reaches the daemon before this one through this one.
    await Promise.race([passBack.noLongerNeeded(), this.#deadline]);
    await this.#end(reason);
  }

  async #replace(program: string): Promise<number> {
    if (!path.isAbsolute(program)) throw new TunnelError("CONFIG_INVALID", message("the path of the new program must be absolute, not {0}", program));
    const { manager, state, clients, logger } = this.#parts;
    const door = this.#door;
    if (!door || this.#drained !== undefined) throw new TunnelError("DAEMON_UNREACHABLE", message("this daemon is about to end: start a new one"));
    // The successor reads the disk, so it would undo changes that are only in our memory, such as a revoked approval.
    if (!(await state.flush()) && state.unsaved) throw notSaved(message("the present daemon goes on"), state.unsaved);
    // Without a handle to pass (Windows) we close; the client that asked starts the new daemon, which binds again.
    const pid = door.listener ? await this.#handOver(program, { path: door.path, ...door.listener }) : 0;
    logger.log("info", `handed over to process ${pid}; ${manager.openConnections} connections stay here until they end`);
    this.#door = undefined;
    await door.leave();
    await state.close();
    const look = () => ({ pid: process.pid, version: VERSION, openConnections: manager.openConnections });
    this.#disposables.push(showDraining(this.#setup.paths.door.discoveryFile, look, machineTimers));
    clients.broadcast("daemon/closing", { reason: "replaced" });
    this.#soon(() => {
      clients.close();
      void this.#drain("replaced", undefined);
    });
    return pid;
  }

  async #handOver(program: string, door: { readonly path: string } & NonNullable<Door["listener"]>): Promise<number> {
    const { manager, passBack, instance } = this.#parts;
    // Tunnels that share a port have one listener.
    const servers = new Map(manager.running.flatMap(({ listeners }) => listeners));
    const offered = [...servers].map(([server, listen], index) => ({ id: `tunnel ${index}`, address: formatAddress(listen), kind: listen.kind, server }));
    const marks = [...servers].flatMap(([server, listen]) => {
      const mark = socketFileMark(server);
      return mark === undefined ? [] : [[formatAddress(listen), mark] as const];
    });
    const { options, paths } = this.#setup;
    const successor = await handOver({
      program,
      // Not our own arguments as given: the successor runs in the state folder, where a relative path means another file.
      args: daemonArguments({ ...options, stateDir: paths.givenStateDir }),
      listeners: [{ id: DOOR, address: door.path, kind: "unix", server: door.server, release: door.release }, ...offered],
      payload: { kept: manager.kept, socketFiles: Object.fromEntries(marks), processes: passBack.namesFor(instance) } satisfies HandOverPayload,
      onPassed: (socket, about) => passBack.taken(socket, about, (wire, port, begun) => manager.takeBack(wire, port, begun)),
      timeoutMs: HAND_OVER_MS,
      cwd: paths.stateDir,
    });
    passBack.setSuccessor(successor);
    return successor.pid;
  }

  async #end(reason: ClosingReason): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    const { clients, manager, logger } = this.#parts;
    logger.log("info", `ends: ${reason}`);
    clients.broadcast("daemon/closing", { reason });
    for (const dispose of this.#disposables.splice(0)) dispose();
    if (this.#door) {
      await this.#door.close();
      clearStarts({ file: this.#setup.paths.startsFile });
    }
    manager.shutdown();
    clients.close();
    await this.#parts.dispose();
    this.#finish(0);
  }

  /** Acts after the answer to the present request has been sent. */
  #soon(act: () => void): void {
    setTimeout(act, ANSWER_MS);
  }
}

/** Says hello like any client. */
async function askInstanceId(socketPath: string): Promise<string> {
  const client = await RpcClient.connect(socketPath);
  client.listen();
  try {
    const { instanceId } = await client.request("hello", {
      protocol: PROTOCOL_VERSION,
      client: { kind: "daemon", name: "self-check", pid: process.pid, version: VERSION },
    });
    return instanceId;
  } finally {
    client.close();
  }
}
