/**
 * What each request does, in terms of the manager and its neighbours. No I/O of
 * its own; parameters have been validated by the session.
 */
import type { LogEntry, Params, Result } from "../../shared/contract/methods.ts";
import type { DaemonStatus } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import type { ConfigStore } from "../config/config-store.ts";
import type { KeyFolder } from "../keys/key-folder.ts";
import type { SessionKeys } from "../keys/session-keys.ts";
import type { Approvals } from "../tunnels/approvals.ts";
import type { TunnelRef } from "../tunnels/daemon-state.ts";
import type { Manager } from "../tunnels/manager.ts";
import { type Planned, type Planner, wipe } from "../tunnels/planned.ts";
import { type DiagnosisMachine, handleDiagnose } from "./diagnose-handler.ts";
import { keyHandlers } from "./key-handlers.ts";
import type { ClientHandle, Handlers } from "./session.ts";

/** A line of the log's level. */
type Level = LogEntry["level"];

/** The log, as far as clients are concerned. */
export interface LogSource {
  replay(count: number, level: Level): readonly LogEntry[];
  /** Returns how to end it. */
  subscribe(subscription: { readonly level: Level; readonly onEntry: (entry: LogEntry) => void }): () => void;
}

/** What the daemon itself can be told to do. */
export interface DaemonControl {
  status(): DaemonStatus;
  drain(deadlineMs: number | undefined): void;
  shutdown(): void;
  /** Resolves to the successor's process id. */
  replace(program: string): Promise<number>;
}

/** Everything the requests act on. */
export interface HandlerContext {
  readonly manager: Manager;
  readonly configs: ConfigStore;
  readonly planner: Planner;
  readonly approvals: Approvals;
  readonly keyFolder: KeyFolder;
  readonly sessionKeys: SessionKeys;
  readonly log: LogSource;
  readonly control: DaemonControl;
  readonly machine: DiagnosisMachine;
}

/** Subscriptions of one client; a new one of a kind replaces the old. */
interface Subscriptions {
  log?: () => void;
  stats?: () => void;
}

/** The handlers of every request. */
export function createHandlers(context: HandlerContext): Handlers {
  const { manager, configs, log, control } = context;
  const subscriptions = new WeakMap<ClientHandle, Subscriptions>();
  const of = (client: ClientHandle): Subscriptions => {
    const known = subscriptions.get(client);
    if (known) return known;
    const mine: Subscriptions = {};
    subscriptions.set(client, mine);
    client.onGone(() => {
      mine.log?.();
      mine.stats?.();
    });
    return mine;
  };
  const subscribe = (client: ClientHandle, kind: keyof Subscriptions, start: () => () => void): void => {
    const mine = of(client);
    mine[kind]?.();
    mine[kind] = start();
  };
  const unsubscribe = (client: ClientHandle, kind: keyof Subscriptions): Record<string, never> => {
    const mine = of(client);
    mine[kind]?.();
    delete mine[kind];
    return {};
  };

  let replacing: Promise<number> | undefined;

  return {
    hello: () => control.status(),
    "tunnels/set": async (client, params) => {
      const tunnels = await manager.set(client.holder, params);
      return { tunnels, problems: [...configs.get(params.configPath).problems] };
    },
    "tunnels/list": () => ({ daemon: control.status(), tunnels: manager.list() }),
    "tunnel/open": async (client, { scope = "open", probe, ...ref }) => {
      const opened = await manager.open(client.holder, ref, scope);
      return probe ? (await manager.probe(ref)).status : opened;
    },
    "tunnel/close": (client, { force = false, ...ref }) => manager.close(client.holder, ref, force),
    "tunnel/restart": (_, ref) => manager.restart(ref),
    "tunnel/probe": async (_, ref) => {
      const { status, probed } = await manager.probe(ref);
      return { ...status, ...(probed && { probed: { code: probed.failure?.code ?? null, message: probed.failure?.message ?? "" } }) };
    },
    "tunnel/diagnose": (client, ref) => handleDiagnose(context, client, ref),
    "pin/add": (_, ref) => manager.pin(ref),
    "pin/remove": async (_, ref) => ({ removed: await manager.unpin(ref) }),
    ...keyHandlers(context),
    "approvals/list": (_, params) => listApprovals(context, params),
    "approvals/grant": (_, params) => grant(context, params),
    "approvals/revoke": async (_, ref) => {
      const revoked = context.approvals.revoke(ref);
      await manager.evict(ref);
      return { revoked };
    },
    "log/subscribe": (client, { replay = 0, level = "info" }) => {
      const replayed = [...log.replay(replay, level)];
      subscribe(client, "log", () => log.subscribe({ level, onEntry: (entry) => client.notify("log/entry", entry) }));
      return { replayed };
    },
    "log/unsubscribe": (client) => unsubscribe(client, "log"),
    "stats/subscribe": (client, { intervalMs }) => {
      subscribe(client, "stats", () => {
        const timer = setInterval(() => client.notify("stats/sample", { atMs: Date.now(), tunnels: manager.list() }), intervalMs);
        return () => clearInterval(timer);
      });
      return {};
    },
    "stats/unsubscribe": (client) => unsubscribe(client, "stats"),
    "daemon/drain": (_, { deadlineMs }) => {
      control.drain(deadlineMs);
      return {};
    },
    "daemon/shutdown": () => {
      control.shutdown();
      return {};
    },
    "daemon/replace": async (_, { program }) => {
      // Two windows upgrade at once: each successor would get the same listeners, and both would be the daemon.
      replacing ??= control.replace(program).finally(() => {
        replacing = undefined;
      });
      return { pid: await replacing };
    },
  };
}

