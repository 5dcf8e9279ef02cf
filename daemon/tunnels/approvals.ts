/**
 * Which entries the user has approved, and in which form. A file from a
 * repository opens nothing by itself: an entry runs only while its digest is the
 * approved one. Where approvals are kept, the caller says; what can't be read
 * back is not approved.
 */
import * as z from "zod";
import { TunnelError } from "../../shared/errors.ts";
import { quote } from "../../shared/plain-text.ts";
import { refKey, sameRef, type TunnelRef } from "./daemon-state.ts";

/** Our choice: the oldest give way, and are asked for again. */
const MAX_APPROVALS = 10_000;

const approvalSchema = z.object({ configPath: z.string(), name: z.string(), digest: z.string().regex(/^[0-9a-f]{64}$/), atMs: z.number() });

/** One approval. */
export type Approval = z.output<typeof approvalSchema>;

/** Where approvals are kept. */
export interface ApprovalStorage {
  /** What was saved; checked here, so it may be anything. */
  load(): readonly unknown[];
  save(approvals: readonly Approval[]): void;
}

/** See the file's header. */
export class Approvals {
  readonly #storage: ApprovalStorage;
  readonly #nowMs: () => number;

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
   * Approves what the user was shown, `digest`, if it is still what stands there, `currentDigest`.
   * @throws TunnelError NOT_APPROVED when the entry has changed in between
   */
  approve(ref: TunnelRef, digests: { readonly digest: string; readonly currentDigest: string }): void {
    if (digests.digest !== digests.currentDigest) {
      throw new TunnelError("NOT_APPROVED", `${quote(ref.name)} has changed since it was shown: look at it again, then approve it`);
    }
    const approval = { configPath: ref.configPath, name: ref.name, digest: digests.digest, atMs: this.#nowMs() };
    const others = [...this.#read().values()].filter((other) => !sameRef(other, ref));
    this.#storage.save([...others, approvalSchema.parse(approval)].slice(-MAX_APPROVALS));
  }

  /** Takes an approval back; returns whether there was one. */
  revoke(ref: TunnelRef): boolean {
    const all = this.#read();
    const found = all.delete(refKey(ref));
    if (found) this.#storage.save([...all.values()]);
    return found;
  }

  /** The last word on an entry counts. */
  #read(): Map<string, Approval> {
    const found = new Map<string, Approval>();
    for (const one of this.#storage.load()) {
      const { success, data } = approvalSchema.safeParse(one);
      if (success) found.set(refKey(data), data);
    }
    return found;
  }
}
