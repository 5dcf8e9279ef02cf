/**
 * `tunneld serve`: all server entries of a file in one foreground process, for an
 * operator, a service manager or a container. There is no RPC and no approval
 * (starting it is the approval), and nothing is remembered. The file is watched, so
 * that keys and targets change without a restart.
 */

import { homedir } from "node:os";
import * as path from "node:path";
import { formatAddress } from "../../shared/address.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { isListening } from "../../shared/contract/tunnel-state.ts";
import { PROTOCOL_VERSION, VERSION } from "../../shared/contract/version.ts";
import { TunnelError } from "../../shared/errors.ts";
import { machineTimers } from "../../shared/time.ts";
import { ConfigStore } from "../config/config-store.ts";
import { FolderWatch } from "../config/folder-watch.ts";
import { DhPairs } from "../crypto/dh-pairs.ts";
import { KeyFolder } from "../keys/key-folder.ts";
import { createKeyLoader } from "../keys/key-loader.ts";
import { ownGroups } from "../keys/own-groups.ts";
import { SessionKeys } from "../keys/session-keys.ts";
import { daemonPaths, thisPlace } from "../lifecycle/paths.ts";
import { handleSignals } from "../lifecycle/shutdown.ts";
import { notifyManager } from "../lifecycle/systemd.ts";
import { nativeSettings } from "../proxy/connection-settings.ts";
import type { ForwarderEvent } from "../proxy/forwarder.ts";
import { type ResolvedAddress, systemLookup } from "../proxy/target.ts";
import { daemonStateSchema, type StateChange, type StateStore } from "../tunnels/daemon-state.ts";
import { Manager } from "../tunnels/manager.ts";
import { createPlanner } from "../tunnels/planner.ts";
import type { CommandContext } from "./context.ts";
import { drainLine, failureWords, RepeatGuard, sessionWords, stderrLines, type WriteLine } from "./event-log.ts";
import { parseOptions, secondsOption, stateDirOf } from "./options.ts";
import { passedListeners } from "./passed-listeners.ts";
import type { MetricsServer } from "./serve-metrics.ts";

/** Our choice: how long SIGTERM lets connections go on. */
const DRAIN_MS = 60_000;

/**
 * Serves until a signal ends it; resolves to the exit code.
 * @throws TunnelError when the file has a mistake or a port can't be opened; nothing is left open then
 */
export async function runServe(args: readonly string[], context: CommandContext): Promise<number> {
  const table = {
    "--config": "value",
    "--state-dir": "value",
    "--drain": "value",
    "--metrics": "value",
    "--metrics-public": "flag",
    "--metrics-host": "value",
  } as const;
  const { flags, values, operands } = parseOptions(args, table);
  const config = values.get("--config");
  if (config === undefined || operands.length > 0)
    throw new TunnelError("CONFIG_INVALID", "name the file with the server entries: tunneld serve --config FILE");
  const configPath = path.resolve(config);
  const warn = stderrLines(context.name);
  let isOpen = false;
  const server = createServer(context, { stateDir: stateDirOf(values), warn, isOpen: () => isOpen });
  let metrics: MetricsServer | undefined;
  try {
    const names = chooseEntries(server.configs, configPath, warn);
    const passed = passedListeners();
    await server.manager.start(passed);
    const opened = await server.manager.set(server.holder, { scope: "serve", configPath, names });
    refuseClosed(opened, { places: server.configs.get(configPath).places, passed: passed.map(({ address }) => address), warn });
    isOpen = true;
    server.manager.closeUnclaimed();
    const address = values.get("--metrics");
    const isMeant = (name: string): boolean => {
      const { entries, faults, broken } = server.configs.get(configPath);
      return broken || faults.has(name) || entries.get(name)?.role === "server";
    };
    if (address !== undefined)
      metrics = await (await import("./serve-metrics.ts")).serveMetrics({
        address,
        beyondLoopback: flags.has("--metrics-public"),
        hosts: values.get("--metrics-host"),
        // Leave out entries that were removed and have ended.
        list: () => server.manager.list().filter(({ name, state }) => state !== "closed" || isMeant(name)),
        isMeant,
      });
    for (const tunnel of opened) warn(`${tunnel.name} listens at ${tunnel.listen} for ${tunnel.target}`);
    // Before "ready" is sent: the manager may send the signal right after it.
    const ended = untilEnded(server.manager, {
      deadlineMs: secondsOption(values, "--drain") ?? DRAIN_MS,
      warn,
      // Closed together with the other ports: a successor needs this port too.
      onDrain: () => metrics?.close(),
    });
    const trouble = await notifyManager(process.env, "ready", `${opened.length} entries`);
    if (trouble !== undefined) warn(trouble);
    await ended;
    return 0;
  } finally {
    metrics?.close();
    server.manager.shutdown();
    server.configs.dispose();
    server.keyWatch.dispose();
    server.guard.flush();
  }
}

