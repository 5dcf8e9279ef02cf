/**
 * The rows under a tunnel: what the tunnel does, what the daemon has seen, what is
 * wrong and what fixes it. Plain data; rows under rows are details. A row with
 * nothing to say is left out. `tunnel-counters.ts` makes the rows about traffic and
 * keys.
 */

import type { TunnelUser } from "../../../shared/contract/state.ts";
import { isListening } from "../../../shared/contract/tunnel-state.ts";
import { plainText } from "../../../shared/plain-text.ts";
import { problemText } from "../editor/problem-text.ts";
import { wordsIn } from "../failures/daemon-words.ts";
import { failureHelp } from "../failures/failure-help.ts";
import type { Translate } from "../translate.ts";
import { stateOf, type TunnelItem } from "../tunnel-item.ts";
import { failureWord } from "./failure-word.ts";
import { ago, span, type View } from "./format.ts";
import { counterFacts } from "./tunnel-counters.ts";
import { type FactParts, makeFact, type TunnelFact } from "./tunnel-fact.ts";
import { historyFacts, type TunnelEvent } from "./tunnel-history.ts";
import { backendOf, currentFailure, listenOf, stateWord, targetOf } from "./tunnel-row.ts";

/** The rows under `item`, the most important first; `events` are its history, the newest first. */
export function tunnelFacts(item: TunnelItem, view: View, events: readonly TunnelEvent[] = []): TunnelFact[] {
  return [
    ...faultFacts(item, view),
    ...approvalFacts(item, view),
    ...reconnectingFacts(item, view),
    ...failureFacts(item, view),
    stateFact(item, view),
    ...verifiedFacts(item, view),
    ...productFacts(item, view),
    ...addressFacts(item, view),
    ...counterFacts(item, view),
    ...useFacts(item, view),
    ...historyFacts(events, view),
  ].map((parts) => makeFact(parts));
}

function faultFacts({ fault }: TunnelItem, { t }: View): FactParts[] {
  if (!fault) return [];
  const text = problemText(fault, t);
  return [{ id: "fault", icon: "error", label: t("Mistake in its entry"), description: text, copy: text, command: "reveal" }];
}

function approvalFacts({ approval, status }: TunnelItem, { t }: View): FactParts[] {
  if (approval.at !== "pending") return [];
  const runsOn = status !== undefined && isListening(status.state);
  return [
    {
      id: "approval",
      icon: "shield",
      label: approval.facts.approvedBefore ? t("Changed since you approved it: review…") : t("Not approved: review…"),
      description: runsOn ? t("the approved form keeps running") : "",
      command: "approve",
    },
  ];
}

function failureFacts(item: TunnelItem, view: View): FactParts[] {
  const { t } = view;
  const failure = item.status?.lastFailure;
  if (!failure) return [];
  const { cause, cure, detail, code } = failureHelp(failure, { t, isOfTunnel: true, role: item.status?.role });
  const when = failure.count > 1 ? t("{0} times, last {1}", failure.count, ago(failure.atMs, view)) : ago(failure.atMs, view);
  const word = failureWord(code, t);
  const isCurrent = currentFailure(item) !== undefined;
  return [
    {
      id: "failure",
      icon: isCurrent ? "warning" : "history",
      label: isCurrent ? t("Failure") : t("Last failure"),
      description: `${word === undefined ? code : `${word} (${code})`} · ${when}`,
      copy: `${code}: ${detail}`,
      tooltip: `${cause} ${cure}`,
      children: [
        { id: "cause", label: t("Cause"), description: cause, copy: cause },
        { id: "cure", label: t("Fix"), description: cure, copy: cure },
        ...(detail === "" ? [] : [{ id: "detail", label: t("Details"), description: detail, copy: detail }]),
      ],
    },
  ];
}

function reconnectingFacts({ status }: TunnelItem, { t, nowMs }: View): FactParts[] {
  if (!status?.reconnecting) return [];
  const { sinceMs, connections, code } = status.reconnecting;
  const why = plainText(wordsIn(status.reconnecting, t));
  return [
    {
      id: "reconnecting",
      icon: "sync",
      label: t("Waiting for the network"),
      description: t("{0} connections for {1}: {2}", connections, span(nowMs - sinceMs, t), why),
      copy: `${code}: ${why}`,
      tooltip: t("Open connections wait, and go on as soon as the far end can be reached again. New ones wait, too."),
    },
  ];
}

function stateFact(item: TunnelItem, { t, nowMs }: View): FactParts {
  const { status } = item;
  const word = stateWord(item, t);
  // While this window is working on the tunnel, the daemon's time belongs to another state.
  const known = status !== undefined && status.state === stateOf(item) && status.sinceMs > 0;
  return { id: "state", icon: "info", label: t("State"), description: known ? t("{0} {1}", word, span(nowMs - status.sinceMs, t)) : word };
}

function verifiedFacts({ status }: TunnelItem, view: View): FactParts[] {
  const { t } = view;
  if (!status || status.state === "closed") return [];
  const { keyVerifiedAtMs, backendVerifiedAtMs } = status;
  const key = keyVerifiedAtMs === undefined ? t("not yet") : ago(keyVerifiedAtMs, view);
  const backend = backendVerifiedAtMs === undefined ? t("not yet") : ago(backendVerifiedAtMs, view);
  return [
    {
      id: "verified",
      icon: "verified",
      label: t("Last verified"),
      // Mostly both are as old: then one age says it.
      description: key === backend ? key : t("key {0}, service {1}", key, backend),
      tooltip: t("Key: when the other end last proved that it holds the key. Service: when the database behind it last said something."),
    },
  ];
}

function productFacts({ status }: TunnelItem, { t }: View): FactParts[] {
  const product = status?.product === undefined ? undefined : plainText(status.product, { maxLength: 80 });
  return product === undefined ? [] : [{ id: "product", icon: "database", label: t("Service"), description: product, copy: product }];
}

function addressFacts(item: TunnelItem, { t }: View): FactParts[] {
  const listen = listenOf(item, t);
  if (listen === undefined) return [];
  const target = targetOf(item);
  const backend = backendOf(item);
  return [
    { id: "listen", icon: "plug", label: t("Local address"), description: listen, copy: listen },
    { id: "target", icon: "arrow-right", label: t("Remote address"), description: target, copy: target },
    ...(backend === undefined ? [] : [{ id: "backend", icon: "database", label: t("Backend there"), description: backend, copy: backend }]),
  ];
}

function useFacts({ status }: TunnelItem, { t }: View): FactParts[] {
  if (!status) return [];
  const users = status.users.map((user) => userText(user, t));
  return [
    ...(users.length === 0
      ? []
      : [
          {
            id: "users",
            icon: "window",
            label: t("Used by"),
            description: users.join(", "),
            children: users.length === 1 ? [] : users.map((user, index) => ({ id: String(index), label: user, description: "" })),
          },
        ]),
    ...(status.pinned ? [{ id: "pinned", icon: "pinned", label: t("Pinned"), description: t("stays open without a window, until tunneld down") }] : []),
    ...(status.closedByUser
      ? [{ id: "closed-by-user", icon: "circle-slash", label: t("Closed by you"), description: t("stays closed until it is opened again") }]
      : []),
  ];
}

/** Who uses a tunnel, in words. */
export function userText({ kind, name }: TunnelUser, t: Translate): string {
  const shown = plainText(name, { maxLength: 80 });
  switch (kind) {
    case "vscode":
      return t("VS Code window {0}", shown);
    case "exec":
    case "cli":
      return t("command {0}", shown);
    default:
      return `${plainText(kind, { maxLength: 32 })} ${shown}`;
  }
}
