/** Configuration files, for those who use them: what a file says, read and watched. */
import type { Problem } from "../../shared/contract/methods.ts";
import type { TunnelEntry } from "../../shared/contract/tunnels-file.ts";

/** A configuration file as it stands. */
export interface ConfigState {
  readonly entries: ReadonlyMap<string, TunnelEntry>;
  readonly problems: readonly Problem[];
  /** Entries that are there but have a fault: what runs under these names keeps running. */
  readonly faults: ReadonlyMap<string, Problem>;
  /** The file can't be read as a whole: what runs keeps running. */
  readonly broken: boolean;
}

/** Configuration files, read and watched. */
export interface ConfigSource {
  /** The file now; starts watching it. */
  get(configPath: string): ConfigState;
  /** Nobody needs the file any more. */
  release(configPath: string): void;
}
