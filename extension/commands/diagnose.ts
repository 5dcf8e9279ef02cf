/**
 * Diagnose Tunnel: the daemon looks at a tunnel stage by stage, which is shown as it
 * goes; then a report as a page, and in a notification what was found
 * with what mends it. What the words are is `model/diagnosis-report.ts`.
 */
import * as vscode from "vscode";
import type { Diagnosis } from "../../shared/contract/diagnosis.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { diagnosisReport, diagnosisSummary, mendsOf, stageLabel } from "../model/failures/diagnosis-report.ts";
import { failureActionLabel, type MendingAction } from "../model/failures/failure-help.ts";
import { refOf, type TunnelItem, type TunnelRef } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { mendFailure } from "../ui/failures/mend-failure.ts";
import { pickTunnel } from "./pick-tunnel.ts";

/** Scheme of the read-only documents. */
const SCHEME = "encrypted-tunnels";
/** Our choice: older reports go when there are more. */
const MAX_REPORTS = 20;

/** The command takes a {@link TunnelArgument} and resolves to the code that was found, "" when nothing is wrong. */
export function registerDiagnose(services: Services): Disposable {
  const owned = new Disposables();
  const reports = owned.add(new Reports());
  owned.add(vscode.workspace.registerTextDocumentContentProvider(SCHEME, reports));
  owned.add(vscode.commands.registerCommand(COMMANDS.diagnose, (argument?: unknown) => diagnose(services, reports, argument)));
  return owned;
}

/** The newest report of each tunnel. */
class Reports implements vscode.TextDocumentContentProvider, Disposable {
  readonly #texts = new Map<string, string>();
  readonly #changed = new vscode.EventEmitter<vscode.Uri>();
  readonly onDidChange = this.#changed.event;

  provideTextDocumentContent(uri: vscode.Uri): string {
    return this.#texts.get(uri.toString()) ?? "";
  }

  set(uri: vscode.Uri, text: string): void {
    const key = uri.toString();
    this.#texts.delete(key);
    this.#texts.set(key, text);
    for (const old of [...this.#texts.keys()].slice(0, -MAX_REPORTS)) this.#texts.delete(old);
    this.#changed.fire(uri);
  }

  dispose(): void {
    this.#changed.dispose();
    this.#texts.clear();
  }
}

async function diagnose(services: Services, reports: Reports, argument: unknown): Promise<string | undefined> {
  const { t, ui } = services;
  const item = await pickTunnel(services, argument, {
    title: t("Diagnose Tunnel"),
    none: t("There is no tunnel in this window that could be diagnosed."),
  });
  if (!item || !(await ui.requireTrust())) return undefined;
  try {
    const diagnosis = await look(services, item);
    if (!diagnosis) return undefined;
    await show(services, { reports, ref: refOf(item), diagnosis });
    void tell(services, refOf(item), diagnosis);
    return diagnosis.code ?? "";
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    ui.showFailure(refOf(item), error, () => diagnose(services, reports, refOf(item)));
    return undefined;
  }
}

/** The diagnosis, with its stages as progress; undefined: the user has heard enough. */
async function look({ t, link }: Services, item: TunnelItem): Promise<Diagnosis | undefined> {
  const ref = refOf(item);
  const options = { location: vscode.ProgressLocation.Notification, title: t("Diagnosing {0}", plainText(item.name)), cancellable: true };
  return await vscode.window.withProgress(options, async (progress, token) => {
    const owned = new Disposables();
    const cancelled = new Promise<undefined>((resolve) => {
      owned.add(token.onCancellationRequested(() => resolve(undefined)));
    });
    owned.add(
      link.on("diagnosis/progress", ({ configPath, name, stage, report }) => {
        if (configPath === ref.configPath && name === ref.name && !report) progress.report({ message: stageLabel(stage, t) });
      }),
    );
    const asked = link.request("tunnel/diagnose", ref);
    // When it is cancelled nobody waits for it any more; it ends by itself.
    asked.catch(() => {});
    try {
      return await Promise.race([asked, cancelled]);
    } finally {
      owned.dispose();
    }
  });
}

interface Shown {
  readonly reports: Reports;
  readonly ref: TunnelRef;
  readonly diagnosis: Diagnosis;
}

async function show({ t }: Services, { reports, ref, diagnosis }: Shown): Promise<void> {
  const uri = vscode.Uri.from({ scheme: SCHEME, path: `/${t("Diagnosis of {0}", plainText(ref.name))}.md`, query: ref.configPath });
  reports.set(uri, diagnosisReport(diagnosis, { t, madeAt: new Date().toLocaleString(vscode.env.language) }));
  try {
    await vscode.commands.executeCommand("markdown.showPreview", uri);
  } catch {
    // VS Code's Markdown support can be turned off: the text reads well as it is.
    const document = await vscode.workspace.openTextDocument(uri);
    await vscode.window.showTextDocument(document, { preview: true });
  }
}

async function tell(services: Services, ref: TunnelRef, diagnosis: Diagnosis): Promise<void> {
  const { t } = services;
  const summary = diagnosisSummary(diagnosis, t);
  if (diagnosis.code === null) {
    void vscode.window.showInformationMessage(summary);
    return;
  }
  const mends = mendsOf(diagnosis, t).map((action) => ({ title: failureActionLabel(action, t), action }));
  const again = { title: t("Diagnose Again"), action: "diagnose" as const };
  const choice = await vscode.window.showWarningMessage<{ readonly title: string; readonly action: MendingAction }>(summary, ...mends, again);
  if (choice) await mendFailure(choice.action, ref, services.store);
}
