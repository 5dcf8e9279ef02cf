/**
 * Puts the daemon's parts together: log, state, keys, configuration, manager and
 * the request handlers. What makes the process a daemon (socket, signals, idle
 * exit, hand-over) is daemon.ts.
 */
import { homedir } from "node:os";
import * as path from "node:path";
import type { LogEntry } from "../../shared/contract/methods.ts";
import { PROTOCOL_VERSION, VERSION } from "../../shared/contract/version.ts";
import { machineTimers } from "../../shared/time.ts";
import { ConfigStore } from "../config/config-store.ts";
import { FolderWatch } from "../config/folder-watch.ts";
import { DhPairs } from "../crypto/dh-pairs.ts";
import { KEY_LEFTOVER } from "../keys/key-file-write.ts";
import { KeyFolder } from "../keys/key-folder.ts";
import { createKeyLoader } from "../keys/key-loader.ts";
import { SessionKeys } from "../keys/session-keys.ts";
import { readDraining } from "../lifecycle/hand-over/draining-file.ts";
import { removeLeftovers } from "../lifecycle/leftovers.ts";
import { LogFile } from "../lifecycle/log-file.ts";
import { Logger, logLine } from "../lifecycle/logger.ts";
import type { DaemonPaths, Place } from "../lifecycle/paths.ts";
import { StateFile } from "../lifecycle/state-file.ts";
import { nativeSettings } from "../proxy/connection-settings.ts";
import type { ForwarderEvent } from "../proxy/forwarder.ts";
import { systemLookup } from "../proxy/target.ts";
import type { ChangeGate } from "../rpc/change-gate.ts";
import { Clients } from "../rpc/clients.ts";
import type { DaemonControl } from "../rpc/context.ts";
import { guardHandlers } from "../rpc/guarded-handlers.ts";
import { createHandlers } from "../rpc/handlers.ts";
import { approvalStorage } from "../tunnels/approval-storage.ts";
import { Approvals } from "../tunnels/approvals.ts";
import { type DaemonState, daemonStateSchema, type StateStore } from "../tunnels/daemon-state.ts";
import { Manager } from "../tunnels/manager.ts";
import { createPlanner } from "../tunnels/planner.ts";
import type { CommandContext } from "./context.ts";
import type { DaemonOptions } from "./daemon-options.ts";
import { failureWords, RepeatGuard, sessionWords } from "./event-log.ts";
import { PassBack } from "./pass-back.ts";

/** Everything a daemon consists of. */
export interface DaemonParts {
  readonly logger: Logger;
  readonly state: StateFile<DaemonState>;
  readonly manager: Manager;
  readonly clients: Clients;
  /** The daemons before and after this one. */
  readonly passBack: PassBack;
  /** Names this process to other ends of the native wire. */
  readonly instance: Uint8Array;
  readonly instanceId: string;
  readonly startedAtMs: number;
  /** Disposes of the parts that do not end with the manager and the clients; writes the state file once more. */
  dispose(): Promise<void>;
}

/** What the parts are made from. */
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

