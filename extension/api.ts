/**
 * What other extensions get from `activate()`: docs/API.md. Plain, frozen data
 * and a few functions; each function needs the same approval and trust as a click.
 * Rule of change: fields are only added; any other change needs a new `version`.
 */

import type { TunnelState } from "../shared/contract/state.ts";
import type { TunnelRef } from "../shared/contract/tunnel-ref.ts";
import type { Service } from "../shared/contract/tunnels-file.ts";
import { TunnelError } from "../shared/errors.ts";
import { plainText } from "../shared/plain-text.ts";
import { type Disposable, Disposables, Emitter } from "./emitter.ts";
import { type FreshSource, freshItems, itemOf } from "./integration/fresh-items.ts";
import { approvedEntry } from "./model/approved-entry.ts";
import { valuesOf } from "./model/programs/environment.ts";
import { findTunnel, unknownTunnelText } from "./model/programs/find-tunnel.ts";
import type { Translate } from "./model/translate.ts";
import { isOpen, refOf, stateOf, type TunnelItem } from "./model/tunnel-item.ts";
import type { TunnelActions } from "./tunnels/tunnel-actions.ts";
import type { TunnelStore } from "./tunnels/tunnel-store.ts";

/** A tunnel of this window at one moment; it does not change afterwards. */
export interface ApiTunnel {
  readonly name: string;
  /** Absolute path of the tunnels.json; path and name together identify the tunnel. */
  readonly configPath: string;
  readonly source: "workspace" | "personal" | "ad-hoc";
  /** Absolute path of the workspace folder; undefined for the others. */
  readonly folder: string | undefined;
  /** This and the next three: from the entry if it is approved as it stands, else from the running (approved) tunnel, else undefined. */
  readonly role: "client" | "server" | undefined;
  readonly service: Service | undefined;
  readonly target: string | undefined;
  readonly group: string | undefined;
  readonly state: TunnelState;
  /** Whether clients can connect. */
  readonly isOpen: boolean;
  /** For clients of an open, approved tunnel, else undefined. For a unix socket, host is the socket's path and port is empty. */
  readonly url: string | undefined;
  readonly host: string | undefined;
  readonly port: string | undefined;
}

/** A name (the workspace's tunnel comes before the user's own), or a reference to exactly one tunnel. */
export type ApiTunnelRef = string | TunnelRef;

/** An event in the form of vscode.Event. */
export type ApiEvent = (listener: () => unknown, thisArg?: unknown, disposables?: Disposable[]) => Disposable;

/** The exports of the extension. Promises reject with an Error that has a `code`, one of docs/CODES.md. */
export interface TunnelsApi {
  readonly version: 1;
  /** All tunnels of this window, in the order of their files. */
  tunnels(): readonly ApiTunnel[];
  /** Something in `tunnels()` has changed. */
  readonly onDidChange: ApiEvent;
  /** Opens a tunnel and verifies it with one connection; the user may be asked. NOT_APPROVED: the user said no. */
  open(tunnel: ApiTunnelRef): Promise<ApiTunnel>;
  /** Gives the tunnel up for this window; true: the tunnel is closed for all windows. */
  close(tunnel: ApiTunnelRef): Promise<boolean>;
  /** The connection URL of a tunnel; a closed tunnel is opened first. */
  url(tunnel: ApiTunnelRef): Promise<string>;
}

/** What the API is made from. */
export interface ApiParts extends FreshSource {
  readonly store: FreshSource["store"] & Pick<TunnelStore, "onDidChange">;
  readonly actions: Pick<TunnelActions, "open" | "close">;
  readonly t: Translate;
  /** A listener of another extension threw. */
  readonly onListenerError: (error: unknown) => void;
}

/** Makes the API. Owned by the caller: `dispose` ends its events. */
export function createApi(parts: ApiParts): { readonly api: TunnelsApi } & Disposable {
  const { store, actions, t } = parts;
  const owned = new Disposables();
  const changed = owned.add(new Emitter<void>());
  let last = snapshot(store.items);
  owned.add(
    store.onDidChange(() => {
      const now = snapshot(store.items);
      if (JSON.stringify(now) === JSON.stringify(last)) return;
      last = now;
      changed.fire();
    }),
  );
  const open = async (tunnel: ApiTunnelRef): Promise<ApiTunnel> => {
    const item = find(tunnel, parts);
    const result = await actions.open(item);
    if (result.at === "failed") throw result.error;
    if (result.at === "cancelled") throw new TunnelError("NOT_APPROVED", t("Opening the tunnel {0} was cancelled.", item.name));
    return apiTunnel({ ...(itemOf(await freshItems(parts), refOf(item)) ?? item), status: result.status });
  };
  const api: TunnelsApi = {
    version: 1,
    tunnels: () => snapshot(store.items),
    onDidChange: (listener, thisArg, disposables) => {
      const listening = changed.event(() => {
        try {
          listener.call(thisArg);
        } catch (error) {
          parts.onListenerError(error);
        }
      });
      disposables?.push(listening);
      return listening;
    },
    open,
    close: async (tunnel) => await actions.close(find(tunnel, parts)),
    url: async (tunnel) => {
      const item = find(tunnel, parts);
      if (item.entry?.role === "server")
        throw new TunnelError("CONFIG_INVALID", t("The tunnel {0} is a server's end: programs don't connect to it.", item.name));
      const url = valuesOf(item)?.url ?? (await open(refOf(item))).url;
      if (url === undefined) throw new TunnelError("DAEMON_UNREACHABLE", t("The tunnel {0} closed right after it opened.", item.name));
      return url;
    },
  };
  return { api: Object.freeze(api), dispose: () => owned.dispose() };
}

/** @throws TunnelError CONFIG_INVALID when there is no such tunnel */
function find(tunnel: unknown, { store, t }: Pick<ApiParts, "store" | "t">): TunnelItem {
  if (typeof tunnel === "object" && tunnel !== null && "name" in tunnel && "configPath" in tunnel) {
    const item = itemOf(store.items, { name: String(tunnel.name), configPath: String(tunnel.configPath) });
    if (item) return item;
    throw new TunnelError("CONFIG_INVALID", t('There is no tunnel "{0}". Look at the names in tunnels.json.', plainText(String(tunnel.name))));
  }
  const found = findTunnel(store.items, String(tunnel), undefined);
  if (found.at === "found") return found.item;
  throw new TunnelError("CONFIG_INVALID", unknownTunnelText(found, t));
}

function snapshot(items: readonly TunnelItem[]): readonly ApiTunnel[] {
  return Object.freeze(items.map(apiTunnel));
}

function apiTunnel(item: TunnelItem): ApiTunnel {
  const { name, source, status } = item;
  const entry = approvedEntry(item);
  const running = isOpen(item) ? status : undefined;
  const values = valuesOf(item);
  return Object.freeze({
    name,
    configPath: source.configPath,
    source: source.kind,
    folder: source.folder,
    role: entry?.role ?? running?.role,
    service: entry?.service ?? running?.service,
    target: entry?.target ?? running?.target,
    group: entry?.group,
    state: stateOf(item),
    isOpen: isOpen(item),
    url: values?.url,
    host: values?.host,
    port: values?.port,
  });
}
