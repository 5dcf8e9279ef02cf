/** Tunnels of a window, for tests of the texts and views made from them. */
import assert from "node:assert/strict";
import type { TunnelItem, TunnelSource } from "../../extension/model/tunnel-item.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { tunnelStatus } from "./status.ts";
import { CONFIG_PATH, entryText, fileText, parse } from "./tunnels-json.ts";

export const FOLDER = "/srv/app";
const OTHER_FOLDER = "/srv/other";

const WORKSPACE: TunnelSource = { kind: "workspace", configPath: CONFIG_PATH, label: "app", folder: FOLDER };
export const OTHER: TunnelSource = { kind: "workspace", configPath: `${OTHER_FOLDER}/.vscode/tunnels.json`, label: "other", folder: OTHER_FOLDER };
export const PERSONAL: TunnelSource = { kind: "personal", configPath: "/home/me/tunnels.json", label: "My tunnels", folder: undefined };

/** What a test sets of a tunnel; the default is an open, approved Redis called "cache" at 127.0.0.1:6579. */
export interface ItemOptions {
  readonly source?: TunnelSource;
  readonly name?: string;
  /** More properties of its entry. */
  readonly entry?: Readonly<Record<string, unknown>>;
  /** null: the daemon does not know it. */
  readonly status?: Partial<TunnelStatus> | null;
  readonly more?: Partial<TunnelItem>;
}

/** A tunnel of a window. */
export function tunnelItem({ source = WORKSPACE, name = "cache", entry = {}, status = {}, more = {} }: ItemOptions = {}): TunnelItem {
  const { entries, places, problems } = parse(fileText({ [name]: entryText({ service: "redis", ...entry }) }));
  assert.deepEqual(problems, []);
  return {
    source,
    name,
    entry: entries.get(name),
    fault: undefined,
    place: places.get(name),
    status: status === null ? undefined : tunnelStatus({ name, configPath: source.configPath, ...status }),
    approval: { at: "approved" },
    wanted: true,
    busy: false,
    ...more,
  };
}
