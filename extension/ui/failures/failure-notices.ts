/**
 * Reports failures outside explicit actions: a tunnel that this window wants and that
 * stops working, and a daemon that does not come back. Each is reported once until
 * it has recovered; `failures/failure-ledger.ts` decides what to report.
 */
import * as vscode from "vscode";
import { type ErrorCode, errorFrom, type TunnelError } from "../../../shared/errors.ts";
import { type Disposable, Disposables } from "../../emitter.ts";
import { COMMANDS } from "../../ids.ts";
import { FailureLedger, type FailureNotice } from "../../model/failures/failure-ledger.ts";
import type { Services } from "../../services.ts";
import type { LinkState } from "../../tunnels/daemon-link.ts";

/** Our choice: this many failures or more share one notification. */
const TOGETHER = 2;

/** Our choice: the first attempt to bring a daemon back may come too soon. */
const ATTEMPTS = 2;

/** Starts watching. */
export function registerFailureNotices(services: Services): Disposable {
  const owned = new Disposables();
  owned.add(new TunnelNotices(services));
  owned.add(new DaemonNotice(services));
  return owned;
}

class TunnelNotices implements Disposable {
  readonly #services: Services;
  readonly #ledger = new FailureLedger();
  readonly #listening: Disposable;
  #timer: NodeJS.Timeout | undefined;

  constructor(services: Services) {
    this.#services = services;
    this.#listening = services.store.onDidChange(() => this.#look());
    this.#look();
  }

  dispose(): void {
    clearTimeout(this.#timer);
    this.#listening.dispose();
  }

  #look(): void {
    clearTimeout(this.#timer);
    const { due, againInMs } = this.#ledger.look(this.#services.store.items, Date.now());
    this.#timer = againInMs === undefined ? undefined : setTimeout(() => this.#look(), againInMs);
    if (due.length >= TOGETHER) this.#tellTogether(due);
    else for (const notice of due) this.#tell(notice);
  }

  #tell({ ref, failure }: FailureNotice): void {
    const open = (): unknown => vscode.commands.executeCommand(COMMANDS.open, ref);
    this.#services.ui.showFailure(ref, errorOf(failure), open);
  }

  #tellTogether(due: readonly FailureNotice[]): void {
    const { ui, store } = this.#services;
    const failed = due.map(({ ref, failure }) => ({ ref, error: errorOf(failure) }));
    ui.showFailures(failed, store.items.filter(({ wanted }) => wanted).length);
  }
}

function errorOf(failure: FailureNotice["failure"]): TunnelError {
  return errorFrom({ ...failure, code: failure.code as ErrorCode });
}

/** Reports a daemon that is gone and does not start: once, until a daemon runs again. */
class DaemonNotice implements Disposable {
  readonly #services: Services;
  readonly #listening: Disposable;
  #attempts = 0;

  constructor(services: Services) {
    this.#services = services;
    this.#listening = services.link.onDidChangeState((state) => this.#onState(state));
  }

  dispose(): void {
    this.#listening.dispose();
  }

  #onState(state: LinkState): void {
    if (state.at !== "lost") this.#attempts = 0;
    // A window that wants no tunnels needs no daemon.
    if (state.at !== "lost" || !state.error || this.#services.store.wanted.length === 0) return;
    this.#attempts += 1;
    if (this.#attempts === ATTEMPTS) this.#services.ui.showFailure(undefined, state.error);
  }
}