interface Server {
  readonly manager: Manager;
  readonly configs: ConfigStore;
  readonly keyWatch: FolderWatch;
  readonly guard: RepeatGuard;
  readonly holder: Parameters<Manager["set"]>[0];
}

interface ServerSetup {
  readonly stateDir: string | undefined;
  readonly warn: WriteLine;
  readonly isOpen: () => boolean;
}

function createServer(context: CommandContext, { stateDir, warn, isOpen }: ServerSetup): Server {
  const suite = context.suite();
  const paths = daemonPaths({ stateDir, protocol: PROTOCOL_VERSION, place: thisPlace() });
  const keys = createKeyLoader({
    suite,
    folder: new KeyFolder({ folder: paths.keyDir, suite, random: context.random }),
    session: new SessionKeys(suite),
    home: homedir(),
    serviceGroups: ownGroups(),
  });
  const guard = new RepeatGuard(warn);
  const configs = new ConfigStore((file, config) => {
    for (const problem of config.problems) warn(`${problem.path}:${problem.line}:${problem.column}: ${problem.message}`);
    void manager.refresh((ref) => ref.configPath === file);
  });
  const keyWatch = new FolderWatch(() => void manager.refresh(() => true));
  keyWatch.add(paths.keyDir);
  const manager: Manager = new Manager({
    tunnel: {
      ...{ suite, random: context.random, clock: context.clock, lookup: systemLookup },
      native: nativeSettings(suite, context.random),
      pairs: new DhPairs({ suite, random: context.random, timers: machineTimers }),
    },
    clock: context.clock,
    configs,
    planner: createPlanner({ suite, keys, lookup: systemLookup, wasApproved: () => true }),
    approvals: { isApproved: () => true },
    store: memoryStore(),
    observer: {
      changed: () => {},
      removed: () => {},
      approvalNeeded: () => {},
      event: (name, event) => report(name, event, guard),
      remark: ({ level, message, tunnel, isKeyNews }) => {
        if (isKeyNews) warn(`${tunnel} ${message}`);
        // refuseClosed reports what keeps an entry from starting, with its place in the file.
        if (isOpen() && level !== "info" && level !== "debug") guard.say(message, message);
      },
      activity: () => {},
    },
  });
  return { manager, configs, keyWatch, guard, holder: { user: { kind: "serve", name: VERSION, pid: process.pid }, lingerMs: 0 } };
}

/** The server entries of a file. An operator's file with any mistake is not used at all. */
function chooseEntries(configs: ConfigStore, configPath: string, warn: WriteLine): string[] {
  const config = configs.get(configPath);
  const problems = config.problems.map((problem) => `${problem.path}:${problem.line}:${problem.column}: ${problem.message}`);
  // The thrown error is printed last, so the problems appear in the order of the file.
  const last = problems.pop();
  for (const problem of problems) warn(problem);
  if (last !== undefined) throw new TunnelError("CONFIG_INVALID", last);
  const names = [...config.entries].filter(([, entry]) => entry.role === "server").map(([name]) => name);
  if (names.length === 0) throw new TunnelError("CONFIG_INVALID", `${configPath} has no entry with "role": "server": add one`);
  return names;
}

