/**
 * Puts the daemon's parts together: log, state, keys, configuration, manager and
 * the handlers of its requests. What makes it a daemon (socket, signals, idle
 * exit, hand-over) is daemon.ts.
 */
import { homedir } from "node:os";
import { PROTOCOL_VERSION, VERSION } from "../../shared/contract/version.ts";
import { failureWords } from "../cli/failure-words.ts";
import { ConfigStore } from "../config/config-store.ts";
import { FolderWatch } from "../config/folder-watch.ts";
import { KeyFolder } from "../keys/key-folder.ts";
import { createKeyLoader } from "../keys/key-loader.ts";
import { SessionKeys } from "../keys/session-keys.ts";
import { machineTimers } from "../lifecycle/clock.ts";
import { readDraining } from "../lifecycle/hand-over/draining-file.ts";
import { LogFile } from "../lifecycle/log-file.ts";
import { Logger, logLine } from "../lifecycle/logger.ts";
import type { DaemonPaths, Place } from "../lifecycle/paths.ts";
import { StateFile } from "../lifecycle/state-file.ts";
import type { ForwarderEvent } from "../proxy/forwarder.ts";
import { systemLookup } from "../proxy/target.ts";
import type { ChangeGate } from "../rpc/change-gate.ts";
import { Endpoint } from "../rpc/clients.ts";
import { guardHandlers } from "../rpc/guarded-handlers.ts";
import { createHandlers, type DaemonControl } from "../rpc/handlers.ts";
import { type ApprovalStorage, Approvals } from "../tunnels/approvals.ts";
import { type DaemonState, daemonStateSchema, type StateStore } from "../tunnels/daemon-state.ts";
import { Manager } from "../tunnels/manager.ts";
import { createPlanner } from "../tunnels/planner.ts";
import type { CommandContext } from "./context.ts";
import type { DaemonOptions } from "./daemon-options.ts";
import { RepeatGuard } from "./event-log.ts";

/** Everything a daemon consists of. */
export interface DaemonParts {
  readonly logger: Logger;
  readonly state: StateFile<DaemonState>;
  readonly manager: Manager;
  readonly endpoint: Endpoint;
  readonly instanceId: string;
  readonly startedAtMs: number;
  /** Frees what does not end with the manager and the endpoint; the state file is written once more. */
  dispose(): Promise<void>;
}

/** What they are made from. */
export interface PartsOptions {
  readonly options: DaemonOptions;
  readonly context: CommandContext;
  readonly paths: DaemonPaths;
  readonly place: Place;
  readonly control: Omit<DaemonControl, "status"> & { readonly isDraining: () => boolean };
  /** Resolves when pins have been opened; requests wait for it. */
  readonly ready: Promise<void>;
  readonly gate: ChangeGate;
  /** A client or a connection came or went. */
  readonly onActivity: () => void;
}

/** Makes the parts; opens and listens to nothing yet. */
export function createParts({ options, context, paths, place, control, ready, gate, onActivity }: PartsOptions): DaemonParts {
  const suite = context.suite();
  const instanceId = Buffer.from(context.random(16)).toString("hex");
  const startedAtMs = context.clock.wallMs();
  const logger = createLogger(options, { paths, wallMs: context.clock.wallMs });
  const state = openState({ paths, place, logger, wallMs: context.clock.wallMs });
  const store = storeOf(state);
  const sessionKeys = new SessionKeys(suite);
  const keyFolder = new KeyFolder({ folder: paths.keyDir, suite, random: context.random });
  const approvals = new Approvals(approvalStorage(store), context.clock.wallMs);
  const keys = createKeyLoader({ suite, folder: keyFolder, session: sessionKeys, home: homedir() });
  const planner = createPlanner({ suite, keys, lookup: systemLookup, wasApproved: (ref) => approvals.wasApproved(ref) });
  const configs = new ConfigStore((configPath, config) => {
    endpoint.broadcast("config/problems", { configPath, problems: [...config.problems] });
    void manager.refresh((ref) => ref.configPath === configPath);
  });
  const keyWatch = new FolderWatch(() => void manager.refresh(() => true));
  keyWatch.add(paths.keyDir);
  const { report, flush } = eventReporter(logger);
  const manager: Manager = new Manager({
    tunnel: { suite, random: context.random, clock: context.clock, lookup: systemLookup },
    clock: context.clock,
    configs,
    planner,
    approvals,
    store,
    observer: {
      changed: (status) => endpoint.broadcast("tunnel/changed", status),
      removed: (id) => endpoint.broadcast("tunnel/removed", { id }),
      approvalNeeded: (planned) => endpoint.broadcast("approval/needed", planned.facts),
      event: report,
      remark: ({ level, message, ...about }) => logger.log(level, message, about),
      activity: onActivity,
    },
  });
  const status: DaemonControl["status"] = () => ({
    pid: process.pid,
    version: VERSION,
    protocol: PROTOCOL_VERSION,
    instanceId,
    startedAtMs,
    stateDir: paths.stateDir,
    crypto: suite.name,
    draining: control.isDraining(),
    predecessors: readDraining(paths.endpoint.discoveryFile, { uid: place.uid, wallMs: context.clock.wallMs() }),
  });
  const handlers = createHandlers({
    ...{ manager, configs, planner, approvals, keyFolder, sessionKeys },
    log: logger,
    control: { ...control, status },
    machine: { suite, random: context.random, clock: context.clock, lookup: systemLookup, isOwnSocket: (socket) => state.value.sockets.includes(socket) },
  });
  const endpoint: Endpoint = new Endpoint({
    handlers: guardHandlers(handlers, { ready, isDraining: control.isDraining, flush: () => state.flush(), gate }),
    // `exec` releases what it held at once; a window may only be reloading.
    lingerMs: (kind) => (kind === "exec" || kind === "cli" ? 0 : options.lingerMs),
    onWarning: (message) => logger.log("warn", message),
    onChange: onActivity,
    onGone: (session) => manager.release(session.holder),
  });
  return {
    logger,
    state,
    manager,
    endpoint,
    instanceId,
    startedAtMs,
    dispose: async () => {
      flush();
      configs.dispose();
      keyWatch.dispose();
      sessionKeys.dispose();
      await state.close();
    },
  };
}

