/**
 * The page of a diagnosis, as HTML: the way from the entry to the service as a chain
 * of hops, with the time of each as a waterfall. The failed hop is large and has its
 * remedies beside it. Text from files, peers and the daemon is escaped. Pure.
 */
import { plainText } from "../../../shared/plain-text.ts";
import { type Html, html, NO_HTML, outside } from "../html-text.ts";
import type { Translate } from "../translate.ts";
import { measured } from "../view/format.ts";
import { okDetail } from "./diagnosis-details.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "./diagnosis-page-assets.ts";
import { MARKS } from "./diagnosis-page-marks.ts";
import { roundTripTexts, stageLabel } from "./diagnosis-report.ts";
import { type DiagnosisRun, type Hop, hopsOf, roleOfRun } from "./diagnosis-run.ts";
import { mending, mendsOf, type Verdict, verdictOf } from "./diagnosis-verdict.ts";
import { type FailureAction, failureActionLabel, failureHelp } from "./failure-help.ts";

/** What the page's buttons ask for, besides the actions that mend a failure. */
export type PageAction = "again" | "stop" | "copy";

/** The part of the page that changes, and what a screen reader is told. */
export interface PageContent {
  /** HTML of the main part. */
  readonly body: string;
  /** Plain text for the live region. */
  readonly says: string;
}

/** What the page around it needs. */
export interface PageFrame {
  readonly t: Translate;
  /** Fresh for each page: only the style and the script that have it are used. */
  readonly nonce: string;
  /** VS Code's display language. */
  readonly language: string;
}

/** Units of the waterfall's width. */
const WIDTH = 1_000;

/** A bar that is shorter would not be seen. */
const MIN_BAR = 8;

/** The whole page. Its content security policy lets in nothing but its own style and script. */
export function diagnosisPage(run: DiagnosisRun, { t, nonce, language }: PageFrame): string {
  const { body, says } = pageContent(run, t);
  const policy = `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'`;
  return html`<!DOCTYPE html>
<html lang="${language}">
<head>
<meta charset="UTF-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${t("Diagnosis of {0}", plainText(run.subject.name, { maxLength: 64 }))}</title>
<style nonce="${nonce}">${{ html: PAGE_STYLE }}</style>
</head>
<body>
<main id="body">${{ html: body }}</main>
<div id="says" class="unseen" role="status" aria-live="polite" aria-atomic="true">${says}</div>
<script nonce="${nonce}">${{ html: PAGE_SCRIPT }}</script>
</body>
</html>`.html;
}

/** The part that changes as the diagnosis goes on. */
export function pageContent(run: DiagnosisRun, t: Translate): PageContent {
  const hops = hopsOf(run);
  const totalMs = hops.reduce((sum, { ms }) => sum + ms, 0);
  const hasCulprit = hops.some(({ isCulprit }) => isCulprit);
  const body = html`${header(run, t)}
${hasCulprit ? NO_HTML : failureCard(run, undefined, t)}
<ol class="chain" aria-label="${t("Stages")}">${hops.map((hop) => hopItem(run, { hop, totalMs }, t))}</ol>
${doneSections(run, t)}`;
  return { body: body.html, says: announcement(run, hops, t) };
}

function header(run: DiagnosisRun, t: Translate): Html {
  const { name, listen, target } = run.subject;
  const { mark, className, text } = summary(run, t);
  const way = [listen, target].flatMap((part) => (part === undefined ? [] : [outside(part, { maxLength: 300 })]));
  return html`<header>
<div class="titles">
<h1>${t("Diagnosis of the tunnel {0}", "\u0000")
    .split("\u0000")
    .map((part, index) => html`${index > 0 ? outside(name, { maxLength: 64 }) : NO_HTML}${part}`)}</h1>
<p class="way">${roleText(run, t)}${way.map((part, index) => html`${index > 0 ? " → " : " · "}${part}`)}</p>
<p class="summary ${className}">${mark}<span>${text}</span></p>
</div>
<div class="buttons">${pageButtons(run, t)}</div>
</header>`;
}

