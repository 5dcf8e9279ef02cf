/**
 * A diagnosis for people: a report for an editor, one sentence for a notification,
 * and what can be done about it. What the daemon saw stands in its own words
 * (English); what a code means and what mends it, in the user's language. Pure.
 */
import type { Diagnosis } from "../../../shared/contract/diagnosis.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { markdownText } from "../markdown-text.ts";
import { english, type Translate } from "../translate.ts";
import { type FailureAction, type FailureHelp, failureHelp, type MendingAction, SAID_BY_CAUSE } from "./failure-help.ts";

/** Our choice: a notification shows few buttons whole, and "Diagnose Again" is one. */
const MAX_MENDS = 2;

/** A cure for a terminal: here it has a counterpart. */
const SHELL_COMMAND = /\btunneld (?:approve|diagnose|down|exec|keygen|keys|logs|restart|serve|service|status|stop|up|url|wait)\b/;

/** What makes a report. */
export interface ReportOptions {
  readonly t: Translate;
  /** When it was made, as the user writes times. */
  readonly madeAt: string;
}

/** The report: Markdown for a preview, in which text of files and peers stays plain; it reads well as it is, too. */
export function diagnosisReport(diagnosis: Diagnosis, { t, madeAt }: ReportOptions): string {
  const sections = [
    [`# ${t("Diagnosis of the tunnel {0}", markdownText(diagnosis.name))}`],
    [roleLine(diagnosis, t)],
    [t("Made: {0}", madeAt)],
    ...verdictSections(diagnosis, t),
    [`## ${t("Stage by stage")}`],
    stageTable(diagnosis.stages, t),
    ...addressSections(diagnosis, t),
    ...roundTripSections(diagnosis, t),
    ...warningSections(diagnosis, t),
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** One or two sentences for a notification. */
export function diagnosisSummary(diagnosis: Diagnosis, t: Translate): string {
  const name = plainText(diagnosis.name);
  const { code, certain } = diagnosis;
  if (code === null) return t("{0}: nothing is wrong. {1}", name, plainText(diagnosis.cause));
  // The daemon's own sentence mostly says so already.
  const isSaid = certain || /\bprobably\b/i.test(diagnosis.cause);
  return isSaid ? t("{0}: {1} ({2})", name, plainText(diagnosis.cause), code) : t("{0}, probably: {1} ({2})", name, plainText(diagnosis.cause), code);
}

/** What mends what was found, the most useful first; without what a diagnosis has just done. */
export function mendsOf(diagnosis: Diagnosis, t: Translate): readonly MendingAction[] {
  const isMending = (action: FailureAction): action is MendingAction => !["retry", "diagnose"].includes(action);
  const { actions = [] } = helpOf(diagnosis, t) ?? {};
  return actions.filter(isMending).slice(0, MAX_MENDS);
}

/** What a stage is about, in a few words. One that a newer daemon has keeps its own name. */
export function stageLabel(stage: string, t: Translate): string {
  switch (stage) {
    case "config":
      return t("Entry in tunnels.json");
    case "approval":
      return t("Approval");
    case "key":
      return t("Key on this machine");
    case "listen":
      return t("Local port");
    case "resolve":
      return t("Name of the target");
    case "dial":
      return t("Connection to the target");
    case "nonce":
      return t("Greeting of spiped");
    case "key-proof":
      return t("Same key at both ends");
    case "forward-secrecy":
      return t("Forward secrecy");
    case "backend":
      return t("Service behind the far end");
    case "service":
      return t("Answer of the service");
    default:
      return plainText(stage, { maxLength: 40 });
  }
}

function roleLine({ role, service, target }: Diagnosis, t: Translate): string {
  return role === "client" ? t("Client end, {0}, target {1}", service, markdownText(target)) : t("Server end, {0}, target {1}", service, markdownText(target));
}

function helpOf({ code, cause, role }: Diagnosis, t: Translate): FailureHelp | undefined {
  return code === null ? undefined : failureHelp({ code, message: cause }, { t, isOfTunnel: true, role });
}

function verdictSections(diagnosis: Diagnosis, t: Translate): string[][] {
  const { code, certain, cause } = diagnosis;
  const help = helpOf(diagnosis, t);
  if (code === null || help === undefined) return [[`## ${t("Nothing is wrong")}`], [markdownText(cause)]];
  const head = certain ? t("Found: {0}", markdownText(code)) : t("Probably: {0}", markdownText(code));
  // The texts of the codes are ours: the code in them is meant as code.
  const cure = SHELL_COMMAND.test(diagnosis.cure) ? help.cure : markdownText(diagnosis.cure);
  const sections = [
    [`## ${head}`],
    [`**${t("Cause")}**: ${markdownText(cause)}`],
    ...(cure === "" ? [] : [[`**${t("Cure")}**: ${cure}`]]),
    ...(saysMore(help, diagnosis) ? [[t("What this code means in general: {0}", help.cause)]] : []),
    ...(cure === help.cure ? [] : [[t("What mends it in general: {0}", help.cure)]]),
  ];
  return certain ? sections : [...sections, [t("This is a guess from what was seen: the far end gives no reasons, and there can be another cause.")]];
}

/** Whether the cause in general tells the reader more than the daemon's sentence, which is English. */
function saysMore({ code, cause }: FailureHelp, diagnosis: Diagnosis): boolean {
  const isEnglish = cause === helpOf(diagnosis, english)?.cause;
  return cause !== diagnosis.cause && !(isEnglish && SAID_BY_CAUSE.includes(code));
}

function stageTable(stages: Diagnosis["stages"], t: Translate): string[] {
  const rows = stages.map(({ stage, ok, ms, code, detail }) => [
    stageLabel(stage, t),
    ok === null ? t("not tried") : ok ? t("✔ good") : t("✖ failed"),
    ms > 0 ? inOneLine(t("{0} ms", ms)) : "",
    [code, detail].flatMap((part) => (part === undefined ? [] : [markdownText(part)])).join(": "),
  ]);
  return table([t("Stage"), t("Result"), t("Time"), t("Seen")], rows);
}

/** A number and its unit are not parted by the edge of a narrow column. */
function inOneLine(text: string): string {
  return text.replaceAll(" ", "\u00a0");
}

function addressSections({ addresses }: Diagnosis, t: Translate): string[][] {
  if (addresses.length < 2) return [];
  const rows = addresses.map(({ address, ok, ms, detail }) => [
    markdownText(address),
    ok ? t("✔ answers") : t("✖ does not answer"),
    inOneLine(t("{0} ms", ms)),
    markdownText(detail ?? ""),
  ]);
  return [[`## ${t("Addresses of the target")}`], table([t("Address"), t("Result"), t("Time"), t("Seen")], rows)];
}

function roundTripSections({ roundTrips: { dialMs, handshakeMs, backendMs } }: Diagnosis, t: Translate): string[][] {
  const lines = [
    ...(dialMs === undefined ? [] : [`- ${t("Connecting to the target: {0} ms", dialMs)}`]),
    ...(handshakeMs === undefined ? [] : [`- ${t("Proving the key: {0} ms", handshakeMs)}`]),
    ...(backendMs === undefined ? [] : [`- ${t("A question to the service, there and back: {0} ms", backendMs)}`]),
  ];
  return lines.length === 0 ? [] : [[`## ${t("Where time goes")}`], lines];
}

function warningSections({ warnings }: Diagnosis, t: Translate): string[][] {
  return warnings.length === 0 ? [] : [[`## ${t("Advice")}`], warnings.map(({ text }) => `- ${markdownText(text)}`)];
}

/** A Markdown table whose columns stand below one another in a fixed-width font. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll("|", "\\|")));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => widthOf(row[column] ?? ""))));
  // The last column is often long: padding it would only make lines wrap.
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => (column === row.length - 1 ? cell : cell + " ".repeat(Math.max(0, (widths[column] ?? 0) - widthOf(cell))))).join(" | ")} |`;
  const [first = [], ...rest] = cells;
  return [line(first), `| ${widths.map((width, column) => "-".repeat(column === widths.length - 1 ? 3 : width)).join(" | ")} |`, ...rest.map(line)];
}

/** Chinese characters are two columns wide. */
function widthOf(text: string): number {
  return [...text].reduce((width, char) => width + (/[\u1100-\u115f\u2e80-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff00-\uff60]/.test(char) ? 2 : 1), 0);
}
