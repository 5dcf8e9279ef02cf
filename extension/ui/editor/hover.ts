/**
 * Hovers: the live state over an entry's name, the fingerprint over "key".
 * `editor/config-hover.ts` makes the text; it is shown as text, never as Markdown.
 */
import * as vscode from "vscode";
import type { Disposable } from "../../emitter.ts";
import { configHover } from "../../model/editor/config-hover.ts";
import type { Services } from "../../services.ts";
import { keyAsker } from "./known-keys.ts";
import { configOf, configSelector, placeOf, rangeOf } from "./open-files.ts";

/** Registers the hover. */
export function registerHover(services: Services): Disposable {
  const askKeys = keyAsker(services, Date.now);
  return vscode.languages.registerHoverProvider(configSelector(services), {
    provideHover: async (document, position) => {
      const place = placeOf(services, document.uri);
      if (!place) return undefined;
      const { configPath } = place.source;
      const { t, store } = services;
      const keys = await askKeys();
      const context = { find: (name: string) => store.find({ configPath, name }), keys, t, nowMs: Date.now() };
      const hover = configHover(configOf(document).entries.values(), document.offsetAt(position), context);
      if (!hover) return undefined;
      const text = new vscode.MarkdownString();
      for (const line of hover.lines) text.appendText(line).appendMarkdown("\n\n");
      return new vscode.Hover(text, rangeOf(document, hover));
    },
  });
}
