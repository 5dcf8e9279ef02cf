/**
 * The backends of a far end: what a client's entry asks for ("backend"), by a name
 * of the far end's "targets" or by IP address and port, and what a server's entry
 * allows besides. Never asked for is a host name: the far end would have to trust
 * our resolver. Pure.
 */
import { isIPv6 } from "node:net";
import { type IpBytes, type IpRange, ipBytes, ipText } from "./ip-range.ts";
import { type Message, message } from "./message.ts";
import { quote } from "./plain-text.ts";

/** The name of a target has the form of a tunnel's. */
export const TARGET_NAME = /^[A-Za-z0-9][\w.-]{0,63}$/;

/** One line of "allow", read. Ports from and to, both included. */
export type AllowRule = ({ readonly kind: "range"; readonly range: IpRange } | { readonly kind: "host"; readonly host: string }) & {
  readonly from: number;
  readonly to: number;
};

/** What a stream is for; undefined elsewhere: the target of the far end's entry. */
export type AskedTarget = { readonly kind: "name"; readonly name: string } | { readonly kind: "address"; readonly bytes: IpBytes; readonly port: number };

/** Reads a "backend"; undefined: it is none. */
export function readBackend(text: string): AskedTarget | undefined {
  const address = /^(?:\[([^\]]+)\]|([\d.]+)):(\d{1,5})$/.exec(text);
  if (address) {
    const [, six, four = "", port] = address;
    const bytes = six !== undefined && isIPv6(six) ? ipBytes(six) : six === undefined ? ipBytes(four) : undefined;
    return bytes && Number(port) >= 1 && Number(port) <= 65_535 ? { kind: "address", bytes, port: Number(port) } : undefined;
  }
  return TARGET_NAME.test(text) ? { kind: "name", name: text } : undefined;
}

/** What is wrong with a "backend"; undefined: nothing. */
export function backendFault(text: string): Message | undefined {
  if (readBackend(text)) return undefined;
  return message(
    '"backend" {0} is neither a name of the far end\'s "targets" nor an IP address with its port: write {1} or {2}',
    quote(text),
    '"replica"',
    '"10.0.0.12:6380"',
  );
}

/** The text of a target that was asked for. */
export function askedText(asked: AskedTarget): string {
  if (asked.kind === "name") return asked.name;
  return asked.bytes.length === 4 ? `${ipText(asked.bytes)}:${asked.port}` : `[${ipText(asked.bytes)}]:${asked.port}`;
}
