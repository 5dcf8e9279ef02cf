/**
 * Addresses for a narrow row: `:7301 → cache.example.com`. What is the same for
 * almost every tunnel (the loopback host, the far port) is left out; tooltips and
 * facts have the whole addresses. Pure.
 */
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";

const LOOPBACK = /^(?:127(?:\.\d{1,3}){3}|localhost|\[::1\])$/i;

/** Our choice: a row is narrower than the longest name of a host. */
const MAX_LENGTH = 80;

interface HostPort {
  readonly host: string;
  readonly port: string;
}

/** Where clients connect: `:7301` on this machine alone, `0.0.0.0:7301` beyond it; the file's name of a socket. */
export function shortListen(listen: string | number, t: Translate): string {
  const text = String(listen);
  const { host, port } = /^\d+$/.test(text) ? { host: "127.0.0.1", port: text } : (hostPortOf(text) ?? { host: text, port: undefined });
  if (port === undefined) return shown(fileName(text));
  const number = port === "0" ? t("any free port") : `:${port}`;
  // No host is every address of the machine.
  if (host === "") return port === "0" ? `*, ${number}` : `*${number}`;
  return LOOPBACK.test(host) ? number : shown(port === "0" ? `${host}, ${number}` : `${host}${number}`);
}

/** Where the tunnel leads: the host alone; with its port where the host is this machine, which says nothing. */
export function shortTarget(target: string): string {
  const parts = hostPortOf(target);
  if (!parts) return shown(fileName(target));
  return shown(LOOPBACK.test(parts.host) ? target : parts.host);
}

function hostPortOf(address: string): HostPort | undefined {
  const [, host, port] = /^(\[[^\]]+\]|[^:/\\]*):(\d+)$/.exec(address) ?? [];
  return host === undefined || port === undefined ? undefined : { host, port };
}

/** The last part of a path; other text as it is. */
function fileName(text: string): string {
  return /^(?:[~./]|[A-Za-z]:\\)/.test(text) ? (text.split(/[/\\]/).findLast((part) => part !== "") ?? text) : text;
}

function shown(text: string): string {
  return plainText(text, { maxLength: MAX_LENGTH });
}
