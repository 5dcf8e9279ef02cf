/**
 * `tunneld spiped`: spiped 1.6.4's command line on our proxy. Order of events,
 * exit codes and signals are spiped's; where this differs on purpose (a reason
 * for every failure, a port that is free at SIGTERM) README says so.
 */

import { formatAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import { machineTimers } from "../../shared/time.ts";
import { DhPairs } from "../crypto/dh-pairs.ts";
import { readKeyFile, STDIN_KEY } from "../keys/key-file.ts";
import { fingerprint, type SharedKey } from "../protocol/keys.ts";
import { connectionSettings } from "../proxy/connection-settings.ts";
import { Forwarder, type ForwarderEvent, type ForwarderOptions } from "../proxy/forwarder.ts";
import { SecondLook } from "../proxy/second-look.ts";
import { RouteStats } from "../proxy/stats.ts";
import { type ResolvedAddress, Target } from "../proxy/target.ts";
import type { CommandContext } from "./context.ts";
import { detachedChild, runDetached } from "./daemonize.ts";
import { RepeatGuard, stderrLines, syslogLines, type WriteLine } from "./event-log.ts";
import { removePidFile, writePidFile } from "./pid-file.ts";
import { dropPrivileges, parseIdentity } from "./privileges.ts";
import { parseSpiped, type SpipedOptions } from "./spiped-options.ts";

/** spiped -D looks a name up again this often. */
const DNS_RETRY_MS = 1_000;

/**
 * Runs until drained by SIGTERM; resolves to the exit code.
 * @throws TunnelError for anything that prevents the start; nothing is left behind then.
 */
export async function runSpiped(args: readonly string[], context: CommandContext): Promise<number> {
  const options = parseSpiped(args);
  const identity = options.user === undefined ? undefined : parseIdentity(options.user);
  const child = detachedChild();
  if (!options.foreground && !child) return await runDetached(context.selfArgv, { readsInput: options.keyFile === STDIN_KEY });
  process.title = ["spiped", ...args].join(" ");

  const early = options.waitForDns && child !== undefined;
  let warn = stderrLines(context.name);
  let wrotePidFile = false;
  const background = (): void => {
    if (!child) return;
    writePidFile(options.pidFile);
    wrotePidFile = true;
    if (options.syslog) warn = syslogLines("spiped", warn);
  };
  if (early) {
    background();
    child.ready();
  }
  let serving: Serving | undefined;
  try {
    serving = await start(options, context, (line) => warn(line));
    if (!early) background();
    if (identity) dropPrivileges(identity, (line) => warn(line));
  } catch (error) {
    serving?.forwarder.close();
    if (wrotePidFile) removePidFile(options.pidFile);
    throw error;
  }
  if (!early) child?.ready();
  await serving.drained;
  return 0;
}

/** The forwarder, and a promise of its end. */
interface Serving {
  readonly forwarder: Forwarder;
  readonly drained: Promise<void>;
}

/** Resolves, loads the key, binds: in spiped's order. */
async function start(options: SpipedOptions, context: CommandContext, warn: WriteLine): Promise<Serving> {
  const patient = options.waitForDns;
  const source = new Target({ address: options.source, refreshMs: undefined });
  const target = new Target({ address: options.target, refreshMs: options.refreshMs });
  try {
    const listenAt = await resolveFirst(source, { patient, warn });
    await resolveFirst(target, { patient });
    const bind = options.bind && (await resolveFirst(new Target({ address: options.bind, refreshMs: undefined }), { patient, warn }));
    const { key, warnings } = readKeyFile(context.suite(), options.keyFile);
    for (const warning of warnings) warn(`warning: ${warning.message}`);
    const pairs = new DhPairs({ suite: context.suite(), random: context.random, timers: machineTimers });
    const parts: Parts = { options, context, pairs, target, bind, warn, guard: new RepeatGuard(warn) };
    const forwarder = new Forwarder(forwarderOptions(parts, key));
    // Only in the background: closing the terminal ends a foreground process, as with spiped.
    if (!options.foreground) process.on("SIGHUP", () => takeUpKey(forwarder, parts));
    // Before it listens: once it listens, somebody may end it, and its socket must not stay behind.
    const terminated = untilTerminated(() => forwarder.close());
    await forwarder.listen({ address: listenAt });
    return { forwarder, drained: terminated.then(() => forwarder.drain()) };
  } catch (error) {
    target.dispose();
    throw error;
  }
}

interface Parts {
  readonly options: SpipedOptions;
  readonly context: CommandContext;
  readonly pairs: DhPairs;
  readonly target: Target;
  readonly bind: ResolvedAddress | undefined;
  readonly warn: WriteLine;
  readonly guard: RepeatGuard;
}

function forwarderOptions({ options, context, pairs, target, bind, guard }: Parts, key: SharedKey): ForwarderOptions {
  return {
    settings: connectionSettings(options, { suite: context.suite(), random: context.random, clock: context.clock, pairs }),
    routes: [
      {
        ...{ name: formatAddress(options.source), keys: [key], target, bind, maxConnections: options.maxConnections },
        ...{ stats: new RouteStats(), secondLook: new SecondLook(context.clock) },
      },
    ],
    limitPolicy: "wait",
    onEvent: (event) => report(event, guard),
  };
}

/** SIGHUP: new connections use the key file as it is now; open connections go on. If the key can't be read, nothing changes. */
function takeUpKey(forwarder: Forwarder, parts: Parts): void {
  const { options, context, warn } = parts;
  if (options.keyFile === STDIN_KEY) {
    warn("the key came from standard input and can't be read again: start anew to change it");
    return;
  }
  try {
    const { key, warnings } = readKeyFile(context.suite(), options.keyFile);
    for (const warning of warnings) warn(`warning: ${warning.message}`);
    forwarder.reconfigure(forwarderOptions(parts, key));
    warn(`read the key file ${options.keyFile} again: new connections use it (fingerprint ${fingerprint(context.suite(), key)})`);
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    warn(`goes on with the key it has: ${error.message} (${error.code})`);
  }
}

function report(event: ForwarderEvent, guard: RepeatGuard): void {
  switch (event.type) {
    case "failure":
      guard.say(event.error.code, `${event.error.code}: ${event.error.message} (connection from ${event.peer})`);
      return;
    case "limit-reached":
      guard.say("limit", `Maximum number of connections (${event.limit}) reached: further ones wait (raise it with -n)`);
      return;
    case "accept-failed":
      guard.say("accept", `could not accept a connection: ${event.error.message}; going on`);
      return;
    case "verified":
    case "closed":
    case "session": // spiped's wire has none
      return;
  }
}

/** The first address of a name; with `patient` (-D) it tries until there is an address. */
async function resolveFirst(target: Target, how: { readonly patient: boolean; readonly warn?: WriteLine }): Promise<ResolvedAddress> {
  for (;;) {
    try {
      const [first, second] = await target.addresses();
      if (first) {
        if (second) how.warn?.(`using the first of several addresses of ${target.text}: ${formatAddress(first)}`);
        return first;
      }
    } catch (error) {
      if (!how.patient) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, DNS_RETRY_MS));
  }
}

/**
 * SIGTERM: gives up the port and ends with the last connection. A second SIGTERM ends the process at once, like an unhandled
 * signal; but `cut` resets the open connections, while the system would end them cleanly.
 */
function untilTerminated(cut: () => void): Promise<void> {
  if (process.pid === 1) process.once("SIGINT", () => process.exit(0));
  return new Promise((resolve) => {
    let isDraining = false;
    const onSignal = (): void => {
      if (!isDraining) {
        isDraining = true;
        resolve();
        return;
      }
      cut();
      process.removeListener("SIGTERM", onSignal);
      // By default no signal ends process 1 (in a container).
      if (process.pid === 1) process.exit(143);
      process.kill(process.pid, "SIGTERM");
    };
    process.on("SIGTERM", onSignal);
  });
}
