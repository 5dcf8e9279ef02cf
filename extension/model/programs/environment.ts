/**
 * The variables that terminals and debugged programs get from the approved tunnels
 * of a workspace folder and of the user. An entry that is not approved in
 * its present form sets no variables, even if its tunnel is open: opening a
 * repository must not set variables.
 */
import type { ApprovedEntry } from "../../../shared/contract/approved-entry.ts";
import type { LocalEnd } from "../../../shared/contract/connection-url.ts";
import { type Placeholders, placeholdersOf, tunnelEnvironment } from "../../../shared/contract/tunnel-environment.ts";
import { approvedEntry } from "../approved-entry.ts";
import { isOpen, type TunnelItem } from "../tunnel-item.ts";
import { localEnd } from "./local-end.ts";

/** A client's end that programs may be told to use. */
interface UsableEnd {
  readonly entry: ApprovedEntry;
  readonly listen: LocalEnd;
}

/** Variables that several tunnels set: none of these tunnels sets them. */
export interface EnvironmentConflict {
  readonly tunnels: readonly TunnelItem[];
  readonly variables: readonly string[];
}

/** What a folder's programs get. */
export interface FolderEnvironment {
  readonly variables: ReadonlyMap<string, string>;
  /** The tunnels that set the variables, in the order of the files. */
  readonly from: readonly TunnelItem[];
  readonly conflicts: readonly EnvironmentConflict[];
}

/**
 * Where programs reach an approved client's end that is open, or will reach one that is not; undefined: there is none,
 * only opening shows it (port 0), or a daemon of another version writes addresses differently.
 */
function usableEnd(item: TunnelItem, { open }: { readonly open: boolean }): UsableEnd | undefined {
  const entry = approvedEntry(item);
  const listen = entry?.role === "client" && isOpen(item) === open ? localEnd(item) : undefined;
  return entry && listen && { entry, listen };
}

/** URL, host and port of an open tunnel for programs; undefined as `usableEnd`. */
export function valuesOf(item: TunnelItem): Placeholders | undefined {
  const end = usableEnd(item, { open: true });
  return (
    end && placeholdersOf(item.name, { service: end.entry.service, listen: end.listen, tls: end.entry.tls, user: end.entry.user, database: end.entry.database })
  );
}

/** Whether a tunnel is for the programs of `folder` (undefined: a window without a folder): the folder's own tunnels, and the user's. */
export function isForFolder({ source }: TunnelItem, folder: string | undefined): boolean {
  return source.kind !== "workspace" || source.folder === folder;
}

/**
 * What the terminals of `folder` get: the variables of open tunnels, and those of closed ones whose address is known
 * before they are open and whose variables no other tunnel sets. So opening and closing such a tunnel changes nothing
 * for the terminals that are there.
 */
export function terminalEnvironment(items: readonly TunnelItem[], folder: string | undefined): FolderEnvironment {
  const inUse = settersOf(items, folder, { open: true });
  const open = environmentOf(inUse);
  const coming = singleOf(settersOf(items, folder, { open: false })).filter(({ variable }) => !inUse.has(variable));
  return {
    ...open,
    variables: new Map([...open.variables, ...coming.map(({ variable, value }) => [variable, value] as const)]),
    from: [...new Set([...open.from, ...coming.map(({ by }) => by)])],
  };
}

/** What the programs of `folder`, an absolute path, get from open tunnels; undefined: a window without a folder. */
export function folderEnvironment(items: readonly TunnelItem[], folder: string | undefined): FolderEnvironment {
  return environmentOf(settersOf(items, folder, { open: true }));
}

function environmentOf(setters: Setters): FolderEnvironment {
  const single = singleOf(setters);
  return {
    variables: new Map(single.map(({ variable, value }) => [variable, value])),
    from: [...new Set(single.map(({ by }) => by))],
    conflicts: conflictsIn([...setters].map(([variable, set]) => ({ variable, tunnels: set.map(({ by }) => by) }))),
  };
}

/** A variable that a tunnel sets. */
interface Setter {
  readonly value: string;
  readonly by: TunnelItem;
}

type Setters = ReadonlyMap<string, readonly Setter[]>;

/** Who sets which variable, of the open or of the other tunnels for `folder` that have an end. */
function settersOf(items: readonly TunnelItem[], folder: string | undefined, state: { readonly open: boolean }): Setters {
  const setters = new Map<string, readonly Setter[]>();
  for (const item of items.filter((one) => isForFolder(one, folder))) {
    const end = usableEnd(item, state);
    if (!end) continue;
    for (const [variable, value] of Object.entries(tunnelEnvironment(item.name, end.entry, end.listen))) {
      setters.set(variable, [...(setters.get(variable) ?? []), { value, by: item }]);
    }
  }
  return setters;
}

/** The variables that one tunnel alone sets. */
function singleOf(setters: Setters): readonly (Setter & { readonly variable: string })[] {
  return [...setters].flatMap(([variable, [first, ...others]]) => (first && others.length === 0 ? [{ variable, ...first }] : []));
}

/** Puts the variables that the same tunnels set into one conflict. */
function conflictsIn(all: readonly { readonly variable: string; readonly tunnels: readonly TunnelItem[] }[]): EnvironmentConflict[] {
  const found: { readonly tunnels: readonly TunnelItem[]; readonly variables: string[] }[] = [];
  for (const { variable, tunnels } of all) {
    if (tunnels.length < 2) continue;
    const known = found.find((one) => one.tunnels.length === tunnels.length && one.tunnels.every((item, index) => item === tunnels[index]));
    if (known) known.variables.push(variable);
    else found.push({ tunnels, variables: [variable] });
  }
  return found;
}
