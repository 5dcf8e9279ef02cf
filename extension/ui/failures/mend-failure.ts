/**
 * The buttons of a failure's notification: which command each one runs, about which
 * tunnel or key. What buttons there are, and their labels, is
 * `model/failure-help.ts`.
 */
import * as vscode from "vscode";
import { CHOOSE_KEY } from "../../commands/choose-key.ts";
import { CHOOSE_PORT } from "../../commands/choose-port.ts";
import { COMMANDS } from "../../ids.ts";
import type { MendingAction } from "../../model/failures/failure-help.ts";
import type { TunnelItem, TunnelRef } from "../../model/tunnel-item.ts";

/** To say more of a tunnel than its reference does: the key that is to be imported. */
export interface TunnelFinder {
  find(ref: TunnelRef): TunnelItem | undefined;
}

/** Does what the button says; `ref`: the tunnel it is about. A command shows its own failures. */
export async function mendFailure(action: MendingAction, ref: TunnelRef | undefined, store: TunnelFinder): Promise<void> {
  const [command, ...args] = commandOf(action, ref, store);
  const result = await vscode.commands.executeCommand<unknown>(command, ...args);
  // With its key there or another port, what was to be opened can be.
  const isMended = ["import-key", "choose-key", "pick-port"].includes(action) && typeof result === "string";
  if (isMended && ref) await vscode.commands.executeCommand(COMMANDS.open, ref);
}

function commandOf(action: MendingAction, ref: TunnelRef | undefined, store: TunnelFinder): [string, ...unknown[]] {
  switch (action) {
    case "approve":
      return [COMMANDS.approve, ref];
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

/** The key that the entry names, when it is one of the key folder. */
function keyOf(ref: TunnelRef | undefined, store: TunnelFinder): { readonly name: string } | undefined {
  const key = ref && store.find(ref)?.entry?.key;
  return typeof key === "string" ? { name: key } : undefined;
}
