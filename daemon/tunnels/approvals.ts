/**
 * Which entries the user has approved, and in which form. A file from a repository
 * opens nothing by itself: an entry runs only while its digest is the approved
 * one. The caller says where approvals are kept; an approval that can't be read
 * back does not count.
 */
import * as z from "zod";
import { refKey, sameRef, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { quote } from "../../shared/plain-text.ts";
import { notSaved } from "./daemon-state.ts";

/** Our choice: beyond this the oldest approvals are dropped, and the user is asked for them again. */
const MAX_APPROVALS = 10_000;

const approvalSchema = z.object({ configPath: z.string(), name: z.string(), digest: z.string().regex(/^[0-9a-f]{64}$/), atMs: z.number() });

/** One approval. */
export type Approval = z.output<typeof approvalSchema>;

/** Where approvals are kept. */
export interface ApprovalStorage {
  /** The approvals that count now, as a new list whenever they have changed. They are checked here, so the items may be anything. */
  load(): readonly unknown[];
  /** Changes what is saved; the change counts once it is on the disk. `change` returns the same list when there is nothing to change. */
  commit(change: ApprovalChange): Promise<TunnelError | undefined>;
  /** The same, but the change counts at once, and an approval that it removes never comes back. */
  update(change: ApprovalChange): Promise<TunnelError | undefined>;
}

/** Returns the changed list. Pure: it may run several times. */
export type ApprovalChange = (approvals: readonly unknown[]) => readonly unknown[];

/** See the file's header. */
export class Approvals {
  readonly #storage: ApprovalStorage;
  readonly #nowMs: () => number;
  #known: { readonly list: readonly unknown[]; readonly approvals: ReadonlyMap<string, Approval> } | undefined;

  /** `nowMs` is the wall clock, in milliseconds. */
  constructor(storage: ApprovalStorage, nowMs: () => number) {
    this.#storage = storage;
    this.#nowMs = nowMs;
  }

  /** Whether the entry is approved in the form that has this digest. */
  isApproved(ref: TunnelRef, digest: string): boolean {
    return this.find(ref)?.digest === digest;
  }

  /** Whether any form of the entry is approved. */
  wasApproved(ref: TunnelRef): boolean {
    return this.find(ref) !== undefined;
  }

  /** The approval of an entry, in whatever form. */
  find(ref: TunnelRef): Approval | undefined {
    return this.#read().get(refKey(ref));
  }

  /** All approvals of a file, or all. */
  list(configPath?: string): Approval[] {
    return [...this.#read().values()].filter((approval) => configPath === undefined || approval.configPath === configPath);
  }

  /**
   * Approves the form that the user was shown (`digest`) if the entry still has it (`currentDigest`). The approval
   * counts once it is on the disk.
   * @throws TunnelError NOT_APPROVED when the entry has changed in between; STATE_NOT_SAVED, and then nothing has changed
   */
  async approve(ref: TunnelRef, digests: { readonly digest: string; readonly currentDigest: string }): Promise<void> {
    const { digest } = digests;
    if (digest !== digests.currentDigest) {
      throw new TunnelError("NOT_APPROVED", message("{0} has changed since it was shown: look at it again, then approve it", quote(ref.name)));
    }
    const approval = approvalSchema.parse({ configPath: ref.configPath, name: ref.name, digest, atMs: this.#nowMs() });
    const unsaved = await this.#storage.commit((all) => {
      const known = read(all);
      if (known.get(refKey(ref))?.digest === digest) return all;
      return [...[...known.values()].filter((other) => !sameRef(other, ref)), approval].slice(-MAX_APPROVALS);
    });
    if (unsaved) throw notSaved(message("{0} was not approved", quote(ref.name)), unsaved);
  }

  /**
   * Takes an approval back at once. Returns whether there was one; `saved` resolves to the reason if the disk still has
   * the approval, which is then taken back only until the daemon ends.
   */
  revoke(ref: TunnelRef): { readonly revoked: boolean; readonly saved: Promise<TunnelError | undefined> } {
    const revoked = this.wasApproved(ref);
    const saved = this.#storage.update((all) => {
      const known = read(all);
      return known.delete(refKey(ref)) ? [...known.values()] : all;
    });
    return { revoked, saved };
  }

  /** Parses the list again only when it has changed: every entry of a file asks for it. */
  #read(): ReadonlyMap<string, Approval> {
    const list = this.#storage.load();
    if (this.#known?.list !== list) this.#known = { list, approvals: read(list) };
    return this.#known.approvals;
  }
}

/** If an entry has several approvals, the last one counts. */
function read(all: readonly unknown[]): Map<string, Approval> {
  const found = new Map<string, Approval>();
  for (const one of all) {
    const { success, data } = approvalSchema.safeParse(one);
    if (success) found.set(refKey(data), data);
  }
  return found;
}
