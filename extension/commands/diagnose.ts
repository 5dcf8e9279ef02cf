/**
 * Diagnose Tunnel: the daemon checks a tunnel stage by stage, and a page shows each
 * stage as it ends, then what was found and its remedies. The page is everything
 * that is shown: there is no notification beside it.
 */
import * as vscode from "vscode";
import type { Diagnosis } from "../../shared/contract/diagnosis.ts";
import { refKey, type TunnelRef } from "../../shared/contract/tunnel-ref.ts";
import { TunnelError } from "../../shared/errors.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { diagnosisIn, withDetail } from "../model/failures/daemon-words.ts";
import { diagnosisReport } from "../model/failures/diagnosis-report.ts";
import { afterEnd, afterProgress, type DiagnosisRun, newRun, type RunEnd } from "../model/failures/diagnosis-run.ts";
import { isMendingAction } from "../model/failures/failure-help.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import { listenOf, roleOf, targetOf } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { type DiagnosisPanel, DiagnosisPanels } from "../ui/failures/diagnosis-panel.ts";
import { mendFailure } from "../ui/failures/mend-failure.ts";
import { pickTunnel } from "./pick-tunnel.ts";

/** The command takes a {@link TunnelArgument} and resolves to the code of the finding, "" when nothing is wrong. */
export function registerDiagnose(services: Services): Disposable {
  const owned = new Disposables();
  const diagnoses = owned.add(new Diagnoses(services));
  owned.add(vscode.commands.registerCommand(COMMANDS.diagnose, (argument?: unknown) => diagnoses.diagnose(argument)));
  return owned;
}

/** A diagnosis that runs. */
interface Running {
  readonly panel: DiagnosisPanel;
  readonly code: Promise<string | undefined>;
}

class Diagnoses implements Disposable {
  readonly #services: Services;
  readonly #panels: DiagnosisPanels;
  readonly #running = new Map<string, Running>();

  constructor(services: Services) {
    this.#services = services;
    this.#panels = new DiagnosisPanels(services.t);
  }

  dispose(): void {
    this.#panels.dispose();
  }

  /** Undefined: the user picked none, does not trust the workspace, or stopped the diagnosis; or there is none, as the page says. */
  async diagnose(argument: unknown): Promise<string | undefined> {
    const { t, ui } = this.#services;
    const item = await pickTunnel(this.#services, argument, {
      title: t("Diagnose Tunnel"),
      none: t("No tunnel in this window can be diagnosed."),
    });
    if (!item || !(await ui.requireTrust())) return undefined;
    const key = refKey(refOf(item));
    const running = this.#running.get(key);
    if (running) {
      running.panel.reveal();
      return await running.code;
    }
    return await this.#run(item, key);
  }

  #run(item: TunnelItem, key: string): Promise<string | undefined> {
    const { t } = this.#services;
    const ref = refOf(item);
    const stopping = new AbortController();
    let run = newRun({ name: item.name, role: roleOf(item), listen: listenOf(item, t), target: targetOf(item) || undefined });
    const panel = this.#panels.panelOf(ref, run, {
      onAction: (action) => (action === "stop" ? stopping.abort() : void this.#act(action, { ref, run, panel })),
      onClosed: () => stopping.abort(),
    });
    const change = (next: DiagnosisRun): void => {
      run = next;
      panel.show(run);
    };
    const look = async (): Promise<string | undefined> => {
      const end = await this.#look(ref, { signal: stopping.signal, onProgress: (progress) => change(afterProgress(run, progress)) });
      this.#running.delete(key);
      change(afterEnd(run, end));
      return end.at === "done" ? (end.diagnosis.code ?? "") : undefined;
    };
    const code = look().finally(() => this.#running.delete(key));
    this.#running.set(key, { panel, code });
    return code;
  }

  /** Asks the daemon; never rejects with a {@link TunnelError}. */
  async #look(ref: TunnelRef, { signal, onProgress }: LookOptions): Promise<RunEnd> {
    const { link, log, t } = this.#services;
    const owned = new Disposables();
    const stopped = new Promise<undefined>((resolve) => signal.addEventListener("abort", () => resolve(undefined), { once: true }));
    owned.add(
      link.on("diagnosis/progress", (progress) => {
        if (signal.aborted || refKey(progress) !== refKey(ref)) return;
        const { report } = progress;
        onProgress(report ? { ...progress, report: withDetail(report, t) } : progress);
      }),
    );
    const asked: Promise<Diagnosis> = link.request("tunnel/diagnose", ref);
    // After the user has stopped it nobody waits for this request any more; it ends by itself.
    asked.catch(() => {});
    try {
      const diagnosis = await Promise.race([asked, stopped]);
      if (!diagnosis) return { at: "cancelled" };
      return { at: "done", diagnosis: diagnosisIn(diagnosis, t), madeAt: new Date().toLocaleString(vscode.env.language) };
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      log.warn(`${ref.name}: ${error.message} [${error.code}]`);
      return { at: "broken", failure: error };
    } finally {
      owned.dispose();
    }
  }

  /** Does what a button of the page says; what no button says does nothing. */
  async #act(action: string, { ref, run, panel }: Acting): Promise<void> {
    const { t, store } = this.#services;
    if (action === "again") await vscode.commands.executeCommand(COMMANDS.diagnose, ref);
    else if (action === "copy" && run.end?.at === "done") {
      await vscode.env.clipboard.writeText(diagnosisReport(run.end.diagnosis, { t, madeAt: run.end.madeAt }));
      panel.say(t("Report copied."));
      vscode.window.setStatusBarMessage(t("Report copied."), COPIED_FOR_MS);
    } else if (isMendingAction(action)) await mendFailure(action, ref, store);
  }
}

/** Our choice: long enough to be read. */
const COPIED_FOR_MS = 4_000;

interface LookOptions {
  readonly signal: AbortSignal;
  readonly onProgress: (progress: { readonly stage: string; readonly report?: Diagnosis["stages"][number] | undefined }) => void;
}

interface Acting {
  readonly ref: TunnelRef;
  readonly run: DiagnosisRun;
  readonly panel: DiagnosisPanel;
}
