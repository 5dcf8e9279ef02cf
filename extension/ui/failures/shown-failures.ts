/** Shows the failures of commands to the user. */
import * as vscode from "vscode";
import { TunnelError } from "../../../shared/errors.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { COMMANDS } from "../../ids.ts";
import type { Services } from "../../services.ts";

/** Runs a command: a failure is shown, and the result is undefined. */
export async function shownFailures<T>({ ui, t, log }: Pick<Services, "ui" | "t" | "log">, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof TunnelError) {
      ui.showFailure(undefined, error);
      return undefined;
    }
    // Errors of VS Code's dialogs, file system and secret storage.
    const message = plainText(error instanceof Error ? error.message : String(error));
    log.error(message);
    void vscode.window.showErrorMessage(t("Failed: {0}", plainText(message, { maxLength: 100 })), t("Show Log")).then((choice) => {
      if (choice !== undefined) void vscode.commands.executeCommand(COMMANDS.showLog);
    });
    return undefined;
  }
}