function roleText(run: DiagnosisRun, t: Translate): string {
  const service = run.end?.at === "done" ? run.end.diagnosis.service : undefined;
  const end = roleOfRun(run) === "server" ? t("Server end") : t("Client end");
  return service === undefined ? end : `${end} · ${service}`;
}

interface Summary {
  readonly mark: Html;
  readonly className: string;
  readonly text: string;
}

function summary(run: DiagnosisRun, t: Translate): Summary {
  const { end } = run;
  if (!end) return { mark: MARKS.running, className: "running", text: t("Checking…") };
  if (end.at === "cancelled") return { mark: MARKS.skipped, className: "skipped", text: t("Stopped before the end.") };
  if (end.at === "broken") return { mark: MARKS.failed, className: "failed", text: t("There is no diagnosis.") };
  const { title, isFailure } = verdictOf(end.diagnosis, t);
  return isFailure ? { mark: MARKS.failed, className: "failed", text: title } : { mark: MARKS.ok, className: "ok", text: title };
}

function pageButtons({ end }: DiagnosisRun, t: Translate): readonly Html[] {
  if (!end) return [button("stop", t("Stop"), "secondary")];
  const again = button("again", t("Diagnose Again"), "secondary");
  return end.at === "done" ? [again, button("copy", t("Copy Report"), "secondary")] : [again];
}

function button(action: PageAction | FailureAction, label: string, kind: "primary" | "secondary"): Html {
  return html`<button type="button" class="${kind}" data-run="${action}">${label}</button>`;
}

interface HopInChain {
  readonly hop: Hop;
  readonly totalMs: number;
}

function hopItem(run: DiagnosisRun, { hop, totalMs }: HopInChain, t: Translate): Html {
  const label = stageLabel(hop.stage, t);
  const word = stateWord(hop, t);
  const time = hop.ms > 0 ? measured(hop.ms, t) : "";
  const said = hop.isCulprit ? NO_HTML : html`${detailsOf(hop, t).map((detail) => html`<p class="seen">${outside(detail)}</p>`)}`;
  const name = hop.isCulprit ? html`<h2>${label}</h2>` : html`<p class="label">${label}</p>`;
  return html`<li class="hop ${hop.state}${hop.isCulprit ? " culprit" : ""}"${hop.state === "running" ? { html: ' aria-current="step"' } : NO_HTML}>
<div class="mark">${MARKS[hop.state]}</div>
<div class="what">${name}${said}</div>
<div class="bar">${waterfall(hop, totalMs)}</div>
<div class="time"><span class="word">${word}</span>${time === "" ? NO_HTML : html` <span class="ms">${time}</span>`}</div>
${hop.isCulprit ? failureCard(run, hop, t) : NO_HTML}
</li>`;
}

function detailsOf({ state, details }: Hop, t: Translate): readonly string[] {
  return state === "ok" ? details.flatMap((detail) => okDetail(detail, t) ?? []) : details;
}

/** The state in a word: a mark alone is nothing for who can't see it, or its colour. */
function stateWord({ state }: Hop, t: Translate): string {
  switch (state) {
    case "ok":
      return t("OK");
    case "failed":
      return t("failed");
    case "running":
      return t("checking…");
    case "skipped":
      return t("not tried");
    case "waiting":
      return "";
  }
}

/** Sizes are attributes of SVG: the page's policy allows no style attribute. */
function waterfall({ state, fromMs, ms }: Hop, totalMs: number): Html {
  if (state === "running")
    return html`<svg viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" aria-hidden="true"><rect class="moving" x="0" y="0" width="${WIDTH}" height="10"/></svg>`;
  if (ms <= 0 || totalMs <= 0) return NO_HTML;
  const width = Math.max(MIN_BAR, Math.round((WIDTH * ms) / totalMs));
  const x = Math.min(WIDTH - width, Math.round((WIDTH * fromMs) / totalMs));
  return html`<svg viewBox="0 0 ${WIDTH} 10" preserveAspectRatio="none" aria-hidden="true"><rect x="${x}" y="0" width="${width}" height="10"/></svg>`;
}

