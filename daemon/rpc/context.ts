/** What the requests act on: the parts of the daemon, as far as clients are concerned. */
import type { LogEntry } from "../../shared/contract/methods.ts";
import type { DaemonStatus } from "../../shared/contract/state.ts";
import type { ConfigStore } from "../config/config-store.ts";
import type { KeyFolder } from "../keys/key-folder.ts";
import type { SessionKeys } from "../keys/session-keys.ts";
import type { Approvals } from "../tunnels/approvals.ts";
import type { Manager } from "../tunnels/manager.ts";
import type { Planner } from "../tunnels/plan.ts";
import type { TunnelContext } from "../tunnels/tunnel.ts";

/** The level of a log line. */
type Level = LogEntry["level"];

/** The log, as far as clients are concerned. */
export interface LogSource {
  replay(count: number, level: Level): readonly LogEntry[];
  /** Returns a function that ends the subscription. */
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

/** What a diagnosis needs of the machine. */
export type DiagnosisMachine = Pick<TunnelContext, "suite" | "random" | "clock" | "lookup" | "isOwnSocket">;
