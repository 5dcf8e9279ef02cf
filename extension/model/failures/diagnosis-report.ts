/**
 * A diagnosis as a report in Markdown, for the clipboard: to be pasted into an issue
 * or a chat. The daemon's findings are in its own words (English); the meaning of a
 * code and its remedy are in the user's language. Pure.
 */
import type { Diagnosis } from "../../../shared/contract/diagnosis.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { markdownText } from "../markdown-text.ts";
import { isEnglish, type Translate } from "../translate.ts";
import { codeTitle } from "./code-names.ts";
import { helpOf, namesShellCommand } from "./diagnosis-verdict.ts";
import { type FailureHelp, SAID_BY_CAUSE } from "./failure-help.ts";

/** What a report is made from. */
export interface ReportOptions {
  readonly t: Translate;
  /** When the report was made, in the user's time format. */
  readonly madeAt: string;
}

/** The report. Text from files and peers stays plain in it. The source is readable, too. */
export function diagnosisReport(diagnosis: Diagnosis, { t, madeAt }: ReportOptions): string {
  const sections = [
    [`# ${t("Diagnosis of the tunnel {0}", markdownText(diagnosis.name))}`],
    [roleLine(diagnosis, t)],
    [t("Created: {0}", madeAt)],
    ...verdictSections(diagnosis, t),
    [`## ${t("Stages")}`],
    stageTable(diagnosis.stages, t),
    ...addressSections(diagnosis, t),
    ...roundTripSections(diagnosis, t),
    ...warningSections(diagnosis, t),
  ];
  return `${sections.map((lines) => lines.join("\n")).join("\n\n")}\n`;
}

/** What a stage is about, in a few words. A stage that only a newer daemon has keeps its own name. */
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

function verdictSections(diagnosis: Diagnosis, t: Translate): string[][] {
  const { code, certain, cause } = diagnosis;
  const help = helpOf(diagnosis, t);
  if (code === null || help === undefined) return [[`## ${t("All checks passed")}`], [markdownText(cause)]];
  const title = markdownText(codeTitle(code, t));
  const head = certain ? title : t("Probably: {0}", title);
  // The texts of the codes are our own: their code spans are intended.
  const cure = namesShellCommand(diagnosis.cure) ? help.cure : markdownText(diagnosis.cure);
  const sections = [
    [`## ${head}`],
    [`**${t("Cause")}**: ${markdownText(cause)}`],
    ...(cure === "" ? [] : [[`**${t("Fix")}**: ${cure}`]]),
    ...(saysMore(help, diagnosis, t) ? [[t("In general: {0}", help.cause)]] : []),
    ...(cure === help.cure ? [] : [[t("Fix in general: {0}", help.cure)]]),
  ];
  return certain ? sections : [...sections, [t("This is a guess from what was seen: the far end gives no reasons, and there can be another cause.")]];
}

/** Whether the code's general cause tells the reader more than the daemon's sentence, which is English. */
function saysMore({ code, cause }: FailureHelp, diagnosis: Diagnosis, t: Translate): boolean {
  return cause !== diagnosis.cause && !(isEnglish(t) && SAID_BY_CAUSE.includes(code));
}

function stageTable(stages: Diagnosis["stages"], t: Translate): string[] {
  const rows = stages.map(({ stage, ok, ms, code, detail }) => [
    stageLabel(stage, t),
    ok === null ? t("not tried") : ok ? t("✔ OK") : t("✖ failed"),
    ms > 0 ? inOneLine(t("{0} ms", ms)) : "",
    [code, detail].flatMap((part) => (part === undefined ? [] : [markdownText(part)])).join(": "),
  ]);
  return table([t("Stage"), t("Result"), t("Time"), t("Seen")], rows);
}

/** Keeps a number and its unit on one line in a narrow column. */
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

/** The round trips that were measured, a sentence each. */
export function roundTripTexts({ dialMs, handshakeMs, backendMs }: Diagnosis["roundTrips"], t: Translate): string[] {
  return [
    ...(dialMs === undefined ? [] : [t("Connecting to the target: {0} ms", dialMs)]),
    ...(handshakeMs === undefined ? [] : [t("Proving the key: {0} ms", handshakeMs)]),
    ...(backendMs === undefined ? [] : [t("A question to the service, there and back: {0} ms", backendMs)]),
  ];
}

function roundTripSections({ roundTrips }: Diagnosis, t: Translate): string[][] {
  const lines = roundTripTexts(roundTrips, t).map((text) => `- ${text}`);
  return lines.length === 0 ? [] : [[`## ${t("Timing")}`], lines];
}

function warningSections({ warnings }: Diagnosis, t: Translate): string[][] {
  return warnings.length === 0 ? [] : [[`## ${t("Advice")}`], warnings.map(({ text }) => `- ${markdownText(text)}`)];
}

/** A Markdown table whose columns are aligned in a fixed-width font. */
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