/** What the check of the opened entries needs. */
interface Opened {
  readonly places: ReturnType<ConfigStore["get"]>["places"];
  /** Addresses of the sockets that were passed. */
  readonly passed: readonly ResolvedAddress[];
  readonly warn: WriteLine;
}

function refuseClosed(opened: readonly TunnelStatus[], { places, passed, warn }: Opened): void {
  const explain = (tunnel: TunnelStatus): string => {
    const { name, state, lastFailure } = tunnel;
    const place = places.get(name);
    return `${place ? `${place.path}:${place.line}:${place.column}: ` : ""}${name}: ${misfit(tunnel, passed) ?? lastFailure?.message ?? state}`;
  };
  // Two entries that differ only in their name would share one tunnel. Here that is a mistake: the key must tell them apart.
  for (const [index, one] of opened.entries()) {
    const twin = opened.slice(0, index).find((other) => other.listen === one.listen && other.keyFingerprints.some((key) => one.keyFingerprints.includes(key)));
    const place = places.get(one.name);
    if (twin && place) {
      const text = `"${twin.name}" and "${one.name}" have the same key on one port: give each its own`;
      throw new TunnelError("CONFIG_INVALID", `${place.path}:${place.line}:${place.column}: ${text}`);
    }
  }
  const order = [...places.keys()];
  const closed = opened.filter((tunnel) => !isListening(tunnel.state)).toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const last = closed.pop();
  for (const tunnel of closed) warn(explain(tunnel));
  if (last) throw new TunnelError((misfit(last, passed) === undefined && last.lastFailure?.code) || "CONFIG_INVALID", explain(last));
}

/** Explains a port in use when a passed socket has it: the socket's address is written differently, so no entry used the socket. */
function misfit({ listen, lastFailure }: TunnelStatus, passed: readonly ResolvedAddress[]): string | undefined {
  if (lastFailure?.code !== "LISTEN_IN_USE") return undefined;
  const port = listen.replace(/^.*:/, "");
  const near = passed.find((address) => address.kind === "tcp" && String(address.port) === port && formatAddress(address) !== listen);
  if (!near) return undefined;
  const given = formatAddress(near);
  return `the service manager has passed a socket at ${given}, not at ${listen}: write "listen": "${given}", or ListenStream=${listen} in the socket unit`;
}

interface Ending {
  readonly deadlineMs: number;
  readonly warn: WriteLine;
  readonly onDrain: () => void;
}

function untilEnded(manager: Manager, { deadlineMs, warn, onDrain }: Ending): Promise<void> {
  return new Promise((resolve) => {
    handleSignals({
      signals: process,
      timers: machineTimers,
      deadlineMs,
      drain: async (signal) => {
        onDrain();
        const line = drainLine({ open: manager.openConnections, deadlineMs, signal });
        if (line !== undefined) warn(line);
        void notifyManager(process.env, "stopping", "waiting for the last connections");
        await manager.drain();
        resolve();
      },
      cut: () => {
        manager.shutdown();
        resolve();
      },
      reload: () => void manager.refresh(() => true),
    });
  });
}

function report(name: string, event: ForwarderEvent, guard: RepeatGuard): void {
  switch (event.type) {
    case "failure": {
      const { who, key, text } = failureWords(name, event);
      guard.say(key, `${who}: ${event.error.code}: ${text}`);
      return;
    }
    case "limit-reached":
      guard.say(`${name} limit`, `${name}: all ${event.limit} connections are in use: raise maxConnections or close some`);
      return;
    case "accept-failed":
      guard.say(`${name} accept`, `${name}: could not accept a connection: ${event.error.message}; going on`);
      return;
    case "session":
      guard.say(`${name} session ${event.news.what}`, `${name}: ${sessionWords(event.news)}`);
      return;
    case "verified":
    case "closed":
      return;
  }
}

/** Nothing outlives the process. */
function memoryStore(): StateStore {
  let state = daemonStateSchema.parse({});
  const change = (make: StateChange): Promise<undefined> => {
    state = make(state);
    return Promise.resolve(undefined);
  };
  return {
    get state() {
      return state;
    },
    commit: change,
    update: change,
  };
}
