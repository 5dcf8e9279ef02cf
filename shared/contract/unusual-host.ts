/**
 * Hosts whose letters are not plain: `dаtabase` with a Cyrillic а looks like a
 * host that the user knows, but leads elsewhere. The form in which such a name is
 * looked up (xn--…) is shown beside it. Text that is only an ASCII name or IP
 * address written otherwise (１２７.0.0.1) is refused by `address-rules.ts`. Pure.
 */
import { domainToASCII } from "node:url";

/** Any digit or number that is not 0 to 9. */
const FOREIGN_DIGIT = /(?![0-9])\p{N}/u;

/** What a host with other letters than ASCII's stands for. */
export type HostLetters =
  | { readonly at: "plain" }
  /** An international name, as it is looked up. */
  | { readonly at: "international"; readonly ascii: string }
  /** A label, or the whole host, is plain text in other characters: `ascii` is what it would be taken for; undefined: nothing. */
  | { readonly at: "disguised"; readonly ascii: string | undefined };

/** Judges a host: a name or an IP address, without port and brackets. */
export function hostLetters(host: string): HostLetters {
  if (/^\p{ASCII}*$/u.test(host)) return /(?:^|\.)xn--/i.test(host) ? { at: "international", ascii: host } : { at: "plain" };
  const ascii = domainToASCII(host) || undefined;
  if (ascii === undefined || FOREIGN_DIGIT.test(host)) return { at: "disguised", ascii };
  const labels = ascii.split(".");
  const written = host.split(".");
  // Each label with other letters must be looked up as an international one: full-width letters become plain ones.
  const isInternational = written.length === labels.length && written.every((label, index) => /^\p{ASCII}*$/u.test(label) || /^xn--/.test(labels[index] ?? ""));
  return isInternational ? { at: "international", ascii } : { at: "disguised", ascii };
}

/** The host of an address (host:port, host:port-port, or a host alone) as it is looked up, if it is to be marked where somebody approves it; undefined: nothing to mark. */
export function markedHost(address: string): string | undefined {
  if (address.startsWith("/")) return undefined;
  const letters = hostLetters(address.replace(/:\d*(?:-\d+)?$/, ""));
  return letters.at === "plain" ? undefined : letters.ascii;
}
