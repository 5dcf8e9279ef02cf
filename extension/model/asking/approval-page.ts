/**
 * The page that asks about several tunnels at once: for each what it would do, whole
 * and exact, and a box. Entries with a warning are not ticked. The page has no other
 * script and style than its own (Content Security Policy), and every text from files
 * is escaped. Pure.
 */
import type { ApprovalFacts } from "../../../shared/contract/methods.ts";
import { wholeText } from "../../../shared/plain-text.ts";
import { escaped as html } from "../html-text.ts";
import type { Translate } from "../translate.ts";
import { approvalLines, approvalReason, WARNING_MARK } from "./approval-question.ts";

/** What the page is made from besides its tunnels. */
export interface ApprovalPageContext {
  readonly t: Translate;
  /** A new random word for each page. */
  readonly nonce: string;
  /** VS Code's display language. */
  readonly language: string;
}

/** The page's title, which is the title of its tab, too. */
export function approvalPageTitle(count: number, t: Translate): string {
  return t("Approve {0} tunnels?", count);
}

/** The page as HTML. The box with index n is about `facts[n]`. */
export function approvalPage(facts: readonly ApprovalFacts[], { t, nonce, language }: ApprovalPageContext): string {
  const title = html(approvalPageTitle(facts.length, t));
  // The number stands in the button: it is put in by the page, which knows what is ticked.
  const button = html(t("Approve and Open ({0})", "{0}"));
  return `<!DOCTYPE html>
<html lang="${html(language)}">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; base-uri 'none'; form-action 'none'">
<title>${title}</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<main>
<h1>${title}</h1>
<p>${html(approvalReason(t))}</p>
${facts.some((one) => approvalLines(one, t).some(isWarning)) ? `<p>${html(t("Those with a warning are not ticked."))}</p>` : ""}
<p><label class="all"><input type="checkbox" id="all"> ${html(t("All of them"))}</label></p>
<ul class="tunnels">
${facts.map((one, index) => card(one, index, t)).join("\n")}
</ul>
</main>
<footer>
<button id="approve" data-label="${button}">${button}</button>
<button id="cancel" class="secondary">${html(t("Cancel"))}</button>
</footer>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`;
}

/** The indices of a page's answer; undefined: it is no answer of the page about `count` tunnels. Nothing ticked: the answer is no. */
export function tickedOf(message: unknown, count: number): readonly number[] | undefined {
  if (typeof message !== "object" || message === null || !("ticked" in message) || !Array.isArray(message.ticked)) return undefined;
  const ticked = new Set<unknown>(message.ticked);
  const isIndex = (one: unknown): one is number => Number.isInteger(one) && (one as number) >= 0 && (one as number) < count;
  return [...ticked].every(isIndex) ? ([...ticked] as number[]) : undefined;
}

function card(facts: ApprovalFacts, index: number, t: Translate): string {
  const lines = approvalLines(facts, t);
  const hasWarning = lines.some(isWarning);
  const changed = facts.approvedBefore ? ` <em>${html(t("changed since you approved it"))}</em>` : "";
  return `<li class="tunnel">
<label><input type="checkbox" class="one" value="${index}" aria-describedby="about-${index}"${hasWarning ? "" : " checked"}> <strong>${html(wholeText(facts.name))}</strong>${changed}</label>
<ul id="about-${index}" class="about">
${lines
  .filter((line) => line !== "")
  .map((line) => `<li${isWarning(line) ? ' class="warning"' : ""}><bdi>${html(line)}</bdi></li>`)
  .join("\n")}
</ul>
</li>`;
}

function isWarning(line: string): boolean {
  return line.startsWith(WARNING_MARK);
}

const STYLE = `
body { margin: 0; padding: 0; color: var(--vscode-foreground); font-family: var(--vscode-font-family); font-size: var(--vscode-font-size); }
main { padding: 8px 24px 72px; max-width: 760px; }
h1 { font-size: 1.5em; font-weight: 600; margin: 12px 0 8px; }
p { margin: 6px 0; }
ul { list-style: none; margin: 0; padding: 0; }
label { cursor: pointer; overflow-wrap: anywhere; }
input { accent-color: var(--vscode-button-background); margin: 0 6px 0 0; vertical-align: -2px; }
.vscode-dark, .vscode-high-contrast { color-scheme: dark; }
.vscode-high-contrast-light { color-scheme: light; }
.vscode-high-contrast input, .vscode-high-contrast-light input { accent-color: var(--vscode-focusBorder); outline: 1px solid var(--vscode-contrastBorder); }
.all { color: var(--vscode-descriptionForeground); }
.tunnel { margin: 8px 0; padding: 10px 12px; border: 1px solid var(--vscode-contrastBorder, var(--vscode-widget-border, var(--vscode-panel-border))); border-radius: 4px; }
.tunnel strong { font-size: 1.1em; }
.tunnel em { color: var(--vscode-descriptionForeground); margin-inline-start: 8px; }
.about { margin: 6px 0 0 24px; line-height: 1.5; }
.about li { overflow-wrap: anywhere; white-space: pre-wrap; }
.about bdi { direction: ltr; }
.warning { color: var(--vscode-editorWarning-foreground); font-weight: 600; }
footer { position: fixed; inset: auto 0 0 0; padding: 12px 24px; display: flex; gap: 8px; background: var(--vscode-editor-background); border-top: 1px solid var(--vscode-contrastBorder, var(--vscode-panel-border)); }
button { font: inherit; padding: 5px 14px; border: 1px solid var(--vscode-button-border, var(--vscode-contrastBorder, transparent)); border-radius: 3px; color: var(--vscode-button-foreground); background: var(--vscode-button-background); cursor: pointer; }
button:hover { background: var(--vscode-button-hoverBackground); }
button.secondary { color: var(--vscode-button-secondaryForeground); background: var(--vscode-button-secondaryBackground); }
button.secondary:hover { background: var(--vscode-button-secondaryHoverBackground); }
button:disabled { opacity: 0.5; cursor: default; }
:focus-visible { outline: 1px solid var(--vscode-focusBorder); outline-offset: 2px; }
`;

const SCRIPT = `
const vscode = acquireVsCodeApi();
const all = document.getElementById("all");
const approve = document.getElementById("approve");
const boxes = [...document.querySelectorAll(".one")];
const ticked = () => boxes.filter((box) => box.checked).map((box) => Number(box.value));
const show = () => {
  const count = ticked().length;
  approve.textContent = approve.dataset.label.replace("{0}", String(count));
  approve.disabled = count === 0;
  all.checked = count === boxes.length;
  all.indeterminate = count > 0 && count < boxes.length;
};
for (const box of boxes) box.addEventListener("change", show);
all.addEventListener("change", () => { for (const box of boxes) box.checked = all.checked; show(); });
approve.addEventListener("click", () => vscode.postMessage({ ticked: ticked() }));
const cancel = () => vscode.postMessage({ ticked: [] });
document.getElementById("cancel").addEventListener("click", cancel);
document.addEventListener("keydown", (event) => { if (event.key === "Escape") cancel(); });
show();
approve.focus({ preventScroll: true });
if (document.activeElement !== approve) all.focus({ preventScroll: true });
`;
