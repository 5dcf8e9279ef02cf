/**
 * Tunnels and the start of a program: which tunnels must be open before it starts,
 * and how its configuration gets their variables. Values in launch.json always win.
 */

import { isOpen, type TunnelItem } from "../tunnel-item.ts";
import { isForFolder } from "./environment.ts";
import { type FoundTunnel, findTunnel } from "./find-tunnel.ts";

/** The value of the setting that means all tunnels with `autoOpen`. */
const ALL_AUTO_OPEN = "*";

/** Our choice: a tunnel verified this recently is not verified again; compounds and child sessions start several programs at once. */
const RECENT_MS = 60_000;

/** Debuggers that take `environment: [{ name, value }]` instead of `env: { name: value }`. */
const LIST_TYPES: readonly unknown[] = ["cppdbg", "cppvsdbg"];

/** The tunnels to open, or the first name that no tunnel has. */
export type LaunchTunnels = { readonly at: "known"; readonly items: readonly TunnelItem[] } | Extract<FoundTunnel, { readonly at: "unknown" }>;

/** What the setting `names` means in `folder`. */
export function launchTunnels(items: readonly TunnelItem[], names: readonly string[], folder: string | undefined): LaunchTunnels {
  const chosen = new Set<TunnelItem>();
  for (const name of names) {
    if (name === ALL_AUTO_OPEN) {
      for (const item of items) if (item.entry?.autoOpen && isForFolder(item, folder)) chosen.add(item);
      continue;
    }
    const found = findTunnel(items, name, folder);
    if (found.at === "unknown") return found;
    chosen.add(found.item);
  }
  return { at: "known", items: [...chosen] };
}

/** Whether a tunnel must be opened, or verified again, before a program relies on it. */
export function needsOpening(item: TunnelItem, nowMs: number): boolean {
  const { status, approval, wanted } = item;
  if (!wanted || approval.at !== "approved" || !status || !isOpen(item) || status.state === "degraded") return true;
  const verifiedAtMs = (status.service === "tcp" ? status.keyVerifiedAtMs : status.backendVerifiedAtMs) ?? 0;
  return nowMs - verifiedAtMs > RECENT_MS;
}

/** How names of variables are compared, and which variables are set elsewhere. */
export interface VariableRules {
  /** Set by launch.json's `envFile`. */
  readonly taken: ReadonlySet<string>;
  /** On Windows, names that differ only in case are the same. */
  readonly ignoreCase: boolean;
}

/** The configuration with `variables` added; its own variables win. A configuration whose `env` has an unknown form is not changed. */
export function withVariables<T extends Readonly<Record<string, unknown>>>(config: T, variables: ReadonlyMap<string, string>, rules: VariableRules): T {
  const fold = (name: string): string => (rules.ignoreCase ? name.toUpperCase() : name);
  const fresh = (own: Iterable<string>): [string, string][] => {
    const set = new Set([...own, ...rules.taken].map(fold));
    return [...variables].filter(([name]) => !set.has(fold(name)));
  };
  if (LIST_TYPES.includes(config["type"])) {
    const own: unknown = config["environment"] ?? [];
    if (!Array.isArray(own)) return config;
    const added = fresh(own.map((one: unknown) => String((one as { readonly name?: unknown } | null)?.name)));
    return added.length === 0 ? config : { ...config, environment: [...own, ...added.map(([name, value]) => ({ name, value }))] };
  }
  const own: unknown = config["env"] ?? {};
  if (typeof own !== "object" || own === null || Array.isArray(own)) return config;
  const added = fresh(Object.keys(own));
  return added.length === 0 ? config : { ...config, env: { ...own, ...Object.fromEntries(added) } };
}

/** The names that a file of NAME=value lines sets. */
export function namesInEnvFile(text: string): string[] {
  return [...text.matchAll(/^[ \t]*(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*=/gm)].map(([, name = ""]) => name);
}
