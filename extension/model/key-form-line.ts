/**
 * The sentence about a key whose file is text: the file's line end is part of the
 * key, so the far end's copy may be a different key. The sentence lists the
 * fingerprints of such copies, to compare. The daemon computes the fingerprints;
 * this file has the words. Pure.
 */
import type { KeyForm, KeyVariant } from "../../shared/contract/key-form.ts";
import type { Translate } from "./translate.ts";

/** One sentence; none for a key that is not text. */
export function keyFormLine(form: KeyForm | undefined, t: Translate): string[] {
  if (!form) return [];
  const copies = form.variants.map((variant) => variantText(variant, t)).join(", ");
  return [
    form.ends === "none"
      ? t("It is text without a line end, which would be part of the key. Other copies: {0}", copies)
      : t("It is text, and its line end is part of the key. Other copies: {0}", copies),
  ];
}

function variantText({ how, fingerprint }: KeyVariant, t: Translate): string {
  switch (how) {
    case "no-line-end":
      return t("without the line end {0}", fingerprint);
    case "lf":
      return t("with a line feed {0}", fingerprint);
    case "crlf":
      return t("with CR LF {0}", fingerprint);
    case "no-bom":
      return t("without the byte order mark {0}", fingerprint);
  }
}