/** Entries with a mistake are among the problems; ones that can't be planned for another reason (no key) stand apart. */
async function listApprovals(context: HandlerContext, params: Params<"approvals/list">): Promise<Result<"approvals/list">> {
  const config = context.configs.refresh(params.configPath);
  const names = params.names ?? [...config.entries.keys()];
  const result: Result<"approvals/list"> = { pending: [], approved: [], problems: [...config.problems] };
  for (const name of names) {
    const ref: TunnelRef = { configPath: params.configPath, name };
    const planned = await tryPlan(context, ref);
    if (!planned) continue;
    if (planned instanceof TunnelError) {
      result.unplannable = [...(result.unplannable ?? []), { name, code: planned.code, message: planned.message }];
      continue;
    }
    const { facts } = planned;
    if (context.approvals.isApproved(ref, facts.digest)) result.approved.push({ name, digest: facts.digest });
    else result.pending.push(facts);
  }
  if (!context.manager.uses(params.configPath)) context.configs.release(params.configPath);
  return result;
}

/** undefined: there is no entry of this name that could be used. */
async function tryPlan(context: HandlerContext, ref: TunnelRef): Promise<Planned | TunnelError | undefined> {
  const entry = context.configs.get(ref.configPath).entries.get(ref.name);
  if (!entry) return undefined;
  try {
    const planned = await context.planner.plan(ref, entry);
    // Only looked at: nobody will run it.
    wipe(planned.plan);
    return planned;
  } catch (error) {
    if (error instanceof TunnelError) return error;
    throw error;
  }
}

async function grant(context: HandlerContext, { digest, ...ref }: Params<"approvals/grant">): Promise<Result<"approvals/grant">> {
  context.configs.refresh(ref.configPath);
  const planned = await tryPlan(context, ref);
  if (!planned || planned instanceof TunnelError)
    throw new TunnelError("CONFIG_INVALID", `"${ref.name}" of ${ref.configPath} can't be opened as it stands: see its problem first`);
  context.approvals.approve(ref, { digest, currentDigest: planned.facts.digest });
  await context.manager.refresh((other) => other.configPath === ref.configPath && other.name === ref.name);
  return { granted: true };
}
