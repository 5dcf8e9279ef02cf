/**
 * The variables that terminals and debugged programs get from tunnels: what the
 * open, approved ones of a workspace folder and of the user give, put together.
 * An entry that nobody has approved in its present form gives nothing, whatever
 * its port does: a repository must not set variables by being opened.
 */
import { type LocalEnd, localEndOf, type Placeholders, placeholdersOf, tunnelEnvironment } from "../../../shared/contract/connection-url.ts";
import type { TunnelEntry } from "../../../shared/contract/tunnels-file.ts";
import { TunnelError } from "../../../shared/errors.ts";
import { isOpen, type TunnelItem } from "../tunnel-item.ts";

/** A client's end that programs may be sent to. */
interface UsableEnd {
  readonly entry: TunnelEntry;
  readonly listen: LocalEnd;
}

/** Variables that several tunnels set to something: none of them gets its way. */
export interface EnvironmentConflict {
  readonly tunnels: readonly TunnelItem[];
  readonly variables: readonly string[];
}

/** What a folder's programs get. */
export interface FolderEnvironment {
  readonly variables: ReadonlyMap<string, string>;
  /** The tunnels that give them, in the order of the files. */
  readonly from: readonly TunnelItem[];
  readonly conflicts: readonly EnvironmentConflict[];
}

/** Where programs reach the tunnel; undefined unless it is an approved client's end that is open. */
function usableEnd({ entry, status, approval, ...item }: TunnelItem): UsableEnd | undefined {
  if (!entry || !status || entry.role !== "client" || approval.at !== "approved" || !isOpen({ entry, status, approval, ...item })) return undefined;
  try {
    return { entry, listen: localEndOf(status.listen) };
  } catch (error) {
    // The daemon of another version, which words its addresses otherwise: no reason to fail as a whole.
    if (error instanceof TunnelError) return undefined;
    throw error;
  }
}

/** URL, host and port of the tunnel for programs; undefined as `usableEnd`. */
export function valuesOf(item: TunnelItem): Placeholders | undefined {
  const end = usableEnd(item);
  return end && placeholdersOf(item.name, { service: end.entry.service, listen: end.listen, user: end.entry.user, database: end.entry.database });
}

/** Whether a tunnel is for the programs of `folder` (undefined: a window without a folder): its own, and those of the user. */
export function isForFolder({ source }: TunnelItem, folder: string | undefined): boolean {
  return source.kind !== "workspace" || source.folder === folder;
}

/** What the programs of `folder`, an absolute path, get; undefined: a window without a folder. */
export function folderEnvironment(items: readonly TunnelItem[], folder: string | undefined): FolderEnvironment {
  const setters = new Map<string, { readonly value: string; readonly by: TunnelItem }[]>();
  for (const item of items.filter((one) => isForFolder(one, folder))) {
    const end = usableEnd(item);
    if (!end) continue;
    for (const [variable, value] of Object.entries(tunnelEnvironment(item.name, end.entry, end.listen))) {
      setters.set(variable, [...(setters.get(variable) ?? []), { value, by: item }]);
    }
  }
  const single = [...setters].flatMap(([variable, [first, ...others]]) => (first && others.length === 0 ? [{ variable, ...first }] : []));
  return {
    variables: new Map(single.map(({ variable, value }) => [variable, value])),
    from: [...new Set(single.map(({ by }) => by))],
    conflicts: conflictsIn([...setters].map(([variable, set]) => ({ variable, tunnels: set.map(({ by }) => by) }))),
  };
}

/** Variables that the same tunnels are at odds about are told of together. */
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
