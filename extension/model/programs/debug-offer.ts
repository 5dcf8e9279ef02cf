/**
 * Before a program is debugged: which closed tunnels it seems to need, and the two
 * questions that can come up. A launch configuration needs a tunnel when its `env`
 * or `envFile` names one of the tunnel's variables. Pure.
 */
import { tunnelEnvironment } from "../../../shared/contract/tunnel-environment.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { codeTitle } from "../failures/code-names.ts";
import type { Translate } from "../translate.ts";
import { isOn, type TunnelItem } from "../tunnel-item.ts";
import { tunnelName } from "../view/tunnel-row.ts";
import { isForFolder } from "./environment.ts";

/** A tunnel and those of its variables that a program names. */
export interface NeededTunnel {
  readonly item: TunnelItem;
  readonly variables: readonly string[];
}

/** A question with a title, details and nothing else; the caller adds the buttons. */
export interface DebugQuestion {
  readonly message: string;
  readonly detail: string;
}

/** Our choice: the text of a file of variables is searched no further. */
const MAX_SEARCHED = 1024 * 1024;

/** A port of no meaning: only the names of the variables are used. */
const ANY_PORT = { kind: "tcp", host: "127.0.0.1", port: 1 } as const;

/** The closed tunnels for clients of `folder`. Whether an entry is approved is not looked at here. */
export function closedTunnels(items: readonly TunnelItem[], folder: string | undefined): readonly TunnelItem[] {
  return items.filter((item) => item.entry?.role === "client" && !isOn(item) && isForFolder(item, folder));
}

/** Those of the tunnels that the texts of a launch configuration name, before its variables are replaced. */
export function neededTunnels(closed: readonly TunnelItem[], texts: readonly string[]): readonly NeededTunnel[] {
  const words = new Set(texts.flatMap((text) => text.slice(0, MAX_SEARCHED).match(/[A-Za-z_]\w*/g) ?? []));
  return closed.map((item) => ({ item, variables: variableNames(item).filter((name) => words.has(name)) })).filter(({ variables }) => variables.length > 0);
}

/** Names and values of a launch configuration's variables, whichever form its debugger has for them. */
export function environmentTexts(config: Readonly<Record<string, unknown>>): readonly string[] {
  const { env, environment } = config;
  const pairs = typeof env === "object" && env !== null ? Object.entries(env) : [];
  const listed = Array.isArray(environment) ? environment.flatMap((one: unknown) => (typeof one === "object" && one !== null ? Object.values(one) : [])) : [];
  return [...pairs.flat(), ...listed].filter((text) => typeof text === "string");
}

/** The paths of a launch configuration's files of variables: `envFile` is one path or several. */
export function envFilesOf(config: Readonly<Record<string, unknown>>, folder: string | undefined): readonly string[] {
  const files: readonly unknown[] = Array.isArray(config["envFile"]) ? config["envFile"] : [config["envFile"]];
  return files
    .filter((file) => typeof file === "string" && file !== "")
    .map((file) => String(file).replace(/\$\{workspace(?:Folder|Root)\}/g, () => folder ?? ""));
}

/** "Open cache first?" */
export function openFirstQuestion(needed: readonly NeededTunnel[], t: Translate): DebugQuestion {
  const names = needed.map(({ item }) => tunnelName(item)).join(", ");
  const lines = needed.map(({ item, variables }) => t("{0} is closed. The launch configuration names {1}.", tunnelName(item), plainText(variables.join(", "))));
  return { message: t("Open {0} first?", names), detail: lines.join("\n") };
}

/** What kept a tunnel from opening. */
export interface FailedTunnel {
  readonly item: TunnelItem;
  readonly code: string;
  readonly message: string;
}

/** "Tunnel cache is not working. Start debugging anyway?" */
export function startAnywayQuestion(failed: readonly FailedTunnel[], t: Translate): DebugQuestion {
  const [only, ...others] = failed;
  const names = failed.map(({ item }) => tunnelName(item)).join(", ");
  const message =
    only && others.length === 0
      ? t("Tunnel {0} is not working. Start debugging anyway?", names)
      : t("These tunnels are not working: {0}. Start debugging anyway?", names);
  const reasons = failed.map(({ item, code }) => (others.length === 0 ? codeTitle(code, t) : t("{0}: {1}", tunnelName(item), codeTitle(code, t))));
  return { message, detail: reasons.join("\n") };
}

function variableNames({ name, entry }: TunnelItem): string[] {
  return entry ? Object.keys(tunnelEnvironment(name, entry, ANY_PORT)) : [];
}