/** Makes the parts, but opens no tunnel or socket yet. Removes the half-written files of a killed daemon. */
export function createParts({ options, context, paths, place, control, ready, gate, onActivity }: PartsOptions): DaemonParts {
  const suite = context.suite();
  const instanceId = Buffer.from(context.random(16)).toString("hex");
  const startedAtMs = context.clock.wallMs();
  const logger = createLogger(options, { paths, wallMs: context.clock.wallMs });
  removeLeftovers(path.dirname(paths.stateFile), /^state\.json\.(\d+)\.(?:tmp|bak)$/);
  removeLeftovers(paths.door.folder, /\.(\d+)\.tmp$/);
  removeLeftovers(paths.keyDir, KEY_LEFTOVER);
  const state = openState({ paths, place, logger, wallMs: context.clock.wallMs });
  const store = storeOf(state);
  const sessionKeys = new SessionKeys(suite);
  const keyFolder = new KeyFolder({ folder: paths.keyDir, suite, random: context.random });
  const approvals = new Approvals(approvalStorage(store), context.clock.wallMs);
  const keys = createKeyLoader({ suite, folder: keyFolder, session: sessionKeys, home: homedir() });
  const planner = createPlanner({ suite, keys, lookup: systemLookup, wasApproved: (ref) => approvals.wasApproved(ref) });
  const configs = new ConfigStore((configPath, config) => {
    clients.broadcast("config/problems", { configPath, problems: [...config.problems] });
    void manager.refresh((ref) => ref.configPath === configPath);
  });
  const keyWatch = new FolderWatch(() => void manager.refresh(() => true));
  keyWatch.add(paths.keyDir);
  const { report, flush } = eventReporter(logger);
  const passBack = new PassBack();
  const native = nativeSettings(suite, context.random, passBack);
  const manager: Manager = new Manager({
    tunnel: {
      ...{ suite, random: context.random, clock: context.clock, lookup: systemLookup },
      native,
      pairs: new DhPairs({ suite, random: context.random, timers: machineTimers }),
    },
    clock: context.clock,
    configs,
    planner,
    approvals,
    store,
    observer: {
      changed: (status) => clients.broadcast("tunnel/changed", status),
      removed: (id) => clients.broadcast("tunnel/removed", { id }),
      approvalNeeded: (planned) => clients.broadcast("approval/needed", planned.facts),
      event: report,
      remark: ({ level, message, isKeyNews: _, ...about }) => logger.log(level, message, about),
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
    predecessors: readDraining(paths.door.discoveryFile, { uid: place.uid, wallMs: context.clock.wallMs() }),
    ...(state.unsaved && { unsaved: state.unsaved.message }),
  });
  const handlers = createHandlers({
    ...{ manager, configs, planner, approvals, keyFolder, sessionKeys },
    log: logger,
    control: { ...control, status },
    machine: { suite, random: context.random, clock: context.clock, lookup: systemLookup, isOwnSocket: (socket) => state.value.sockets.includes(socket) },
  });
  const clients: Clients = new Clients({
    handlers: guardHandlers(handlers, { ready, isDraining: control.isDraining, gate }),
    // `exec` and commands release their tunnels at once; a window may only be reloading.
    lingerMs: (kind) => (kind === "exec" || kind === "cli" ? 0 : options.lingerMs),
    onWarning: (message) => logger.log("warn", message),
    onChange: onActivity,
    onGone: (session) => manager.release(session.holder),
  });
  return {
    logger,
    state,
    manager,
    clients,
    passBack,
    instance: native.instance,
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

function storeOf(file: StateFile<DaemonState>): StateStore {
  return {
    get state() {
      return file.value;
    },
    commit: (change) => file.commit(change),
    update: (change, options) => file.update(change, options),
  };
}

type AboutTunnel = Pick<LogEntry, "tunnel" | "configPath">;

type EventReport = (name: string, event: ForwarderEvent, configPath?: string) => void;

/** One line for each failure, with a count for repeated failures; debug lines for connections. */
function eventReporter(logger: Logger): { readonly report: EventReport; readonly flush: () => void } {
  const guards = new Map<string, RepeatGuard>();
  const guardOf = (about: AboutTunnel, code: string): RepeatGuard => {
    const key = [about.configPath, about.tunnel, code].join("\0");
    const known = guards.get(key);
    if (known) return known;
    const guard = new RepeatGuard((message) => logger.log("warn", message, { ...about, code }));
    guards.set(key, guard);
    return guard;
  };
  const report: EventReport = (name, event, configPath) => {
    const about = { tunnel: name, ...(configPath !== undefined && { configPath }) };
    switch (event.type) {
      case "failure": {
        const { who, isPort, key, text } = failureWords(name, event);
        const { code } = event.error;
        if (isPort) guardOf({}, code).say(key, `${who}: ${text}`);
        else guardOf(about, code).say(key, text);
        return;
      }
      case "limit-reached":
        guardOf(about, "LIMIT_REACHED").say("limit", `all ${event.limit} connections are in use: raise maxConnections or close some`);
        return;
      case "accept-failed":
        guardOf(about, "accept").say("accept", `could not accept a connection: ${event.error.message}; going on`);
        return;
      case "session":
        logger.log(event.news.what === "back" ? "info" : "warn", sessionWords(event.news), about);
        return;
      case "verified":
        logger.log("debug", event.what === "key" ? "the other end proved the key" : "the backend answered", about);
        return;
      case "closed":
        logger.log("debug", `connection from ${event.connection.peer} ended: ${event.reason.kind}`, about);
        return;
    }
  };
  const flush = (): void => {
    for (const guard of guards.values()) guard.flush();
  };
  return { report, flush };
}
