/**
 * Import Key: takes in the key that the far end has, from a file as it is or from
 * text that somebody sent. The value is checked while it is pasted, never shown,
 * written only to the key folder or the secret storage, and then dropped.
 */
import * as vscode from "vscode";
import type { Result } from "../../shared/contract/methods.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import { bytesOfKeyText, KEY_MAX_BYTES, type KeyTextForm, keyFileFault, readKeyText, suggestKeyName, textFormOf } from "../model/asking/key-input.ts";
import { keyFormLine } from "../model/key-form-line.ts";
import type { Services } from "../services.ts";
import { rememberKey } from "../ui/editor/newest-key.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { keepsOffDisk, keyNameOf, secretKeysOf } from "./key-store.ts";
import { askKeyName } from "./keys-generate.ts";

/** A key that was taken in. `bytes` is the content of the key file; wiped afterwards. */
interface TakenKey {
  readonly bytes: Uint8Array;
  readonly suggestedName: string;
}

/** The command takes a {@link KeyArgument} and resolves to the new key's name; undefined: none was imported. */
export function registerImportKey(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.importKey, (argument?: unknown) => shownFailures(services, () => importKey(services, argument)));
}

async function importKey(services: Services, argument: unknown): Promise<string | undefined> {
  const { t } = services;
  const given = keyNameOf(argument);
  const title = given === undefined ? t("Import Key") : t("Import Key {0}", plainText(given, { maxLength: 64 }));
  const taken = await takeKey(title, t);
  if (!taken) return undefined;
  try {
    const name = await askKeyName(services, { title, suggested: given ?? taken.suggestedName, given });
    if (name === undefined) return undefined;
    const fingerprint = await keep(services, { name, bytes: taken.bytes });
    rememberKey(services, name);
    await services.store.refreshApprovals();
    void tell(name, fingerprint, services).catch((error: unknown) => services.log.warn(plainText(String(error))));
    return name;
  } finally {
    taken.bytes.fill(0);
  }
}

async function keep(services: Services, { name, bytes }: { readonly name: string; readonly bytes: Uint8Array }): Promise<string> {
  if (keepsOffDisk()) return await secretKeysOf(services).add(name, bytes, services.link);
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
  return (await services.link.request("keys/import", { name, form: "bytes", data })).fingerprint;
}

async function tell(name: string, fingerprint: string, { t, link }: Services): Promise<void> {
  const copy = t("Copy Fingerprint");
  // The key is imported, even if the daemon can no longer say what form its file has.
  const { keys } = await link.request("keys/list", {}).catch(() => ({ keys: [] as Result<"keys/list">["keys"] }));
  const form = keyFormLine(keys.find((key) => key.name === name)?.form, t);
  const text = t("Key {0} imported. Compare its fingerprint with the server's: {1}", name, fingerprint);
  if ((await vscode.window.showInformationMessage([text, ...form].join(" "), copy)) === copy) await vscode.env.clipboard.writeText(fingerprint);
}

async function takeKey(title: string, t: Services["t"]): Promise<TakenKey | undefined> {
  const sources = [
    { label: `$(file) ${t("From a key file…")}`, detail: t("The file that spiped has after -k, byte for byte."), from: "file" as const },
    { label: `$(symbol-string) ${t("Paste base64…")}`, detail: t("Text of letters, digits, + and /."), from: "base64" as const },
    { label: `$(symbol-numeric) ${t("Paste hexadecimal…")}`, detail: t("Text of the digits 0-9 and the letters a-f."), from: "hex" as const },
  ];
  const picked = await vscode.window.showQuickPick(sources, { title, placeHolder: t("Where does the key come from?"), ignoreFocusOut: true });
  if (!picked) return undefined;
  return picked.from === "file" ? await takeFile(title, t) : await takeText(title, { form: picked.from, t });
}

async function takeText(title: string, { form, t }: { readonly form: KeyTextForm; readonly t: Services["t"] }): Promise<TakenKey | undefined> {
  const typed = await vscode.window.showInputBox({
    title,
    prompt: form === "hex" ? t("Paste the key as hexadecimal digits. It is not shown.") : t("Paste the key as base64. It is not shown."),
    password: true,
    ignoreFocusOut: true,
    validateInput: (value) => {
      const read = readKeyText(value, { form, t });
      return read.at === "fault" ? read.message : undefined;
    },
  });
  if (typed === undefined) return undefined;
  const read = readKeyText(typed, { form, t });
  return read.at === "key" ? { bytes: bytesOfKeyText(read), suggestedName: "" } : undefined;
}

async function takeFile(title: string, t: Services["t"]): Promise<TakenKey | undefined> {
  const [uri] = (await vscode.window.showOpenDialog({ title, openLabel: t("Import Key"), canSelectMany: false })) ?? [];
  if (!uri) return undefined;
  const bytes = await readKeyFile(uri, t);
  if (typeof bytes === "string") {
    void vscode.window.showErrorMessage(bytes, t("Choose Another File…")).then((again) => {
      if (again !== undefined) void vscode.commands.executeCommand(COMMANDS.importKey);
    });
    return undefined;
  }
  const suggestedName = suggestKeyName(uri.path.split("/").at(-1) ?? "");
  const form = textFormOf(bytes);
  const decode = form === undefined ? "as-is" : await askDecode(title, { form, t });
  if (decode === "as-is") return { bytes, suggestedName };
  const read = decode === undefined || form === undefined ? undefined : readKeyText(Buffer.from(bytes).toString("latin1"), { form, t });
  bytes.fill(0);
  return read?.at === "key" ? { bytes: bytesOfKeyText(read), suggestedName } : undefined;
}

/** The file's bytes, or what is wrong with it. */
async function readKeyFile(uri: vscode.Uri, t: Services["t"]): Promise<Uint8Array | string> {
  const stat = await vscode.workspace.fs.stat(uri);
  if (stat.type & vscode.FileType.Directory) return t("This is a folder: choose the key file in it.");
  if (stat.size > KEY_MAX_BYTES) return t("This is too long: a key has at most 64 KiB.");
  const bytes = Uint8Array.from(await vscode.workspace.fs.readFile(uri));
  const fault = keyFileFault(bytes, t);
  if (fault === undefined) return bytes;
  bytes.fill(0);
  return fault;
}

async function askDecode(title: string, { form, t }: { readonly form: KeyTextForm; readonly t: Services["t"] }): Promise<"as-is" | "decode" | undefined> {
  const asIs = {
    label: t("Use the file as it is"),
    detail: t("As spiped takes it: every character of the text is part of the key."),
    value: "as-is" as const,
  };
  const decode = { label: t("Decode the text"), detail: t("If somebody wrote the key down as text."), value: "decode" as const };
  const placeHolder = form === "hex" ? t("The file holds hexadecimal digits. Which is the key?") : t("The file holds base64. Which is the key?");
  return (await vscode.window.showQuickPick([asIs, decode], { title, placeHolder, ignoreFocusOut: true }))?.value;
}
