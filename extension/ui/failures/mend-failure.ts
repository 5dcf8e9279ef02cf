/**
 * The buttons of a failure's notification: which command each one runs, for which
 * tunnel or key. `failures/failure-help.ts` decides which buttons there are, and
 * their labels.
 */
import * as vscode from "vscode";
import type { TunnelRef } from "../../../shared/contract/tunnel-ref.ts";
import { CHOOSE_KEY, CHOOSE_PORT, COMMANDS } from "../../ids.ts";
import type { MendingAction } from "../../model/failures/failure-help.ts";
import type { TunnelItem } from "../../model/tunnel-item.ts";

/** Finds a tunnel, to learn more than its reference says: for example the key to import. */
export interface TunnelFinder {
  find(ref: TunnelRef): TunnelItem | undefined;
}

/** Does what the button says; `ref`: the tunnel that the failure is about. A command shows its own failures. */
export async function mendFailure(action: MendingAction, ref: TunnelRef | undefined, store: TunnelFinder): Promise<void> {
  const [command, ...args] = commandOf(action, ref, store);
  const result = await vscode.commands.executeCommand<unknown>(command, ...args);
  // With its key or another port, the tunnel that failed to open can be opened.
  const isMended = ["import-key", "choose-key", "pick-port"].includes(action) && typeof result === "string";
  if (isMended && ref) await vscode.commands.executeCommand(COMMANDS.open, ref);
}

function commandOf(action: MendingAction, ref: TunnelRef | undefined, store: TunnelFinder): [string, ...unknown[]] {
  switch (action) {
    case "approve":
      // Opening asks for the approval first: an approval alone would leave the tunnel closed.
      return [COMMANDS.open, ref];
    case "choose-key":
      return [CHOOSE_KEY, ref];
    case "import-key":
      return [COMMANDS.importKey, keyOf(ref, store)];
    case "generate-key":
      return [COMMANDS.generateKey, keyOf(ref, store)];
    case "fingerprint":
      return [COMMANDS.showFingerprint, keyOf(ref, store)];
    case "edit":
      return [COMMANDS.reveal, ref];
    case "pick-port":
      return [CHOOSE_PORT, ref];
    case "diagnose":
      return [COMMANDS.diagnose, ref];
    case "server-command":
      return [COMMANDS.copyServerCommand, ref];
    case "log":
      return [COMMANDS.showLog];
    case "restart-daemon":
      return [COMMANDS.restartDaemon];
  }
}

/** The key that the entry names, if it names one in the key folder. */
function keyOf(ref: TunnelRef | undefined, store: TunnelFinder): { readonly name: string } | undefined {
  const key = ref && store.find(ref)?.entry?.key;
  return typeof key === "string" ? { name: key } : undefined;
}
