/**
 * The page of a diagnosis as an editor tab: at most one for each tunnel, used again
 * by the next diagnosis of that tunnel. `failures/diagnosis-page.ts` makes its HTML.
 */
import { randomBytes } from "node:crypto";
import * as vscode from "vscode";
import { refKey, type TunnelRef } from "../../../shared/contract/tunnel-ref.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { type Disposable, Disposables } from "../../emitter.ts";
import { PREFIX } from "../../ids.ts";
import { diagnosisPage, type PageContent, pageContent } from "../../model/failures/diagnosis-page.ts";
import type { DiagnosisRun } from "../../model/failures/diagnosis-run.ts";
import type { Translate } from "../../model/translate.ts";

/** One tab. */
export interface DiagnosisPanel {
  /** Shows how far the diagnosis has come. */
  show(run: DiagnosisRun): void;
  /** Tells who listens to the page, without changing the page. */
  say(text: string): void;
  /** Brings the tab to the front. */
  reveal(): void;
}

/** What a tab tells its owner. */
export interface PanelEvents {
  /** A button was pressed; the id is the page's, and not trusted. */
  readonly onAction: (action: string) => void;
  /** The user closed the tab. */
  readonly onClosed: () => void;
}

/** The tabs of all tunnels. */
export class DiagnosisPanels implements Disposable {
  readonly #t: Translate;
  readonly #open = new Map<string, Panel>();

  constructor(t: Translate) {
    this.#t = t;
  }

  /** The tab of a tunnel, made if there is none; `events` take the place of those before. */
  panelOf(ref: TunnelRef, first: DiagnosisRun, events: PanelEvents): DiagnosisPanel {
    const key = refKey(ref);
    const known = this.#open.get(key);
    if (known) {
      known.events = events;
      known.show(first);
      known.reveal();
      return known;
    }
    const panel = new Panel(first, { t: this.#t, events, onGone: () => this.#open.delete(key) });
    this.#open.set(key, panel);
    return panel;
  }

  dispose(): void {
    for (const panel of [...this.#open.values()]) panel.dispose();
  }
}

interface PanelOptions {
  readonly t: Translate;
  readonly events: PanelEvents;
  readonly onGone: () => void;
}

class Panel implements DiagnosisPanel, Disposable {
  readonly #t: Translate;
  readonly #panel: vscode.WebviewPanel;
  readonly #owned = new Disposables();
  #run: DiagnosisRun;
  #isGone = false;
  events: PanelEvents;

  constructor(run: DiagnosisRun, { t, events, onGone }: PanelOptions) {
    this.#t = t;
    this.#run = run;
    this.events = events;
    const title = t("Diagnosis of {0}", plainText(run.subject.name, { maxLength: 64 }));
    const options = { enableScripts: true, enableForms: false, localResourceRoots: [] };
    this.#panel = vscode.window.createWebviewPanel(`${PREFIX}.diagnosis`, title, vscode.ViewColumn.Active, options);
    this.#owned.add(this.#panel.webview.onDidReceiveMessage((message: unknown) => this.#onMessage(message)));
    this.#owned.add(
      this.#panel.onDidDispose(() => {
        this.#isGone = true;
        onGone();
        this.#owned.dispose();
        this.events.onClosed();
      }),
    );
    const nonce = randomBytes(16).toString("hex");
    this.#panel.webview.html = diagnosisPage(run, { t, nonce, language: vscode.env.language });
  }

  show(run: DiagnosisRun): void {
    this.#run = run;
    this.#post(pageContent(run, this.#t));
  }

  say(text: string): void {
    this.#post({ says: text });
  }

  reveal(): void {
    if (!this.#isGone) this.#panel.reveal();
  }

  dispose(): void {
    this.#panel.dispose();
  }

  /** A diagnosis ends a moment after its tab was closed. */
  #post(message: Partial<PageContent>): void {
    if (!this.#isGone) void this.#panel.webview.postMessage(message);
  }

  #onMessage(message: unknown): void {
    const action = typeof message === "object" && message !== null && "run" in message ? message.run : undefined;
    if (typeof action !== "string") return;
    // A tab that was hidden loads its page anew when it is shown: it asks for what has happened since.
    if (action === "ready") this.show(this.#run);
    else this.events.onAction(action);
  }
}
