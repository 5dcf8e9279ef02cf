/**
 * Open Ad-hoc Tunnel: asks step by step for what a tunnel needs, and checks each
 * answer while it is typed; keeps the tunnel as an ad-hoc tunnel or in a
 * tunnels.json, and opens it. `asking/ad-hoc.ts` decides what is right and what is
 * offered.
 */
import * as vscode from "vscode";
import type { Service } from "../../shared/contract/tunnels-file.ts";
import type { Disposable } from "../emitter.ts";
import { COMMANDS } from "../ids.ts";
import {
  AD_HOC_STEPS,
  type AdHocDraft,
  type AdHocStep,
  adHocEntry,
  candidateEntry,
  candidatePorts,
  draftFault,
  exampleTarget,
  nameRival,
  suggestName,
} from "../model/asking/ad-hoc.ts";
import { refOf, type TunnelSource } from "../model/tunnel-item.ts";
import { serviceIcon } from "../model/view/tunnel-row.ts";
import type { Services } from "../services.ts";
import { findFreePort } from "../ui/editor/free-port.ts";
import { shownFailures } from "../ui/failures/shown-failures.ts";
import { askKey } from "./ask-key.ts";
import { askListen } from "./ask-listen.ts";
import { approveAsTyped, writeEntry } from "./new-entry.ts";
import { type Answer, askPick, askText, type Choice, type Step } from "./steps.ts";

/** The answers, and where the tunnel is kept. */
interface Answers extends AdHocDraft {
  readonly save: TunnelSource;
}

/** The command resolves to whether a tunnel was opened. */
export function registerOpenAdHoc(services: Services): Disposable {
  return vscode.commands.registerCommand(COMMANDS.openAdHoc, () => shownFailures(services, () => openAdHoc(services)));
}

async function openAdHoc(services: Services): Promise<boolean> {
  // Before the first question: if the daemon can't start, the third question would fail and the first answers would be lost.
  await services.link.request("keys/list", {});
  const answers = await ask(services);
  if (!answers) return false;
  const { save, ...draft } = answers;
  const entry = save.kind === "ad-hoc" ? adHocEntry(draft) : candidateEntry(draft);
  const item = await writeEntry(services, { source: save, name: draft.name, entry });
  // In an untrusted workspace, opening asks for trust first and then for the approval.
  if (vscode.workspace.isTrusted) await approveAsTyped(services, refOf(item), draft);
  return (await services.actions.open(item)).at === "open";
}

async function ask(services: Services): Promise<Answers | undefined> {
  const title = services.t("Open Ad-hoc Tunnel");
  let answers: Partial<Answers> = {};
  for (let index = 0; index < AD_HOC_STEPS.length; ) {
    const name = AD_HOC_STEPS[index] ?? "save";
    const answer = await askStep(name, { services, answers, step: { title, step: index + 1, totalSteps: AD_HOC_STEPS.length } });
    if (answer.at === "cancelled") return undefined;
    if (answer.at === "next") answers = { ...answers, ...answer.value };
    index += answer.at === "back" ? -1 : 1;
  }
  const { service, target, key, listen, name, save } = answers;
  return service && target && key && listen && name && save ? { service, target, key, listen, name, save } : undefined;
}

interface StepContext {
  readonly services: Services;
  readonly answers: Partial<Answers>;
  readonly step: Step;
}

async function askStep(name: AdHocStep, context: StepContext): Promise<Answer<Partial<Answers>>> {
  const { services, answers, step } = context;
  switch (name) {
    case "service":
      return named("service", await askService(context));
    case "target":
      return named("target", await askTarget(context));
    case "key":
      return named("key", await askKey(services, { ...step, active: answers.key }));
    case "listen":
      return named("listen", await askPort(context));
    case "name":
      return named("name", await askName(context));
    case "save":
      return named("save", await askSave(context));
  }
}

function named<K extends keyof Answers>(name: K, answer: Answer<Answers[K]>): Answer<Partial<Answers>> {
  return answer.at === "next" ? { at: "next", value: { [name]: answer.value } } : answer;
}

