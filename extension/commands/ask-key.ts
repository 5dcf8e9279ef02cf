/**
 * Asks for a key: an existing one, or a new one that is imported or generated on
 * the spot.
 */
import * as vscode from "vscode";
import { COMMANDS } from "../ids.ts";
import type { Services } from "../services.ts";
import { keyRow } from "./key-store.ts";
import { type Answer, askPick, type Choice, type Step } from "./steps.ts";

type KeyChoice = { readonly at: "known"; readonly name: string } | { readonly at: "new"; readonly command: string };

/** How to ask. */
export interface KeyStep extends Step {
  /** The name that a new key must have, if there is such a name. */
  readonly newName?: string | undefined;
  /** The key that was chosen before. */
  readonly active?: string | undefined;
}

/**
 * Asks for a key; resolves to its name.
 * @throws TunnelError as the daemon's keys/list
 */
export async function askKey(services: Services, { newName, active, ...step }: KeyStep): Promise<Answer<string>> {
  const { t, link } = services;
  for (;;) {
    const { keys } = await link.request("keys/list", {});
    const known = keys.map((key): Choice<KeyChoice> => ({ ...keyRow(key, services), value: { at: "known", name: key.name } }));
    const make = [
      { label: `$(desktop-download) ${t("Import Key…")}`, detail: t("Import the server's key."), command: COMMANDS.importKey },
      { label: `$(add) ${t("Generate Key…")}`, detail: t("Create a new key and give it to the server."), command: COMMANDS.generateKey },
    ].map(({ command, ...row }): Choice<KeyChoice> => ({ ...row, alwaysShow: true, value: { at: "new", command } }));
    const separator: Choice<KeyChoice> = { label: t("Another key"), kind: vscode.QuickPickItemKind.Separator };
    const chosen = known.map(({ value }) => value).find((value) => value?.at === "known" && value.name === active);
    const placeholder = keys.length === 0 ? t("Both ends need the same key. No key is on this machine yet.") : t("Choose the key that both ends share");
    const answer = await askPick<KeyChoice>({ ...step, placeholder, choices: [...known, separator, ...make], active: chosen });
    if (answer.at !== "next") return answer;
    if (answer.value.at === "known") return { at: "next", value: answer.value.name };
    const argument = newName === undefined ? [] : [{ name: newName }];
    const made = await vscode.commands.executeCommand<string | undefined>(answer.value.command, ...argument);
    if (made !== undefined) return { at: "next", value: made };
  }
}
