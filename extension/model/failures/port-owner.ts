/**
 * Who has a port that is taken. The daemon names the process in its message, if it
 * is one of this user's; `daemon/proxy/bind.ts` makes that sentence. Pure.
 */
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";

/** A process that listens where a tunnel should. */
export interface PortOwner {
  /** The address that is taken, such as 127.0.0.1:7200. */
  readonly address: string;
  readonly program: string;
  readonly pid: number;
  /** It has been told to end, and ends with its last connection. */
  readonly isEnding: boolean;
}

const OWNER = /^(\S{1,255}) is in use by another program, ([\w.+ -]{1,40}) \(pid (\d{1,10})(, draining)?\)/;

/** The owner that a message of the code LISTEN_IN_USE names; undefined: it names none. */
export function portOwnerOf(message: string): PortOwner | undefined {
  const [, address, program, pid, draining] = OWNER.exec(message) ?? [];
  if (address === undefined || program === undefined) return undefined;
  return { address: plainText(address, { maxLength: 255 }), program, pid: Number(pid), isEnding: draining !== undefined };
}

/** One sentence: "Port 7200 is used by python3 (pid 4312)." */
export function portOwnerText({ address, program, pid }: PortOwner, t: Translate): string {
  const port = /^127\.0\.0\.1:(\d+)$/.exec(address)?.[1];
  return port === undefined ? t("{0} is used by {1} (pid {2}).", address, program, pid) : t("Port {0} is used by {1} (pid {2}).", port, program, pid);
}