function askService({ services: { t }, answers, step }: StepContext): Promise<Answer<Service>> {
  const choices: Choice<Service>[] = [
    { label: `$(${serviceIcon("redis")}) Redis`, description: "redis", detail: t("Also Valkey and everything that speaks its protocol."), value: "redis" },
    { label: `$(${serviceIcon("mysql")}) MySQL`, description: "mysql", detail: t("Also MariaDB."), value: "mysql" },
    { label: `$(${serviceIcon("postgres")}) PostgreSQL`, description: "postgres", detail: t("Also what speaks its protocol."), value: "postgres" },
    { label: `$(${serviceIcon("mongodb")}) MongoDB`, description: "mongodb", detail: t("Also what speaks its protocol."), value: "mongodb" },
    { label: `$(${serviceIcon("tcp")}) ${t("Another service")}`, description: "tcp", detail: t("Any program that talks over TCP."), value: "tcp" },
  ];
  return askPick({ ...step, placeholder: t("Which service is at the far end?"), choices, active: answers.service });
}

function askTarget({ services: { t }, answers, step }: StepContext): Promise<Answer<string>> {
  const example = exampleTarget(answers.service ?? "tcp");
  return askText({
    ...step,
    prompt: t("Address of the far end, host:port: the encrypted port, where spiped -d or tunneld listens, not that of the service."),
    placeholder: example,
    value: answers.target ?? "",
    validate: (text) => (text.trim() === "" ? t("Write the address as host:port, such as {0}.", example) : draftFault({ target: text }, judge(t))),
  });
}

async function askPort({ services, answers, step }: StepContext): Promise<Answer<string>> {
  const { t, store } = services;
  const suggested = answers.listen ?? String(await findFreePort(candidatePorts(answers.service ?? "tcp", store.items)));
  const prompt = t("The port on this machine that your programs will connect to. 0 picks a free one.");
  return await askListen(services, { ...step, prompt, suggested, target: answers.target, others: store.items });
}

function askName({ services: { t, store }, answers, step }: StepContext): Promise<Answer<string>> {
  const suggested = suggestName({ target: answers.target ?? "", service: answers.service ?? "tcp" }, store.items);
  return askText({
    ...step,
    prompt: t("A name for the tunnel."),
    placeholder: suggested,
    value: answers.name ?? suggested,
    validate: (text) =>
      text.trim() === "" ? t("Write a name, such as {0}.", suggested) : (draftFault({ name: text }, judge(t)) ?? nameRival(text, { items: store.items, t })),
  });
}

function askSave({ services: { t, sources }, answers, step }: StepContext): Promise<Answer<TunnelSource>> {
  const all = sources.configs.map(({ source }) => source);
  const rows = [
    ...all.filter(({ kind }) => kind === "ad-hoc"),
    ...all.filter(({ kind }) => kind === "workspace"),
    ...all.filter(({ kind }) => kind === "personal"),
  ];
  const choices = rows.map((source): Choice<TunnelSource> => ({ ...saveRow(source, t), value: source }));
  return askPick({ ...step, placeholder: t("Keep the tunnel {0}?", answers.name ?? ""), choices });
}

function saveRow({ kind, label, configPath }: TunnelSource, t: Services["t"]): vscode.QuickPickItem {
  switch (kind) {
    case "ad-hoc":
      return { label: `$(debug-start) ${t("Open only")}`, detail: t("Kept on this machine as an ad-hoc tunnel, until you remove it.") };
    case "workspace":
      return {
        label: `$(save) ${t("Save to tunnels.json and open")}`,
        description: label,
        detail: t("Shared with everybody who has this folder. The key is not in the file."),
      };
    case "personal":
      return { label: `$(account) ${t("Save to my tunnels and open")}`, description: configPath, detail: t("Yours alone, in every workspace.") };
  }
}

function judge(t: Services["t"]): { readonly t: Services["t"]; readonly platform: NodeJS.Platform } {
  return { t, platform: process.platform };
}