function createLogger(options: DaemonOptions, where: { readonly paths: DaemonPaths; readonly wallMs: () => number }): Logger {
  const lossLine = (lost: number, reason: string): string =>
    logLine({ atMs: where.wallMs(), level: "warn", message: `${lost} lines before this one could not be written: ${reason}` });
  const file = new LogFile({ path: where.paths.logFile, lossLine });
  process.stderr.on("error", () => {});
  return new Logger({
    level: options.logLevel,
    wallMs: where.wallMs,
    write: (line) => {
      file.write(line);
      if (!options.background) process.stderr.write(`${line}\n`);
    },
  });
}

function openState({ paths, place, logger, wallMs }: { paths: DaemonPaths; place: Place; logger: Logger; wallMs: () => number }): StateFile<DaemonState> {
  return new StateFile<DaemonState>({
    path: paths.stateFile,
    uid: place.uid,
    parse: (value) => daemonStateSchema.parse(value),
    initial: () => daemonStateSchema.parse({}),
    onProblem: (problem) => {
      if (problem.kind === "writable-again") logger.log("info", "the state file can be written again");
      else logger.log("error", problem.error.message, { code: problem.error.code });
    },
    wallMs,
    timers: machineTimers,
  });
}

function approvalStorage(store: StateStore): ApprovalStorage {
  return {
    load: () => store.state.approvals,
    save: (all) =>
      store.update((state) => {
        state.approvals = [...all];
      }),
  };
}

function storeOf(file: StateFile<DaemonState>): StateStore {
  return {
    get state() {
      return file.value;
    },
    update(change) {
      const next = structuredClone(file.value);
      change(next);
      file.set(next);
    },
    saved: () => file.flush(),
  };
}

/** One line for each failure, with a count for those that repeat; debug lines for connections. */
function eventReporter(logger: Logger): { readonly report: (name: string, event: ForwarderEvent) => void; readonly flush: () => void } {
  const guards = new Map<string, RepeatGuard>();
  const guardOf = (tunnel: string | undefined, code: string): RepeatGuard => {
    const key = `${tunnel ?? ""}\0${code}`;
    const known = guards.get(key);
    if (known) return known;
    const guard = new RepeatGuard((message) => logger.log("warn", message, { ...(tunnel !== undefined && { tunnel }), code }));
    guards.set(key, guard);
    return guard;
  };
  const report = (name: string, event: ForwarderEvent): void => {
    switch (event.type) {
      case "failure": {
        const { who, isPort, key, text } = failureWords(name, event);
        const { code } = event.error;
        if (isPort) guardOf(undefined, code).say(key, `${who}: ${text}`);
        else guardOf(name, code).say(key, text);
        return;
      }
      case "limit-reached":
        guardOf(name, "LIMIT_REACHED").say("limit", `all ${event.limit} connections are in use: raise maxConnections or close some`);
        return;
      case "accept-failed":
        guardOf(name, "accept").say("accept", `could not accept a connection: ${event.error.message}; going on`);
        return;
      case "verified":
        logger.log("debug", event.what === "key" ? "the other end proved the key" : "the backend answered", { tunnel: name });
        return;
      case "closed":
        logger.log("debug", `connection from ${event.connection.peer} ended: ${event.reason.kind}`, { tunnel: name });
        return;
    }
  };
  const flush = (): void => {
    for (const guard of guards.values()) guard.flush();
  };
  return { report, flush };
}
