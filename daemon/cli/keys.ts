/**
 * `tunneld keys …`: the key folder. Works on the files directly and needs no
 * daemon; a running daemon notices the change. A key's bytes are never printed and
 * never taken from the command line, which every user can see.
 */
import { existsSync, statSync } from "node:fs";
import { type KeyForm, keyFormText, keyVariantsText } from "../../shared/contract/key-form.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText, quote } from "../../shared/plain-text.ts";
import { KeyFolder, usableKey } from "../keys/key-folder.ts";
import { type KeyInput, keyBytes } from "../keys/key-text.ts";
import type { DaemonPaths } from "../lifecycle/paths.ts";
import type { CommandContext } from "../programs/context.ts";
import { type ParsedOptions, parseOptions, stateDirOf } from "../programs/options.ts";
import { pathsFor } from "./daemon-connection.ts";
import { failureLine, type Output, ownOutput, table } from "./output.ts";
import { readInput, STDIN } from "./read-input.ts";
import { ownTerminal } from "./terminal.ts";

/** Our choice: a key of 64 KiB, twice as long in hexadecimal, plus line feeds. */
const MAX_INPUT_BYTES = 160 * 1024;

interface KeysCommand {
  readonly operands: readonly string[];
  readonly flags: ReadonlySet<string>;
  readonly folder: KeyFolder;
  readonly context: CommandContext;
  readonly output: Output;
}

type Action = (command: KeysCommand) => Promise<number> | number;

const COMMANDS: ReadonlyMap<string, Action> = new Map<string, Action>([
  ["list", list],
  ["generate", generate],
  ["import", importKey],
  ["export", exportKey],
  ["forget", forget],
  ["fingerprint", showFingerprint],
]);

/**
 * Runs `tunneld keys ARGS`.
 * @throws TunnelError CONFIG_INVALID, KEY_NOT_FOUND, KEY_PERMISSIONS, KEY_WEAK
 */
export async function runKeys(args: readonly string[], context: CommandContext): Promise<number> {
  const options = { "--state-dir": "value", "--base64": "flag", "--hex": "flag", "--yes": "flag", "-y": "flag" } as const;
  const { flags, values, operands }: ParsedOptions = parseOptions(args, options);
  const [name = "", ...rest] = operands;
  const command = COMMANDS.get(name);
  if (!command) {
    const known = [...COMMANDS.keys()].join(", ");
    throw new TunnelError("CONFIG_INVALID", name === "" ? `say what to do with keys: ${known}` : `there is no "keys ${plainText(name)}": there are ${known}`);
  }
  const paths: DaemonPaths = pathsFor(stateDirOf(values));
  const folder = new KeyFolder({ folder: paths.keyDir, suite: context.suite(), random: context.random });
  return await command({ operands: rest, flags, folder, context, output: ownOutput(context.name) });
}

function list({ folder, output }: KeysCommand): number {
  const keys = folder.list();
  if (keys.length === 0) output.note(`no keys in ${folder.folder}: "tunneld keys generate NAME" makes one, "tunneld keys import NAME FILE" takes one in`);
  const rows = keys.map(({ name, fingerprint: shown, fault }) => [
    { text: name, paint: (text: string) => output.paint("bold", text) },
    { text: shown ?? plainText(fault ? failureLine(fault) : ""), paint: (text: string) => (fault ? output.paint("red", text) : text) },
  ]);
  for (const line of table(rows)) output.raw(`${line}\n`);
  return 0;
}

function generate({ operands, folder, output }: KeysCommand): number {
  const name = one(operands, "keys generate NAME");
  const shown = folder.generate(name);
  output.say(`${name}  ${shown}`);
  output.note(`the other end needs the same key: "tunneld keys export ${name} FILE", and copy FILE over a channel you trust`);
  return 0;
}

