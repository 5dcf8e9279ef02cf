/**
 * The keys that a window can name: those in the daemon's key folder and memory, and
 * those in VS Code's secret storage that this window supplies. The commands about
 * keys share this code; the rules are in `tunnels/secret-keys.ts`.
 */
import * as vscode from "vscode";
import type { Result } from "../../shared/contract/methods.ts";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { plainText } from "../../shared/plain-text.ts";
import { COMMANDS, PREFIX } from "../ids.ts";
import { refOf, type TunnelItem } from "../model/tunnel-item.ts";
import type { Services } from "../services.ts";
import { SecretKeys } from "../tunnels/secret-keys.ts";

/** What a command about a key may be called with: the key's name, alone or as `name`; anything else is ignored. */
type KeyArgument = { readonly name?: string } | string | undefined;

/** A key as the daemon lists it. */
export type ListedKey = Result<"keys/list">["keys"][number];

const stores = new WeakMap<vscode.ExtensionContext, SecretKeys>();

/** This window's keys in the secret storage; all callers get the same object. */
export function secretKeysOf({ context, t, log }: Pick<Services, "context" | "t" | "log">): SecretKeys {
  const known = stores.get(context);
  if (known) return known;
  const made = new SecretKeys({
    secrets: context.secrets,
    index: context.globalState,
    onVanished: (name) => void tellVanished(name, t),
    // Messages of the storage and of the daemon never contain the secret.
    onFailure: (name, error) => log.warn(`key ${plainText(name)}: ${plainText(error instanceof Error ? error.message : String(error))}`),
  });
  stores.set(context, made);
  return made;
}

/** Whether the setting sends new keys to the secret storage. */
export function keepsOffDisk(): boolean {
  return vscode.workspace.getConfiguration(PREFIX).get<string>("keyStorage") === "secretStorage";
}

/** The key's name in a command's argument. */
export function keyNameOf(argument: unknown): string | undefined {
  if (typeof argument === "string") return argument || undefined;
  if (typeof argument !== "object" || argument === null) return undefined;
  const { name } = argument as Exclude<KeyArgument, string | undefined>;
  return typeof name === "string" && name !== "" ? name : undefined;
}

/** Names that a new key can't have: those of usable keys and of keys with a fault. */
export async function takenNames({ link }: Pick<Services, "link">): Promise<string[]> {
  const { keys, faults = [] } = await link.request("keys/list", {});
  return [...keys, ...faults].map(({ name }) => name);
}

/** The tunnels of this window whose entry names the key. */
function usersOf(name: string, { store }: Pick<Services, "store">): readonly TunnelItem[] {
  return store.items.filter(({ entry }) => entry !== undefined && [entry.key].flat().includes(name));
}

/** The names of these tunnels, for people. */
export function usersText(name: string, services: Pick<Services, "store" | "t">): string {
  const names = usersOf(name, services).map((item) => plainText(refOf(item).name));
  return names.length === 0 ? services.t("No tunnel of this window uses it.") : services.t("Used by: {0}", names.join(", "));
}

/** The key that `argument` names, else the key that the user picks; undefined: none. */
export async function pickKey(services: Services, argument: unknown, { title }: { readonly title: string }): Promise<ListedKey | undefined> {
  const { t, link } = services;
  const { keys } = await link.request("keys/list", {});
  const given = keyNameOf(argument);
  if (given !== undefined) {
    const found = keys.find(({ name }) => name === given);
    if (!found) throw new TunnelError("KEY_NOT_FOUND", message('there is no key "{0}": import or generate it', plainText(given, { maxLength: 64 })));
    return found;
  }
  if (keys.length === 0) {
    await offerNewKey(t);
    return undefined;
  }
  const picked = await vscode.window.showQuickPick(
    keys.map((key) => ({ ...keyRow(key, services), key })),
    { title, placeHolder: t("Choose a key"), matchOnDescription: true, matchOnDetail: true },
  );
  return picked?.key;
}

/** A key as a row of a quick pick. */
export function keyRow(key: ListedKey, services: Pick<Services, "store" | "t">): vscode.QuickPickItem {
  const { t } = services;
  const where = key.stored === "folder" ? t("In the key folder.") : t("In memory only: supplied by a window.");
  return { label: `$(key) ${key.name}`, description: key.fingerprint, detail: `${where} ${usersText(key.name, services)}` };
}

async function offerNewKey(t: Services["t"]): Promise<void> {
  const [importKey, generate] = [t("Import Key…"), t("Generate Key…")];
  const choice = await vscode.window.showInformationMessage(t("No keys yet."), importKey, generate);
  if (choice === importKey) void vscode.commands.executeCommand(COMMANDS.importKey);
  if (choice === generate) void vscode.commands.executeCommand(COMMANDS.generateKey);
}

async function tellVanished(name: string, t: Services["t"]): Promise<void> {
  const [again, forget] = [t("Import Key…"), t("Delete Key")];
  const text = t("The key {0} is no longer in VS Code's secret storage, which some browsers and systems don't keep. Import it again.", plainText(name));
  const choice = await vscode.window.showWarningMessage(text, again, forget);
  if (choice === again) void vscode.commands.executeCommand(COMMANDS.importKey, { name });
  if (choice === forget) void vscode.commands.executeCommand(COMMANDS.forgetKey, { name });
}
