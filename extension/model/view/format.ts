/**
 * Times, durations and sizes in the user's language, short enough for a tree row.
 * Units are written so that they need no plural. Pure: the caller supplies the time.
 */
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** What the models need to describe times. */
export interface View {
  readonly t: Translate;
  /** Wall clock. */
  readonly nowMs: number;
  /** For what is not drawn again each second: no age is told in seconds. */
  readonly steps?: "minutes";
}

/** How long ago, roughly: "just now", "12 s ago", "3 min ago". A future time is "just now", because clocks can be set back. */
export function ago(atMs: number, view: View): string {
  const { t, nowMs } = view;
  const passedMs = nowMs - atMs;
  return passedMs < 2 * SECOND_MS && !view.steps ? t("just now") : t("{0} ago", lasted(passedMs, view));
}

/** {@link span} in the steps of the view. */
export function lasted(lastedMs: number, { t, steps }: View): string {
  return steps === "minutes" && lastedMs < MINUTE_MS ? t("less than a minute") : span(lastedMs, t);
}

/** How long something has lasted, roughly: "12 s", "3 min". Minutes from one on, larger units from two on. */
export function span(lastedMs: number, t: Translate): string {
  if (lastedMs < MINUTE_MS) return t("{0} s", Math.max(0, Math.floor(lastedMs / SECOND_MS)));
  if (lastedMs < 2 * HOUR_MS) return t("{0} min", Math.min(119, Math.round(lastedMs / MINUTE_MS)));
  return lastedMs < 2 * DAY_MS ? t("{0} h", Math.floor(lastedMs / HOUR_MS)) : t("{0} d", Math.floor(lastedMs / DAY_MS));
}

/** A time that was measured: "0.4 ms", "12 ms", "1.5 s". */
export function measured(ms: number, t: Translate): string {
  if (ms >= SECOND_MS) return t("{0} s", oneDecimal(ms / SECOND_MS));
  return t("{0} ms", ms < 10 ? oneDecimal(ms) : Math.round(ms));
}

/** A size: "512 B", "1.2 kB", "34 MB"; steps of 1000. */
export function size(bytes: number, t: Translate): string {
  // A size that would be shown as 1000 of a unit is shown as 1 of the next unit.
  if (bytes < 1e3) return t("{0} B", bytes);
  if (bytes < 999.5e3) return t("{0} kB", scaled(bytes / 1e3));
  if (bytes < 999.5e6) return t("{0} MB", scaled(bytes / 1e6));
  return bytes < 999.5e9 ? t("{0} GB", scaled(bytes / 1e9)) : t("{0} TB", scaled(bytes / 1e12));
}

/** Where a tunnel listens, from an entry or a status: a port alone is at 127.0.0.1, port 0 is not known yet. */
export function listenText(listen: string | number, t: Translate): string {
  const text = String(listen);
  const address = /^\d+$/.test(text) ? `127.0.0.1:${text}` : text;
  return address.endsWith(":0") ? t("{0}, any free port", plainText(address.slice(0, -2))) : plainText(address);
}

function scaled(value: number): string {
  return value < 9.95 ? oneDecimal(value) : String(Math.round(value));
}

/** Without a zero after the decimal point. */
function oneDecimal(value: number): string {
  return String(Number(value.toFixed(1)));
}
