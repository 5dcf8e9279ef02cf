/**
 * The marks of rows: production and colours. VS Code colours a row's name and puts
 * a badge behind it by the row's resource, so each mark is a resource of its own.
 */
import * as vscode from "vscode";
import type { Disposable } from "../../emitter.ts";
import { markText, type TunnelMark, treeColor } from "../../model/view/tunnel-mark.ts";
import type { Services } from "../../services.ts";

const SCHEME = "encrypted-tunnels-mark";
const MARKS: readonly TunnelMark[] = (["red", "yellow", "green", "blue", "purple"] as const).flatMap((color) =>
  [true, false].map((isProduction) => ({ color, isProduction })),
);

/** The resource of a row with this mark. */
export function markUri(mark: TunnelMark): vscode.Uri {
  return vscode.Uri.from({ scheme: SCHEME, path: pathOf(mark) });
}

/** Draws the marks. */
export function registerTreeMarks({ t }: Services): Disposable {
  return vscode.window.registerFileDecorationProvider({
    provideFileDecoration: (uri) => {
      const mark = uri.scheme === SCHEME ? MARKS.find((one) => pathOf(one) === uri.path) : undefined;
      return mark && new vscode.FileDecoration(mark.isProduction ? "!" : "●", markText(mark, t), new vscode.ThemeColor(treeColor(mark.color)));
    },
  });
}

function pathOf({ color, isProduction }: TunnelMark): string {
  return `/${isProduction ? "production" : "marked"}/${color}`;
}
