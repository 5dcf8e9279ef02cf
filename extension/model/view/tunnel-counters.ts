/**
 * The rows under a tunnel that come from its traffic: connections, bytes, times of
 * round trips, keys and their uses, failures by code.
 */

import type { TunnelStatus } from "../../../shared/contract/state.ts";
import type { KeyReference } from "../../../shared/contract/tunnels-file.ts";
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";
import type { TunnelItem } from "../tunnel-item.ts";
import { ago, measured, size, span, type View } from "./format.ts";
import type { FactParts } from "./tunnel-fact.ts";

/** Our choice: connections beyond this number are only counted. */
const MAX_CONNECTIONS = 50;

/** The rows, without those that have nothing to say. */
export function counterFacts(item: TunnelItem, view: View): FactParts[] {
  const { status } = item;
  return [
    ...(status ? [...connectionFacts(status, view), ...trafficFacts(status, view.t), ...wireFacts(status, view.t), ...timeFacts(status, view.t)] : []),
    ...keyFacts(item, view),
    ...(status ? refusalFacts(status, view.t) : []),
  ];
}

function connectionFacts({ state, openConnections, totalConnections, connections }: TunnelStatus, { t, nowMs }: View): FactParts[] {
  if (state === "closed" && openConnections === 0 && totalConnections === 0) return [];
  const listed = connections.slice(0, MAX_CONNECTIONS).map(
    ({ peer, phase, sinceMs, inBytes, outBytes }, index): FactParts => ({
      id: String(index),
      icon: "debug-disconnect",
      label: plainText(peer, { maxLength: 120 }),
      description: t("{0} for {1}, received {2}, sent {3}", phaseWord(phase, t), span(nowMs - sinceMs, t), size(inBytes, t), size(outBytes, t)),
    }),
  );
  const left = openConnections - listed.length;
  const more: FactParts[] = left > 0 && listed.length > 0 ? [{ id: "more", label: t("and {0} more", left), description: "" }] : [];
  return [
    {
      id: "connections",
      icon: "references",
      label: t("Connections"),
      description: t("{0} open, {1} in total", openConnections, totalConnections),
      children: [...listed, ...more],
    },
  ];
}

function phaseWord(phase: string, t: Translate): string {
  switch (phase) {
    case "dialling":
      return t("dialling");
    case "handshaking":
      return t("in the handshake");
    case "open":
      return t("open");
    case "refusing":
      return t("being refused");
    default:
      return plainText(phase, { maxLength: 32 });
  }
}

function trafficFacts({ plainInBytes, plainOutBytes, wireInBytes, wireOutBytes }: TunnelStatus, t: Translate): FactParts[] {
  if (wireInBytes + wireOutBytes + plainInBytes + plainOutBytes === 0) return [];
  return [
    {
      id: "traffic",
      icon: "arrow-swap",
      label: t("Traffic"),
      description: t("received {0}, sent {1}", size(plainInBytes, t), size(plainOutBytes, t)),
      tooltip: t("Received: from the encrypted side. Sent: to it. Encrypted packets are padded, so there are more bytes on the wire."),
      children: [
        { id: "in", label: t("Received"), description: t("{0}, {1} encrypted on the wire", size(plainInBytes, t), size(wireInBytes, t)) },
        { id: "out", label: t("Sent"), description: t("{0}, {1} encrypted on the wire", size(plainOutBytes, t), size(wireOutBytes, t)) },
      ],
    },
  ];
}

function wireFacts({ wire, sessions }: TunnelStatus, t: Translate): FactParts[] {
  if (wire === undefined) return [];
  const about = wire === "native" ? t("native: all connections share one encrypted connection") : t("spiped: one encrypted connection for each connection");
  const { resumed = 0, gone = 0 } = sessions ?? {};
  const children = resumed + gone > 0 ? [{ id: "cuts", label: t("Cuts of the network"), description: t("{0} survived, {1} not", resumed, gone) }] : [];
  return [{ id: "wire", icon: "plug", label: t("Wire"), description: about, ...(children.length > 0 && { children }) }];
}

function timeFacts({ dial, handshake }: TunnelStatus, t: Translate): FactParts[] {
  const children = [
    { id: "dial", label: t("Connecting"), timing: dial },
    { id: "handshake", label: t("Handshake"), timing: handshake },
  ].flatMap(({ id, label, timing }): FactParts[] => (timing.count === 0 ? [] : [{ id, label, description: timingText(timing, t) }]));
  if (children.length === 0) return [];
  const parts = [
    ...(dial.count > 0 ? [t("connecting {0}", measured(dial.lastMs, t))] : []),
    ...(handshake.count > 0 ? [t("handshake {0}", measured(handshake.lastMs, t))] : []),
  ];
  return [{ id: "times", icon: "clock", label: t("Round trips"), description: parts.join(", "), children }];
}

function timingText({ count, lastMs, maxMs, totalMs }: TunnelStatus["dial"], t: Translate): string {
  return t("last {0}, average {1}, longest {2}", measured(lastMs, t), measured(totalMs / count, t), measured(maxMs, t));
}

/** The fingerprints if they are known, else the keys that the entry names. */
function keyFacts({ status, approval, entry }: TunnelItem, view: View): FactParts[] {
  const { t } = view;
  const pending = approval.at === "pending" ? approval.facts.keys.map(({ fingerprint }) => fingerprint) : [];
  const fingerprints = status && status.keyFingerprints.length > 0 ? status.keyFingerprints : pending;
  const names = (entry ? [entry.key].flat() : []).map((key) => keyName(key));
  const shown = fingerprints.map((fingerprint) => plainText(fingerprint, { maxLength: 120 }));
  const [only] = shown;
  if (only === undefined) return names.length === 0 ? [] : [{ id: "key", icon: "key", label: t("Key"), description: names.join(", ") }];
  const uses = shown.map((fingerprint, index): FactParts => {
    const use = status?.keyUses?.find((one) => one.fingerprint === fingerprints[index]);
    const used = use && use.count > 0 ? t("used {0} times, last {1}", use.count, ago(use.lastAtMs, view)) : t("not used yet");
    return { id: String(index), icon: "key", label: fingerprint, description: used, copy: fingerprint };
  });
  if (shown.length > 1) return [{ id: "key", icon: "key", label: t("Keys"), description: names.join(", "), children: uses }];
  return [
    {
      id: "key",
      icon: "key",
      label: t("Key fingerprint"),
      description: only,
      copy: only,
      ...(names[0] !== undefined && { tooltip: names[0] }),
      children: status?.role === "server" ? uses : [],
    },
  ];
}

function keyName(key: KeyReference): string {
  return plainText(typeof key === "string" ? key : key.file, { maxLength: 200 });
}

function refusalFacts({ refused }: TunnelStatus, t: Translate): FactParts[] {
  const counts = Object.entries(refused).filter(([, count]) => count > 0);
  if (counts.length === 0) return [];
  const total = counts.reduce((sum, [, count]) => sum + count, 0);
  return [
    {
      id: "refused",
      icon: "circle-slash",
      label: t("Failed connections"),
      description: t("{0} in total", total),
      children: counts
        .toSorted((a, b) => b[1] - a[1])
        .map(([code, count]) => ({ id: code, label: plainText(code, { maxLength: 64 }), description: String(count) })),
    },
  ];
}
