/**
 * `tunneld serve`: all server entries of a file in one foreground process, for an
 * operator, a service manager or a container. No RPC, no approvals (who starts it
 * means it), nothing remembered; the file is watched, so that keys and targets
 * change without a restart.
 */

import { closeSync } from "node:fs";
import * as net from "node:net";
import { homedir } from "node:os";
import * as path from "node:path";
import { formatAddress } from "../../shared/address.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { PROTOCOL_VERSION, VERSION } from "../../shared/contract/version.ts";
import { TunnelError } from "../../shared/errors.ts";
import { drainLine } from "../cli/drain-line.ts";
import { failureWords } from "../cli/failure-words.ts";
import { secondsOption } from "../cli/seconds.ts";
import { ConfigStore } from "../config/config-store.ts";
import { FolderWatch } from "../config/folder-watch.ts";
import { KeyFolder } from "../keys/key-folder.ts";
import { createKeyLoader } from "../keys/key-loader.ts";
import { SessionKeys } from "../keys/session-keys.ts";
import { machineTimers } from "../lifecycle/clock.ts";
import { daemonPaths, thisPlace } from "../lifecycle/paths.ts";
import { handleSignals } from "../lifecycle/shutdown.ts";
import { notifyManager, passedDescriptors, unixPathOf } from "../lifecycle/systemd.ts";
import { WRITE_QUEUE_BYTES } from "../proxy/dial.ts";
import type { ForwarderEvent } from "../proxy/forwarder.ts";
import { type ResolvedAddress, systemLookup } from "../proxy/target.ts";
import { daemonStateSchema, type StateStore } from "../tunnels/daemon-state.ts";
import { Manager } from "../tunnels/manager.ts";
import { createPlanner } from "../tunnels/planner.ts";
import type { Inherited } from "../tunnels/tunnel.ts";
import type { CommandContext } from "./context.ts";
import { stateDirOf } from "./daemon-options.ts";
import { RepeatGuard, stderrLines, type WriteLine } from "./event-log.ts";
import { parseOptions } from "./options.ts";
import type { MetricsServer } from "./serve-metrics.ts";

/** Our choice: how long SIGTERM lets connections go on. */
const DRAIN_MS = 60_000;

/** The states in which a port is open. */
const OPEN: readonly TunnelStatus["state"][] = ["listening", "key-verified", "verified", "degraded"];

/**
 * Serves until a signal ends it; resolves to the exit code.
 * @throws TunnelError when the file has a mistake or a port can't be opened; nothing is left open then
 */
export async function runServe(args: readonly string[], context: CommandContext): Promise<number> {
  const table = { "--config": "value", "--state-dir": "value", "--drain": "value", "--metrics": "value", "--metrics-public": "flag" } as const;
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
        // An entry that was removed and has ended is nobody's any more.
        list: () => server.manager.list().filter(({ name, state }) => state !== "closed" || isMeant(name)),
        isMeant,
      });
    for (const tunnel of opened) warn(`${tunnel.name} listens at ${tunnel.listen} for ${tunnel.target}`);
    // Before the word is out: who waits for it may send the signal at once.
    const ended = untilEnded(server.manager, { deadlineMs: secondsOption(values, "--drain") ?? DRAIN_MS, warn });
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
  });
  const guard = new RepeatGuard(warn);
  const configs = new ConfigStore((file, config) => {
    for (const problem of config.problems) warn(`${problem.path}:${problem.line}:${problem.column}: ${problem.message}`);
    void manager.refresh((ref) => ref.configPath === file);
  });
  const keyWatch = new FolderWatch(() => void manager.refresh(() => true));
  keyWatch.add(paths.keyDir);
  const manager: Manager = new Manager({
    tunnel: { suite, random: context.random, clock: context.clock, lookup: systemLookup },
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
      remark: ({ level, message }) => {
        // What keeps it from starting is told with its place, by refuseClosed.
        if (isOpen() && level !== "info" && level !== "debug") guard.say(message, message);
      },
      activity: () => {},
    },
  });
  return { manager, configs, keyWatch, guard, holder: { user: { kind: "serve", name: VERSION, pid: process.pid }, lingerMs: 0 } };
}

