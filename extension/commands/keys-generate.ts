/**
 * Generate Key: 32 random bytes under a name, in the key folder (the daemon makes
 * them) or, if the setting says so, in VS Code's secret storage.
 */
import * as vscode from "vscode";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { KEY_MIN_BYTES, keyNameFault } from "../model/asking/key-input.ts";
import type { Services } from "../services.ts";
import { rememberKey } from "../ui/editor/newest-key.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { keepsOffDisk, keyNameOf, secretKeysOf, takenNames } from "./key-store.ts";

/** The command takes a {@link KeyArgument} and resolves to the new key's name; undefined: none was made. */
export function registerGenerateKey(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.generateKey, (argument?: unknown) => shownFailures(services, () => generate(services, argument)));
}

async function generate(services: Services, argument: unknown): Promise<string | undefined> {
  const { t } = services;
  const name = await askKeyName(services, { title: t("Generate Key"), suggested: keyNameOf(argument) ?? "", given: keyNameOf(argument) });
  if (name === undefined) return undefined;
  const fingerprint = keepsOffDisk() ? await generateSecret(services, name) : (await services.link.request("keys/generate", { name })).fingerprint;
  rememberKey(services, name);
  await services.store.refreshApprovals();
  void tell(name, fingerprint, services);
  return name;
}

async function generateSecret(services: Services, name: string): Promise<string> {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_MIN_BYTES));
  try {
    return await secretKeysOf(services).add(name, bytes, services.link);
  } finally {
    bytes.fill(0);
  }
}

async function tell(name: string, fingerprint: string, { t }: Services): Promise<void> {
  const [toFile, copy] = [t("Export Key to File…"), t("Copy Fingerprint")];
  const text = t("Key {0} created. The server needs the same key file. Fingerprint: {1}", name, fingerprint);
  const choice = await vscode.window.showInformationMessage(text, toFile, copy);
  if (choice === toFile) await vscode.commands.executeCommand(COMMANDS.exportKey, { name });
  if (choice === copy) await vscode.env.clipboard.writeText(fingerprint);
}

/** How to ask for a name. */
export interface KeyNameQuestion {
  readonly title: string;
  /** What the box contains at first. */
  readonly suggested: string;
  /** The caller's own name: taken without a question if it has no fault. */
  readonly given: string | undefined;
}

/**
 * A name for a new key, judged while it is typed; undefined: the user gave none.
 * @throws TunnelError as the daemon's keys/list
 */
export async function askKeyName(services: Services, { title, suggested, given }: KeyNameQuestion): Promise<string | undefined> {
  const { t } = services;
  const taken = await takenNames(services);
  if (given !== undefined && keyNameFault(given, { taken, t }) === undefined) return given;
  return await vscode.window.showInputBox({
    title,
    prompt: t('Name of the key, as in tunnels.json under "key". The name is not a secret.'),
    placeHolder: "team-redis",
    value: suggested,
    ignoreFocusOut: true,
    validateInput: (typed) => keyNameFault(typed, { taken, t }),
  });
}
