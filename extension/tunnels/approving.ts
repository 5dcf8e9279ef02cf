/**
 * The order of an approval: the daemon is asked about an entry as it stands, the
 * user sees what it would do, and exactly the digest that was shown is granted. For
 * several entries there is one question. Shows nothing itself.
 */
import type { ApprovalFacts, Problem } from "../../shared/contract/methods.ts";
import type { TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { type ErrorCode, errorFrom, TunnelError } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import type { DaemonLink } from "./daemon-link.ts";
import type { TunnelStore } from "./tunnel-store.ts";

/** What follows a yes, which the button names. open: the tunnel opens. review: the user chooses. use: what the user was about to do goes on. */
export type ApprovalPurpose = "open" | "review" | "use";

/** How the user is asked. */
export interface ApprovalUi {
  /** May exactly this tunnel be opened? "open": yes, and now; true: yes, but not now. */
  askApproval(facts: ApprovalFacts, purpose: ApprovalPurpose): Promise<boolean | "open">;
  /** The same question about several tunnels at once; resolves to those that the user has ticked, empty when there are none. */
  askApprovals(facts: readonly ApprovalFacts[]): Promise<readonly ApprovalFacts[]>;
}

/** before: it was approved already. now: the user has just said yes. open: the same, and it is to open. */
export type Approved = "no" | "before" | "now" | "open";

/** What the approvals work on. */
export interface ApprovingParts {
  readonly link: Pick<DaemonLink, "request">;
  readonly store: Pick<TunnelStore, "find" | "refreshApprovals">;
  readonly ui: ApprovalUi;
}

/** See the file's header. */
export class Approving {
  readonly #link: ApprovingParts["link"];
  readonly #store: ApprovingParts["store"];
  readonly #ui: ApprovalUi;

  constructor({ link, store, ui }: ApprovingParts) {
    this.#link = link;
    this.#store = store;
    this.#ui = ui;
  }

  /**
   * Asks for approval of an entry, if it needs one.
   * @throws TunnelError of the daemon; CONFIG_INVALID if the entry is gone; the code that keeps it from being planned, such as KEY_NOT_FOUND
   */
  async ask(item: TunnelItem, purpose: ApprovalPurpose): Promise<Approved> {
    const facts = await this.#factsOf(item);
    if (!facts) return "before";
    const answer = await this.#ui.askApproval(facts, purpose);
    if (answer === false) return "no";
    await this.#grant(facts, refOf(item));
    return answer === "open" ? "open" : "now";
  }

  /** Asks about several entries with one question. Each result is as {@link ask} would end: it resolves or throws the same. */
  async askAll(items: readonly TunnelItem[]): Promise<ReadonlyMap<TunnelItem, () => Promise<Approved>>> {
    const results = new Map<TunnelItem, () => Promise<Approved>>();
    const pending = new Map<ApprovalFacts, TunnelItem>();
    for (const item of items) {
      try {
        const facts = await this.#factsOf(item);
        if (facts) pending.set(facts, item);
        else results.set(item, () => Promise.resolve("before"));
      } catch (error) {
        if (!(error instanceof TunnelError)) throw error;
        const failed = (): Promise<Approved> => Promise.reject(error);
        results.set(item, failed);
        // Without a daemon there is nobody to ask about the others.
        if (isOfDaemon(error)) return new Map(items.map((one) => [one, results.get(one) ?? failed]));
      }
    }
    for (const [item, result] of await this.#grantTicked(pending)) results.set(item, result);
    return results;
  }

  /** One question, then one grant for each that was ticked. The store asks once for each file, not for each tunnel. */
  async #grantTicked(pending: ReadonlyMap<ApprovalFacts, TunnelItem>): Promise<readonly (readonly [TunnelItem, () => Promise<Approved>])[]> {
    const ticked = new Set(await this.#ticked([...pending.keys()]));
    const results: (readonly [TunnelItem, () => Promise<Approved>])[] = [];
    for (const [facts, item] of pending) {
      const granting = ticked.has(facts) ? this.#link.request("approvals/grant", { ...refOf(item), digest: facts.digest }) : undefined;
      const failure = await granting?.then(() => undefined, tunnelErrorOf);
      results.push([item, () => (failure ? Promise.reject(failure) : Promise.resolve(granting ? "now" : "no"))]);
    }
    for (const file of new Set([...ticked].map((facts) => pending.get(facts)?.source.configPath))) await this.#store.refreshApprovals(file);
    return results;
  }

  /** One tunnel is asked about in the dialog that it would have alone. */
  async #ticked(pending: readonly ApprovalFacts[]): Promise<readonly ApprovalFacts[]> {
    const [first, second] = pending;
    if (!first) return [];
    if (second) return await this.#ui.askApprovals(pending);
    return (await this.#ui.askApproval(first, "open")) === false ? [] : [first];
  }

  /** What the user has to be asked; undefined: the entry is approved as it stands. */
  async #factsOf(item: TunnelItem): Promise<ApprovalFacts | undefined> {
    const ref = refOf(item);
    if (item.fault) throw new TunnelError("CONFIG_INVALID", said(item.fault) as Message | string);
    const { pending, approved, problems, unplannable = [] } = await this.#link.request("approvals/list", { configPath: ref.configPath, names: [ref.name] });
    const obstacle = unplannable.find(({ name }) => name === ref.name);
    if (obstacle) throw errorFrom({ ...obstacle, code: obstacle.code as ErrorCode });
    const facts = pending.find(({ name }) => name === ref.name);
    if (facts) return facts;
    if (!approved.some(({ name }) => name === ref.name)) {
      // The daemon has read the file again: the entry may have been removed or broken since it was shown.
      throw new TunnelError("CONFIG_INVALID", said(problems[0]) ?? message("there is no tunnel {0} in {1}", ref.name, ref.configPath));
    }
    // It may have been approved in another window, without the store's knowledge.
    if (this.#store.find(ref)?.approval.at !== "approved") await this.#store.refreshApprovals(ref.configPath);
    return undefined;
  }

  async #grant({ digest }: ApprovalFacts, ref: TunnelRef): Promise<void> {
    await this.#link.request("approvals/grant", { ...ref, digest });
    await this.#store.refreshApprovals(ref.configPath);
  }
}

function said(problem: Problem | undefined): Message | string | undefined {
  return problem?.text ?? problem?.message;
}

function tunnelErrorOf(error: unknown): TunnelError {
  if (error instanceof TunnelError) return error;
  throw error;
}

/** Whether the daemon itself failed: then requests for other tunnels would fail, too. */
export function isOfDaemon({ code }: TunnelError): boolean {
  return code === "DAEMON_UNREACHABLE" || code === "DAEMON_VERSION";
}
