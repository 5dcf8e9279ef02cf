/**
 * Makes one tunnel what it should be: looks at what is wanted, what the file
 * says now, whether it can be planned and is approved, and lets the pool do the
 * rest. Whatever stands in the way becomes the want's trouble; what runs goes on
 * meanwhile.
 */
import { isKeyFileFault, TunnelError, wordsOf } from "../../shared/errors.ts";
import { type Message, message } from "../../shared/message.ts";
import type { Clock } from "../../shared/time.ts";
import type { ConfigSource, ConfigState } from "../config/config-source.ts";
import { type ApprovalSource, type Planned, type Planner, wipe } from "./plan.ts";
import type { TunnelPool } from "./tunnel-pool.ts";
import type { Trouble, Want } from "./want.ts";

/** What a reconciler is given; the calls are synchronous and must not throw. */
export interface ReconcilerOptions {
  readonly clock: Clock;
  readonly configs: ConfigSource;
  readonly planner: Planner;
  readonly approvals: ApprovalSource;
  readonly pool: TunnelPool;
  /** A want has been looked at. */
  readonly onDone: (want: Want) => void;
  /** The want has trouble that it did not have before. */
  readonly onTrouble: (want: Want, error: TunnelError) => void;
  /** An entry that is wanted is not approved in its present form; once for each form. */
  readonly onApprovalNeeded: (planned: Planned) => void;
}

/** See the file's header. */
export class Reconciler {
  readonly #options: ReconcilerOptions;
  #stopped = false;

  constructor(options: ReconcilerOptions) {
    this.#options = options;
  }

  /** Looks at a want; calls for the same one follow each other. */
  run(want: Want): Promise<void> {
    const run = want.turn.then(() => this.#reconcile(want));
    // The caller hears of a broken invariant; the next call still gets its try.
    want.turn = run.catch(() => {});
    return run;
  }

  /**
   * Whether a want could be opened anew as its file stands; changes nothing.
   * @throws TunnelError what stands in the way: CONFIG_INVALID, NOT_APPROVED, DNS_FAILED or a key's
   */
  async check(want: Want): Promise<void> {
    const config = this.#options.configs.get(want.ref.configPath);
    const entry = config.entries.get(want.ref.name);
    if (!entry) throw missingError(want, config);
    const { plan, facts } = await this.#plan(want, entry);
    wipe(plan);
    if (!this.#options.approvals.isApproved(want.ref, facts.digest)) throw notApprovedError(want);
  }

  /** Nothing is opened or changed any more. */
  stop(): void {
    this.#stopped = true;
  }

  async #reconcile(want: Want): Promise<void> {
    if (this.#stopped) return;
    // A file is not read while nobody wants anything from it.
    const config = want.isWanted ? this.#options.configs.get(want.ref.configPath) : undefined;
    const entry = config?.entries.get(want.ref.name);
    if (entry) want.entry = entry;
    // An entry that is gone, or no longer says keepOpen, keeps nothing open.
    if (config && isMeant(config, want) && !entry?.keepOpen) want.kept = false;
    if (!config || !want.isWanted) this.#leave(want);
    else if (entry) await this.#bringUp(want, entry);
    else this.#missing(want, config);
    this.#options.onDone(want);
  }

  #leave(want: Want): void {
    this.#options.pool.detach(want);
    if (want.trouble) want.idleSinceMs = this.#options.clock.wallMs();
    want.trouble = undefined;
    want.askedDigest = undefined;
  }

  /** The entry is missing. If it was removed, its tunnel closes; if it can't be read, nothing closes. */
  #missing(want: Want, config: ConfigState): void {
    if (isMeant(config, want)) this.#options.pool.detach(want);
    this.#setTrouble(want, { state: "closed", error: missingError(want, config) });
  }

  /** @throws TunnelError */
  async #plan(want: Want, entry: NonNullable<Want["entry"]>): Promise<Planned> {
    try {
      return await this.#options.planner.plan(want.ref, entry);
    } catch (error) {
      // A system error about a file or folder is no broken invariant, and must not affect the other tunnels.
      if (error instanceof TunnelError) throw error;
      throw new TunnelError("CONFIG_INVALID", message("the entry can't be prepared: {0}", String(error)), { cause: error });
    }
  }

  async #bringUp(want: Want, entry: NonNullable<Want["entry"]>): Promise<void> {
    const { approvals, pool, onApprovalNeeded } = this.#options;
    let planned: Planned;
    try {
      planned = await this.#plan(want, entry);
    } catch (error) {
      const trouble = error as TunnelError;
      this.#setTrouble(want, { state: isKeyFileFault(trouble.code) ? "waiting-for-key" : "closed", error: trouble });
      return;
    }
    // Much may have happened meanwhile.
    if (this.#stopped || !want.isWanted) {
      wipe(planned.plan);
      return;
    }
    const { digest, facts } = planned;
    if (!approvals.isApproved(want.ref, facts.digest)) {
      wipe(planned.plan);
      this.#setTrouble(want, { state: "not-approved", error: notApprovedError(want) });
      if (want.askedDigest !== facts.digest) onApprovalNeeded(planned);
      want.askedDigest = facts.digest;
      return;
    }
    want.approved = { digest, facts };
    want.askedDigest = undefined;
    const error = await pool.attach(want, planned);
    if (error) this.#setTrouble(want, { state: "port-busy", error });
    else want.trouble = undefined;
  }

  #setTrouble(want: Want, { state, error }: Trouble): void {
    const atMs = this.#options.clock.wallMs();
    const before = want.trouble;
    const isSame = before?.state === state && before.failure.message === error.message;
    const count = isSame ? before.failure.count + 1 : 1;
    want.trouble = { state, error, sinceMs: isSame ? before.sinceMs : atMs, failure: { ...wordsOf(error), atMs, count } };
    if (!isSame) this.#options.onTrouble(want, error);
  }
}

function missingError({ ref }: Want, config: ConfigState): TunnelError {
  const problem = config.faults.get(ref.name) ?? (config.broken ? config.problems[0] : undefined);
  const why = problem ? placedProblem(problem) : message('{0} has no tunnel "{1}"', ref.configPath, ref.name);
  return new TunnelError("CONFIG_INVALID", why);
}

function placedProblem({ path, line, column, message: english, text }: ConfigState["problems"][number]): Message {
  return message("{0}:{1}:{2}: {3}", path, line, column, text ?? english);
}

function notApprovedError({ ref }: Want): TunnelError {
  return new TunnelError("NOT_APPROVED", message('"{0}" is not approved in its present form: approve it', ref.name), {
    hint: ` ("tunneld approve ${ref.name}")`,
  });
}

/** Whether an entry that its file lacks is missing on purpose, as far as anybody can tell. */
function isMeant(config: ConfigState, want: Want): boolean {
  return !config.broken && !config.faults.has(want.ref.name);
}
