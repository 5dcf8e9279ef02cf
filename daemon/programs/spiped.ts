/**
 * `tunneld spiped`: spiped 1.6.4's command line on our proxy. Order of events,
 * exit codes and signals are spiped's; where this differs on purpose (a reason
 * for every failure, a socket that is removed at the end) README says so.
 */
import * as fs from "node:fs";
import { formatAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import { readKeyFile } from "../keys/key-file.ts";
import type { SharedKey } from "../protocol/keys.ts";
import { Forwarder, type ForwarderEvent } from "../proxy/forwarder.ts";
import { RouteStats } from "../proxy/stats.ts";
import { type ResolvedAddress, Target } from "../proxy/target.ts";
import type { CommandContext } from "./context.ts";
import { detachedChild, runDetached } from "./daemonize.ts";
import { RepeatGuard, stderrLines, syslogLines, type WriteLine } from "./event-log.ts";
import { dropPrivileges, parseIdentity } from "./privileges.ts";
import { parseSpiped, type SpipedOptions } from "./spiped-options.ts";

/** spiped -D looks a name up again this often. */
const DNS_RETRY_MS = 1_000;

/**
 * Runs until drained by SIGTERM; resolves to the exit code.
 * @throws TunnelError for anything that keeps it from starting; nothing is left behind then.
 */
export async function runSpiped(args: readonly string[], context: CommandContext): Promise<number> {
  const options = parseSpiped(args);
  const identity = options.user === undefined ? undefined : parseIdentity(options.user);
  const child = detachedChild();
  if (!options.foreground && !child) return await runDetached(context.selfArgv);
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
    if (wrotePidFile) fs.rmSync(options.pidFile, { force: true });
    throw error;
  }
  if (!early) child?.ready();
  await serving.drained;
  return 0;
}

/** What listens, and its end. */
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
    const forwarder = makeForwarder({ options, context, key, target, bind, warn });
    // Before it listens: whoever sees that it does may end it, and its socket must not stay behind.
    const terminated = untilTerminated();
    await forwarder.listen({ address: listenAt });
    return { forwarder, drained: terminated.then(() => forwarder.drain({ keepListening: true })) };
  } catch (error) {
    target.dispose();
    throw error;
  }
}

interface Parts {
  readonly options: SpipedOptions;
  readonly context: CommandContext;
  readonly key: SharedKey;
  readonly target: Target;
  readonly bind: ResolvedAddress | undefined;
  readonly warn: WriteLine;
}

function makeForwarder({ options, context, key, target, bind, warn }: Parts): Forwarder {
  const guard = new RepeatGuard(warn);
  return new Forwarder({
    settings: {
      role: options.role,
      suite: context.suite(),
      random: context.random,
      clock: context.clock,
      forwardSecrecy: options.forwardSecrecy,
      connectTimeoutMs: options.timeoutMs,
      handshakeTimeoutMs: options.timeoutMs,
      keepAlive: options.keepAlive,
    },
    routes: [{ name: formatAddress(options.source), keys: [key], target, bind, maxConnections: options.maxConnections, stats: new RouteStats() }],
    limitPolicy: "wait",
    onEvent: (event) => report(event, guard),
  });
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
      return;
  }
}

/** The first address of a name; with `patient` (-D) tries until there is one. */
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

function writePidFile(path: string): void {
  try {
    fs.writeFileSync(path, String(process.pid));
  } catch (cause) {
    throw new TunnelError("CONFIG_INVALID", `can't write the pid file ${path}: ${(cause as Error).message}; choose another with -p`, { cause });
  }
}

/** SIGTERM: serve nobody new, end with the last connection, the port open meanwhile. A second one ends at once. */
function untilTerminated(): Promise<void> {
  if (process.pid === 1) process.once("SIGINT", () => process.exit(0));
  return new Promise((resolve) => {
    process.once("SIGTERM", () => {
      // As process 1 (in a container) no signal ends a process by default.
      if (process.pid === 1) process.once("SIGTERM", () => process.exit(143));
      resolve();
    });
  });
}
