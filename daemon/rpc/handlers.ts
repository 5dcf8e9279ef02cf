/**
 * What each request does, in terms of the manager and its neighbours. No I/O of
 * its own; parameters have been validated by the session.
 */
import type { Params, Result } from "../../shared/contract/methods.ts";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import type { TunnelEntry } from "../../shared/contract/tunnels-file.ts";
import { TunnelError, wordsOf } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { quote } from "../../shared/plain-text.ts";
import { notSaved } from "../tunnels/daemon-state.ts";
import { type Planned, wipe } from "../tunnels/plan.ts";
import type { Probed } from "../tunnels/probe-tunnel.ts";
import type { HandlerContext } from "./context.ts";
import { handleDiagnose } from "./diagnose-handler.ts";
import { keyHandlers } from "./key-handlers.ts";
import type { ClientHandle, Handlers } from "./session.ts";

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
    "tunnel/close": (client, { force = false, cut, ...ref }) => manager.close(client.holder, ref, force, cut),
    "tunnel/restart": (_, ref) => manager.restart(ref),
    "tunnel/probe": async (_, ref) => {
      const { status, probed } = await manager.probe(ref);
      return { ...status, ...(probed && { probed: probedOf(probed) }) };
    },
    "tunnel/diagnose": (client, ref) => handleDiagnose(context, client, ref),
    "pin/add": (_, ref) => manager.pin(ref),
    "pin/remove": async (_, ref) => ({ removed: await manager.unpin(ref) }),
    ...keyHandlers(context),
    "approvals/list": (_, params) => listApprovals(context, params),
    "approvals/grant": (_, params) => grant(context, params),
    "approvals/revoke": async (_, ref) => {
      const { revoked, saved } = context.approvals.revoke(ref);
      await manager.evict(ref);
      const unsaved = await saved;
      if (unsaved) throw notSaved(message("the approval of {0} is revoked, but only until the daemon ends", quote(ref.name)), unsaved);
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
      // If two windows upgrade at once, each successor would get the same listeners, and both would be the daemon.
      replacing ??= control.replace(program).finally(() => {
        replacing = undefined;
      });
      return { pid: await replacing };
    },
  };
}

/** Entries with a mistake are among the problems; entries that can't be planned for another reason (no key) are listed apart. */
async function listApprovals(context: HandlerContext, params: Params<"approvals/list">): Promise<Result<"approvals/list">> {
  const config = context.configs.refresh(params.configPath);
  const names = params.names ?? [...config.entries.keys()];
  const result: Result<"approvals/list"> = { pending: [], approved: [], problems: [...config.problems] };
  for (const name of names) {
    const ref: TunnelRef = { configPath: params.configPath, name };
    const planned = await tryPlan(context, ref);
    if (!planned) continue;
    if (planned instanceof TunnelError) {
      result.unplannable = [...(result.unplannable ?? []), { name, ...wordsOf(planned) }];
      continue;
    }
    const { facts, entry } = planned;
    if (context.approvals.isApproved(ref, facts.digest)) result.approved.push({ name, digest: facts.digest, entry });
    else result.pending.push(facts);
  }
  if (!context.manager.uses(params.configPath)) context.configs.release(params.configPath);
  return result;
}

/** undefined: there is no entry of this name that could be used. */
async function tryPlan(context: HandlerContext, ref: TunnelRef): Promise<(Pick<Planned, "facts"> & { readonly entry: TunnelEntry }) | TunnelError | undefined> {
  const entry = context.configs.get(ref.configPath).entries.get(ref.name);
  if (!entry) return undefined;
  try {
    const planned = await context.planner.plan(ref, entry);
    // The plan was only looked at: nobody will run it.
    wipe(planned.plan);
    return { facts: planned.facts, entry };
  } catch (error) {
    if (error instanceof TunnelError) return error;
    throw error;
  }
}

async function grant(context: HandlerContext, { digest, ...ref }: Params<"approvals/grant">): Promise<Result<"approvals/grant">> {
  context.configs.refresh(ref.configPath);
  const planned = await tryPlan(context, ref);
  if (!planned || planned instanceof TunnelError)
    throw new TunnelError("CONFIG_INVALID", message('"{0}" of {1} can\'t be opened as it stands: see its problem first', ref.name, ref.configPath));
  await context.approvals.approve(ref, { digest, currentDigest: planned.facts.digest });
  await context.manager.refresh((other) => other.configPath === ref.configPath && other.name === ref.name);
  return { granted: true };
}

/** The result of a probe, for the wire. */
function probedOf({ failure, advice }: Probed): NonNullable<Result<"tunnel/probe">["probed"]> {
  return { code: failure?.code ?? null, message: failure?.message ?? "", ...(advice !== undefined && { advice }) };
}
