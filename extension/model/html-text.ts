/**
 * Text inside HTML that a page shows. Everything that comes from files, peers and
 * the daemon becomes plain text first, so it can be neither markup nor a link. Pure.
 */
import { plainText } from "../../shared/plain-text.ts";

/** HTML that this program made. Nothing else may be put into a page unescaped. */
export interface Html {
  readonly html: string;
}

/** What a template takes: text is escaped, HTML is put in as it is. */
type Part = string | number | Html | readonly Html[];

/** Our choice: a host name has at most 255 characters, a sentence with one in it some more. */
const MAX_TEXT_LENGTH = 600;

/** A template for HTML: ``html`<p>${text}</p>` ``. Its texts are escaped. */
export function html(parts: TemplateStringsArray, ...values: readonly Part[]): Html {
  return { html: parts.reduce((whole, part, index) => whole + written(values[index - 1]) + part) };
}

/**
 * Text from outside. `<bdi>`: a right-to-left name must not turn the rest of the line around.
 * The page's style lets such text break anywhere, because names and hosts can be long.
 */
export function outside(text: string, options: { readonly maxLength?: number } = {}): Html {
  return html`<bdi>${plainText(text, { maxLength: options.maxLength ?? MAX_TEXT_LENGTH })}</bdi>`;
}

/** Nothing. */
export const NO_HTML: Html = { html: "" };

function written(value: Part | undefined): string {
  if (value === undefined) return "";
  if (typeof value === "string" || typeof value === "number") return escaped(String(value));
  return "html" in value ? value.html : value.map((one) => one.html).join("");
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "`": "&#96;" };

/** `text` as text of HTML or of a quoted attribute. */
export function escaped(text: string): string {
  return text.replace(/[&<>"'`]/g, (character) => ENTITIES[character] ?? "");
}