/** The server entries of a file without any mistake: an operator's file is right as a whole or not used. */
function chooseEntries(configs: ConfigStore, configPath: string, warn: WriteLine): string[] {
  const config = configs.get(configPath);
  const problems = config.problems.map((problem) => `${problem.path}:${problem.line}:${problem.column}: ${problem.message}`);
  // What is thrown is printed last: so they stand in the order of the file.
  const last = problems.pop();
  for (const problem of problems) warn(problem);
  if (last !== undefined) throw new TunnelError("CONFIG_INVALID", last);
  const names = [...config.entries].filter(([, entry]) => entry.role === "server").map(([name]) => name);
  if (names.length === 0) throw new TunnelError("CONFIG_INVALID", `${configPath} has no entry with "role": "server": add one`);
  return names;
}

/** What the look at the opened entries needs. */
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
  // Two entries that are alike in all but their name would share one tunnel: here it is a mistake, the key must tell them apart.
  for (const [index, one] of opened.entries()) {
    const twin = opened.slice(0, index).find((other) => other.listen === one.listen && other.keyFingerprints.some((key) => one.keyFingerprints.includes(key)));
    const place = places.get(one.name);
    if (twin && place) {
      const text = `"${twin.name}" and "${one.name}" have the same key on one port: give each its own`;
      throw new TunnelError("CONFIG_INVALID", `${place.path}:${place.line}:${place.column}: ${text}`);
    }
  }
  const order = [...places.keys()];
  const closed = opened.filter((tunnel) => !OPEN.includes(tunnel.state)).toSorted((a, b) => order.indexOf(a.name) - order.indexOf(b.name));
  const last = closed.pop();
  for (const tunnel of closed) warn(explain(tunnel));
  if (last) throw new TunnelError((misfit(last, passed) === undefined && last.lastFailure?.code) || "CONFIG_INVALID", explain(last));
}

/** What a passed socket has to do with a port that is taken: it is at that port, and written otherwise, so that nobody claimed it. */
function misfit({ listen, lastFailure }: TunnelStatus, passed: readonly ResolvedAddress[]): string | undefined {
  if (lastFailure?.code !== "LISTEN_IN_USE") return undefined;
  const port = listen.replace(/^.*:/, "");
  const near = passed.find((address) => address.kind === "tcp" && String(address.port) === port && formatAddress(address) !== listen);
  if (!near) return undefined;
  const given = formatAddress(near);
  return `the service manager has passed a socket at ${given}, not at ${listen}: write "listen": "${given}", or ListenStream=${listen} in the socket unit`;
}

/**
 * Sockets that a service manager has opened for us, to be taken where their address is wanted. Node accepts as soon as it
 * has a listener: whoever came before the entry is open (the connection that made the manager start us) is kept for it.
 */
function passedListeners(): Inherited[] {
  return passedDescriptors(process.env, process.pid).flatMap((fd): Inherited[] => {
    const unixPath = unixPathOf(fd);
    if (unixPath !== undefined) return [passedUnixSocket(fd, unixPath)];
    const early: net.Socket[] = [];
    const passed = net.createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true, highWaterMark: WRITE_QUEUE_BYTES });
    passed.on("connection", (socket) => {
      socket.on("error", () => {});
      early.push(socket);
    });
    passed.listen({ fd });
    const bound = passed.address();
    if (bound === null || typeof bound === "string") {
      passed.close();
      return [];
    }
    const address = { kind: "tcp", host: bound.address, port: bound.port } as const;
    const listen = async (server: net.Server): Promise<void> => {
      await listenOn(server, passed);
      for (const socket of early.splice(0)) server.emit("connection", socket);
    };
    const discard = (): void => {
      passed.close();
      for (const socket of early.splice(0)) socket.destroy();
    };
    return [{ address, listen, discard }];
  });
}

/** Node can't say where a unix socket is that it did not bind, nor open one twice: it is opened when its entry is, and until then newcomers wait in its queue. */
function passedUnixSocket(fd: number, path: string): Inherited {
  return { address: { kind: "unix", path }, listen: (server) => listenOn(server, { fd }), discard: () => closeSync(fd) };
}

function listenOn(server: net.Server, handle: net.Server | { readonly fd: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(handle, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

function untilEnded(manager: Manager, { deadlineMs, warn }: { readonly deadlineMs: number; readonly warn: WriteLine }): Promise<void> {
  return new Promise((resolve) => {
    handleSignals({
      signals: process,
      timers: machineTimers,
      deadlineMs,
      drain: async (signal) => {
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
    case "verified":
    case "closed":
      return;
  }
}

/** Nothing outlives the process. */
function memoryStore(): StateStore {
  const state = daemonStateSchema.parse({});
  return { state, update: (change) => change(state) };
}
