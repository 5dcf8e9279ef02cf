/**
 * Tells of what fails by itself: a tunnel this window wants that turns bad outside
 * an explicit action, and a daemon that does not come back. Once each until it has
 * recovered; what to tell is decided by `model/failure-ledger.ts`.
 */
import * as vscode from "vscode";
import { type ErrorCode, TunnelError } from "../../../shared/errors.ts";
import { type Disposable, Disposables } from "../../emitter.ts";
import { COMMANDS } from "../../ids.ts";
import { FailureLedger, type FailureNotice } from "../../model/failures/failure-ledger.ts";
import type { Services } from "../../services.ts";
import type { LinkState } from "../../tunnels/daemon-link.ts";

/** Our choice: from this many on they are told of in one notification. */
const TOGETHER = 3;

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
    this.#services.ui.showFailure(ref, new TunnelError(failure.code as ErrorCode, failure.message), open);
  }

  #tellTogether(due: readonly FailureNotice[]): void {
    const { t, log } = this.#services;
    for (const { name, failure } of due) log.warn(`${name}: ${failure.code}`);
    const names = due.map(({ name, failure }) => `${name} (${failure.code})`).join(", ");
    const show = t("Show Tunnels");
    void vscode.window.showWarningMessage(t("{0} tunnels don't work: {1}", due.length, names), show).then((choice) => {
      if (choice === show) void vscode.commands.executeCommand(COMMANDS.showTunnels);
    });
  }
}

/** A daemon that is gone and does not start: told once, until there is one again. */
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
    // A window that wants nothing has no need of one.
    if (state.at !== "lost" || !state.error || this.#services.store.wanted.length === 0) return;
    this.#attempts += 1;
    if (this.#attempts === ATTEMPTS) this.#services.ui.showFailure(undefined, state.error);
  }
}
