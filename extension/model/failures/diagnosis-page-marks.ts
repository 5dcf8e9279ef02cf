/** The marks of a hop's states, as SVG: their form differs, not only their colour. A word stands beside each, so screen readers skip them. Pure. */
import type { Html } from "../html-text.ts";
import type { Hop } from "./diagnosis-run.ts";

/** By state. */
export const MARKS: Readonly<Record<Hop["state"], Html>> = {
  ok: svg('<circle cx="10" cy="10" r="9"/><path class="sign" d="M5.5 10.5 8.8 13.6 14.5 7"/>'),
  failed: svg('<path d="M6.3 1h7.4L19 6.3v7.4L13.7 19H6.3L1 13.7V6.3z"/><path class="sign" d="M6.7 6.7 13.3 13.3M13.3 6.7 6.7 13.3"/>'),
  running: svg('<circle class="hollow" cx="10" cy="10" r="8.5"/><path class="hand" d="M10 1.5a8.5 8.5 0 0 1 8.5 8.5"/>'),
  skipped: svg('<circle class="hollow" cx="10" cy="10" r="8.5"/><path class="line" d="M6.5 10h7"/>'),
  waiting: svg('<circle class="hollow" cx="10" cy="10" r="8.5"/>'),
};

function svg(content: string): Html {
  return { html: `<svg viewBox="0 0 20 20" aria-hidden="true" focusable="false">${content}</svg>` };
}