/** Cause, fix and remedies. */
function failureCard({ end }: DiagnosisRun, hop: Hop | undefined, t: Translate): Html {
  if (end?.at === "broken") {
    const help = failureHelp(end.failure, { t, isOfTunnel: true });
    const actions = mending(help.actions);
    return card({ cause: help.cause, cure: help.cure, seen: help.detail, isGuess: false }, { actions, t });
  }
  if (end?.at !== "done" || end.diagnosis.code === null) return NO_HTML;
  const verdict = verdictOf(end.diagnosis, t);
  const detail = hop?.details[0] ?? "";
  const seen = verdict.seen !== "" ? verdict.seen : detail === end.diagnosis.cause ? "" : detail;
  return card({ ...verdict, seen }, { actions: mendsOf(end.diagnosis, t), t });
}

interface CardOptions {
  readonly actions: readonly FailureAction[];
  readonly t: Translate;
}

function card({ cause, cure, seen, isGuess }: Pick<Verdict, "cause" | "cure" | "seen" | "isGuess">, { actions, t }: CardOptions): Html {
  const line = (className: string, text: string): Html => (text === "" ? NO_HTML : html`<p class="${className}">${outside(text.replaceAll("`", ""))}</p>`);
  return html`<div class="card">
<div class="texts">${line("cause", cause)}${line("cure", cure)}${line("seen", seen)}${
    isGuess ? html`<p class="seen">${t("This is a guess from what was seen: the far end gives no reasons, and there can be another cause.")}</p>` : NO_HTML
  }</div>
<div class="buttons">${actions.map((action, index) => button(action, failureActionLabel(action, t), index === 0 ? "primary" : "secondary"))}</div>
</div>`;
}

function doneSections({ end }: DiagnosisRun, t: Translate): Html {
  if (end?.at !== "done") return NO_HTML;
  const { addresses, warnings, roundTrips, code, cause } = end.diagnosis;
  const trips = roundTripTexts(roundTrips, t);
  const addressRows = addresses.map(
    ({ address, ok, ms, detail }) =>
      html`<li>${outside(address, { maxLength: 300 })}: ${ok ? t("✔ answers") : t("✖ does not answer")}, ${measured(ms, t)}${
        detail === undefined ? NO_HTML : html` <span class="seen">${outside(detail)}</span>`
      }</li>`,
  );
  return html`${code === null ? html`<p class="cause">${outside(cause)}</p>` : NO_HTML}
${list(
  t("Advice"),
  warnings.map(({ text }) => html`<li>${outside(text)}</li>`),
)}
${list(t("Addresses of the target"), addresses.length < 2 ? [] : addressRows)}
${list(
  t("Round trips"),
  // One alone is in the chain already.
  trips.length < 2 ? [] : trips.map((text) => html`<li>${text}</li>`),
)}`;
}

function list(title: string, rows: readonly Html[]): Html {
  return rows.length === 0 ? NO_HTML : html`<section><h2>${title}</h2><ul>${rows}</ul></section>`;
}

/** One sentence for the live region: the stage that is being looked at, then the verdict. */
function announcement(run: DiagnosisRun, hops: readonly Hop[], t: Translate): string {
  const { text } = summary(run, t);
  if (!run.end) {
    const running = hops.find(({ state }) => state === "running");
    return running ? t("Checking: {0}", stageLabel(running.stage, t)) : text;
  }
  const culprit = hops.find(({ isCulprit }) => isCulprit);
  return culprit ? `${stageLabel(culprit.stage, t)}: ${text}` : text;
}
