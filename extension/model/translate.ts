/**
 * How a pure model gets its words in the user's language: the caller supplies the
 * function (vscode.l10n.t in VS Code, {@link english} in tests). The English text is
 * the id; test/unit/extension/l10n.test.ts checks every `t("…")` against the bundles.
 */

/** The text in the user's language, with {0}, {1} … replaced. */
export type Translate = (text: string, ...args: readonly (string | number)[]) => string;

/** Whether texts are shown in English. */
export function isEnglish(t: Translate): boolean {
  return t("not tried") === "not tried";
}

/** No translation: for tests; VS Code does the same without a bundle. */
export const english: Translate = (text, ...args) => text.replace(/\{(\d+)\}/g, (whole, index: string) => String(args[Number(index)] ?? whole));
