/**
 * Digests that tell whether two definitions are the same: one says whether a
 * running tunnel may be shared, the other whether what was approved is still what
 * would happen. SHA-256 over canonical JSON, hexadecimal.
 */
import type { CipherSuite } from "../crypto/suite.ts";

/** Plain data; undefined properties don't count, the order of properties neither. */
export type Canonical = string | number | boolean | undefined | readonly Canonical[] | { readonly [name: string]: Canonical };

/** The digest of `value`; `label` keeps digests for different purposes apart. */
export function digestOf(suite: CipherSuite, label: string, value: Canonical): string {
  const text = JSON.stringify([label, sorted(value)]);
  return Array.from(suite.sha256(new TextEncoder().encode(text)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Objects as sorted lists of pairs: JSON.stringify would put names that look like numbers first, and drop "__proto__". */
function sorted(value: Canonical): unknown {
  if (Array.isArray(value)) return ["list", ...value.map(sorted)];
  if (typeof value !== "object") return value ?? null;
  const pairs = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return ["object", ...pairs.toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, inner]) => [name, sorted(inner)])];
}
