/**
 * Which key: one that is there, or a new one, taken in or made on the spot.
 */
import * as vscode from "vscode";
import { COMMANDS } from "../ids.ts";
import type { Services } from "../services.ts";
import { keyRow } from "./key-store.ts";
import { type Answer, askPick, type Choice, type Step } from "./steps.ts";

type KeyChoice = { readonly at: "known"; readonly name: string } | { readonly at: "new"; readonly command: string };

/** How to ask. */
export interface KeyStep extends Step {
  /** The name for a new key, if there is one to keep to. */
  readonly newName?: string | undefined;
  /** Chosen before. */
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
      { label: `$(desktop-download) ${t("Import Key…")}`, detail: t("Take in the key that the far end has."), command: COMMANDS.importKey },
      { label: `$(add) ${t("Generate Key…")}`, detail: t("Make a new key, to be given to the far end."), command: COMMANDS.generateKey },
    ].map(({ command, ...row }): Choice<KeyChoice> => ({ ...row, alwaysShow: true, value: { at: "new", command } }));
    const separator: Choice<KeyChoice> = { label: t("Another key"), kind: vscode.QuickPickItemKind.Separator };
    const chosen = known.map(({ value }) => value).find((value) => value?.at === "known" && value.name === active);
    const placeholder = keys.length === 0 ? t("Both ends share one key. There is none on this machine yet.") : t("Choose the key that both ends share");
    const answer = await askPick<KeyChoice>({ ...step, placeholder, choices: [...known, separator, ...make], active: chosen });
    if (answer.at !== "next") return answer;
    if (answer.value.at === "known") return { at: "next", value: answer.value.name };
    const argument = newName === undefined ? [] : [{ name: newName }];
    const made = await vscode.commands.executeCommand<string | undefined>(answer.value.command, ...argument);
    if (made !== undefined) return { at: "next", value: made };
  }
}