function importKey({ operands, flags, folder, output }: KeysCommand): number {
  const [name, file = STDIN, ...more] = operands;
  if (name === undefined || more.length > 0) throw usage("keys import NAME [FILE|-] [--base64|--hex]");
  const form = flags.has("--base64") ? "base64" : flags.has("--hex") ? "hex" : "bytes";
  if (flags.has("--base64") && flags.has("--hex")) throw new TunnelError("CONFIG_INVALID", "--base64 and --hex are two forms: choose one");
  if (file === STDIN && process.stdin.isTTY) {
    if (form === "bytes") throw new TunnelError("CONFIG_INVALID", `name the key's file, or hand it over on standard input: tunneld keys import ${name} FILE`);
    output.note("paste the key, then press Enter and Ctrl-D");
  }
  const bytes = readInput(file, MAX_INPUT_BYTES);
  try {
    const input: KeyInput = form === "bytes" ? { form, bytes } : { form, text: bytes.toString("latin1") };
    output.say(`${name}  ${folder.importKey(name, input)}`);
    const { key, form: text } = folder.load(name);
    key.fill(0);
    noteForm(text, output);
  } finally {
    bytes.fill(0);
  }
  return 0;
}

function exportKey({ operands, folder, output }: KeysCommand): number {
  const [name, file, ...more] = operands;
  if (name === undefined || file === undefined || more.length > 0) throw usage("keys export NAME FILE");
  if (file === STDIN) throw new TunnelError("CONFIG_INVALID", "a key is exported to a file, never to a terminal or a log: name one");
  folder.exportKey(name, file).fill(0);
  output.say(`${file}  the key ${quote(name)}, readable by you alone`);
  return 0;
}

async function forget({ operands, flags, folder, output }: KeysCommand): Promise<number> {
  const name = one(operands, "keys forget NAME");
  if (!flags.has("--yes") && !flags.has("-y")) {
    const terminal = ownTerminal();
    if (!terminal) throw new TunnelError("CONFIG_INVALID", "a key that is forgotten is gone for good, and there is no terminal to ask at: say --yes");
    if (!(await terminal.confirm(`Forget the key ${quote(name)} for good?`))) {
      output.note("nothing was forgotten");
      return 1;
    }
  }
  // Fails with the nearest name when there is no such key.
  if (!folder.forget(name)) folder.load(name).key.fill(0);
  output.say(`${plainText(name)}  forgotten`);
  return 0;
}

/** A key of the folder, else a file. A key file's owner may ask for its fingerprint, whatever its mode. */
function showFingerprint({ operands, folder, context, output }: KeysCommand): number {
  const what = one(operands, "keys fingerprint NAME|FILE");
  const isFile = !folder.list().some(({ name }) => name === what) && (what.includes("/") || existsSync(what));
  if (!isFile) {
    const { key, fingerprint: shown, form } = folder.load(what);
    key.fill(0);
    output.say(shown);
    noteForm(form, output);
    return 0;
  }
  const read = readInput(what, MAX_INPUT_BYTES);
  const bytes = keyBytes({ form: "bytes", bytes: read }, quote(what));
  const { key, fingerprint: shown, form } = usableKey(context.suite(), what, bytes);
  output.say(shown);
  noteForm(form, output);
  for (const secret of [read, bytes, key]) secret.fill(0);
  if (process.platform !== "win32" && (statSync(what).mode & 0o077) !== 0) output.warn(`other users can read ${what}: chmod 600 ${what} (KEY_PERMISSIONS)`);
  return 0;
}

/** Notes on standard error that the key is text: its copies in other forms are other keys. */
function noteForm(form: KeyForm | undefined, output: Output): void {
  if (!form) return;
  output.note(`${keyFormText(form)}. Other copies are other keys: ${keyVariantsText(form)}`);
  if (form.ends !== "none") output.note(`a copy of one line without its end: (umask 077; tr -d '\\r\\n' < FILE > NEWFILE)`);
}

function one(operands: readonly string[], how: string): string {
  const [name, ...more] = operands;
  if (name === undefined || more.length > 0) throw usage(how);
  return name;
}

function usage(how: string): TunnelError {
  return new TunnelError("CONFIG_INVALID", `this is how: tunneld ${how}`);
}
