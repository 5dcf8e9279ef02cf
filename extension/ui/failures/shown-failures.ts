/** How a command fails: where the user sees it. */
import * as vscode from "vscode";
import { TunnelError } from "../../../shared/errors.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { COMMANDS } from "../../ids.ts";
import type { Services } from "../../services.ts";

/** Runs a command: a failure that a user can meet is shown, and is undefined. */
export async function shownFailures<T>({ ui, t, log }: Pick<Services, "ui" | "t" | "log">, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TunnelError) {
      ui.showFailure(undefined, error);
      return undefined;
    }
    // What VS Code's dialogs, file system and secret storage throw.
    const message = plainText(error instanceof Error ? error.message : String(error));
    log.error(message);
    void vscode.window.showErrorMessage(t("This did not work: {0}", message), t("Show Log")).then((choice) => {
      if (choice !== undefined) void vscode.commands.executeCommand(COMMANDS.showLog);
    });
    return undefined;
  }
}
