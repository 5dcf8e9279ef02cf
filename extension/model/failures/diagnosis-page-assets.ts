/**
 * Style and script of the page of a diagnosis. Colours are VS Code's, so the page
 * follows every theme; in high contrast each part has an edge. The script replaces
 * the changing part, keeps the focus, and hands on which button was pressed. Pure.
 */

/** See the file's header. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; }
body { margin: 0; padding: 1.25em 1.5em; color: var(--vscode-editor-foreground, var(--vscode-foreground)); background: var(--vscode-editor-background);
  font-family: var(--vscode-font-family, sans-serif); font-size: var(--vscode-font-size, 13px); line-height: 1.45; overflow-wrap: anywhere; }
main { max-width: 64em; margin: 0 auto; }
h1, h2, p, ol, ul { margin: 0; padding: 0; font-weight: normal; }
h1 { font-size: 1.5em; }
section { margin-top: 1.5em; }
section h2 { font-size: 1.1em; font-weight: 600; }
section ul { padding-inline-start: 1.3em; }
.unseen { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
header, .card { display: flex; flex-wrap: wrap; gap: 0.75em 1.5em; justify-content: space-between; align-items: flex-start; }
header { margin-bottom: 1.25em; }
.titles, .texts { flex: 1 1 22em; min-width: 0; }
.way, .seen, .time, .skipped .label, .waiting .label { color: var(--vscode-descriptionForeground); }
.summary { display: flex; align-items: center; gap: 0.5em; margin-top: 0.6em; font-size: 1.25em; font-weight: 600; }
.buttons { display: flex; flex-wrap: wrap; gap: 0.5em; }
button { font: inherit; padding: 0.35em 0.9em; border: 1px solid var(--vscode-button-border, var(--vscode-contrastBorder, transparent)); border-radius: 4px; cursor: pointer; }
button.primary { color: var(--vscode-button-foreground); background: var(--vscode-button-background); }
button.primary:hover { background: var(--vscode-button-hoverBackground); }
button.secondary { color: var(--vscode-button-secondaryForeground); background: var(--vscode-button-secondaryBackground); }
button.secondary:hover { background: var(--vscode-button-secondaryHoverBackground); }
button:focus-visible { outline: 2px solid var(--vscode-focusBorder); outline-offset: 2px; }
svg { display: block; }
.mark svg, .summary svg { width: 20px; height: 20px; flex: none; }
.chain { list-style: none; }
.hop { position: relative; display: grid; grid-template-columns: 20px minmax(14em, 1fr) minmax(6em, 1fr) 9em; column-gap: 0.9em; padding-bottom: 0.9em; align-items: start; }
.hop::before { content: ""; position: absolute; left: 9px; top: 20px; bottom: 0; width: 2px; background: var(--vscode-descriptionForeground); opacity: 0.5; }
.hop.ok::before { background: var(--vscode-testing-iconPassed, var(--vscode-charts-green)); opacity: 1; }
.hop:last-child::before { display: none; }
.bar { padding-top: 0.35em; }
.bar svg { width: 100%; height: 0.75em; }
.time { text-align: end; }
.time .ms { font-variant-numeric: tabular-nums; }
.ok { --state: var(--vscode-testing-iconPassed, var(--vscode-charts-green)); }
.failed { --state: var(--vscode-testing-iconFailed, var(--vscode-errorForeground)); }
.running { --state: var(--vscode-progressBar-background, var(--vscode-charts-blue)); }
.skipped, .waiting { --state: var(--vscode-descriptionForeground); }
svg circle, svg path, svg rect { fill: var(--state); stroke: none; }
svg .sign { fill: none; stroke: var(--vscode-editor-background); stroke-width: 2; }
svg .hollow { fill: none; stroke: var(--state); stroke-width: 1.5; }
svg .line { fill: none; stroke: var(--state); stroke-width: 2; }
svg .hand { fill: none; stroke: var(--state); stroke-width: 3; }
.failed .word { color: var(--state); font-weight: 600; }
.running .label { font-weight: 600; }
.culprit h2 { font-size: 1.35em; font-weight: 600; line-height: 20px; }
.culprit .card { grid-column: 2 / -1; margin-top: 0.75em; padding: 1em 1.1em; border: 1px solid var(--vscode-inputValidation-errorBorder, var(--vscode-errorForeground));
  border-inline-start-width: 4px; border-radius: 4px; }
main > .card { margin-bottom: 1.25em; padding: 1em 1.1em; border: 1px solid var(--vscode-inputValidation-errorBorder, var(--vscode-errorForeground)); border-inline-start-width: 4px; border-radius: 4px; }
.cause { font-size: 1.1em; }
.cure { margin-top: 0.4em; font-weight: 600; }
.card .seen { margin-top: 0.6em; }
.running .mark svg, .summary.running svg { animation: turn 1.2s linear infinite; }
.moving { opacity: 0.5; animation: breathe 1.2s ease-in-out infinite alternate; }
@keyframes turn { to { transform: rotate(360deg); } }
@keyframes breathe { from { opacity: 0.15; } to { opacity: 0.6; } }
@media (prefers-reduced-motion: reduce) { svg, rect { animation: none !important; } }
body.vscode-reduce-motion svg, body.vscode-reduce-motion rect { animation: none !important; }
body.vscode-high-contrast .bar rect, body.vscode-high-contrast-light .bar rect { stroke: var(--vscode-contrastBorder); stroke-width: 1; vector-effect: non-scaling-stroke; }
@media (max-width: 42em) {
  .hop { grid-template-columns: 20px minmax(0, 1fr) auto; }
  .bar { grid-column: 2 / -1; grid-row: 2; }
  .time { grid-column: 3; grid-row: 1; }
}
`;

/** See the file's header. What it is sent was made by `diagnosis-page.ts`, which has escaped it. */
export const PAGE_SCRIPT = `
(() => {
  const host = acquireVsCodeApi();
  const body = document.getElementById("body");
  const says = document.getElementById("says");
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button[data-run]") : null;
    if (button) host.postMessage({ run: button.dataset.run });
  });
  window.addEventListener("message", ({ data }) => {
    if (typeof data.body === "string" && data.body !== body.innerHTML) {
      const focused = document.activeElement?.dataset?.run;
      body.innerHTML = data.body;
      // "Stop" becomes "Diagnose Again": the keyboard stays where it was.
      if (focused) (body.querySelector('[data-run="' + focused + '"]') ?? body.querySelector("header button"))?.focus();
    }
    if (typeof data.says === "string" && data.says !== says.textContent) says.textContent = data.says;
  });
  host.postMessage({ run: "ready" });
})();
`;
