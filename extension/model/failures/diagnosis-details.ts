/**
 * What was seen at a stage that is in order, in a few words of the user's language.
 * The daemon's sentences are English: of those that are known the facts are taken,
 * and prose that is not known is shown to English users only. Pure.
 */
import { isEnglish, type Translate } from "../translate.ts";

/** The detail of a stage that is in order; undefined: it says no more than that. */
export function okDetail(detail: string, t: Translate): string | undefined {
  if (detail === "approved in its present form") return undefined;
  if (detail === "in effect") return t("forward secrecy");
  if (detail === "not in effect, and not required") return t("no forward secrecy");
  const address = /^(?:this tunnel listens at|connected to) (\S+)$/.exec(detail)?.[1];
  if (address !== undefined) return address;
  const [, key, fingerprint] = /^(.+), fingerprint ([0-9a-f-]+)$/.exec(detail) ?? [];
  if (key !== undefined && fingerprint !== undefined) return t("{0}, fingerprint {1}", key, fingerprint);
  return isEnglish(t) || !isProse(detail) ? detail : undefined;
}

/** Two words in a row: an address, a path or "Redis (PONG)" has none. */
function isProse(text: string): boolean {
  return /(?:^|\s)[a-z]{2,} [a-z]{2,}(?:\s|$)/.test(text);
}
