/**
 * The command lines of spiped and spipe 1.6.4: their options, defaults and
 * checks, nothing else.
 */

import { type Address, parseAddress, parseBindAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import { timerMs } from "../../shared/time.ts";
import type { ForwardSecrecy } from "../protocol/handshake.ts";
import type { Role } from "../protocol/wire.ts";
import { type OptionTable, type ParsedOptions, parseOptions } from "./options.ts";

/** What both programs share. */
export interface SpipeOptions {
  readonly target: Address;
  readonly keyFile: string;
  readonly bind: Address | undefined;
  /** spiped's default accepts peers with and without forward secrecy. */
  readonly forwardSecrecy: ForwardSecrecy;
  readonly keepAlive: boolean;
  readonly timeoutMs: number;
}

/** spiped's settings. */
export interface SpipedOptions extends SpipeOptions {
  readonly role: Role;
  readonly source: Address;
  readonly waitForDns: boolean;
  readonly foreground: boolean;
  /** Infinity for no limit. */
  readonly maxConnections: number;
  readonly pidFile: string;
  /** undefined: resolve once. */
  readonly refreshMs: number | undefined;
  readonly syslog: boolean;
  /** As given: user, :group or user:group. */
  readonly user: string | undefined;
}

/** Asks for the version. The order of the arguments decides whether -v or a mistake counts first, as with getopt. */
const VERSION_FLAG = "-v";

const COMMON = { [VERSION_FLAG]: "flag", "-b": "value", "-f": "flag", "-g": "flag", "-j": "flag", "-k": "value", "-o": "value", "-t": "value" } as const;
const SPIPE_TABLE: OptionTable = COMMON;
const SPIPED_TABLE: OptionTable = {
  ...COMMON,
  "-d": "flag",
  "-D": "flag",
  "-e": "flag",
  "-F": "flag",
  "-n": "value",
  "-p": "value",
  "-r": "value",
  "-R": "flag",
  "-s": "value",
  "--syslog": "flag",
  "-u": "value",
};

/** spiped's defaults. */
const DEFAULT_CONNECTIONS = 100;
const DEFAULT_TIMEOUT_S = 5;
const DEFAULT_REFRESH_S = 60;

/**
 * Whether the version is asked for; a mistake after -v does not count.
 * @throws TunnelError CONFIG_INVALID for a mistake before -v
 */
export function asksForVersion(program: "spiped" | "spipe", args: readonly string[]): boolean {
  return parseOptions(args, program === "spiped" ? SPIPED_TABLE : SPIPE_TABLE, VERSION_FLAG).flags.has(VERSION_FLAG);
}

/**
 * Reads spipe's options.
 * @throws TunnelError CONFIG_INVALID
 */
export function parseSpipe(args: readonly string[]): SpipeOptions {
  const given = parseOptions(args, SPIPE_TABLE);
  refuseOperands(given);
  return common(given);
}

/**
 * Reads spiped's options.
 * @throws TunnelError CONFIG_INVALID
 */
export function parseSpiped(args: readonly string[]): SpipedOptions {
  const given = parseOptions(args, SPIPED_TABLE);
  refuseOperands(given);
  const { flags, values } = given;
  if (flags.has("-e") && flags.has("-d")) throw invalid("-e and -d exclude each other: -e encrypts (the client's side), -d decrypts (the server's side)");
  if (!flags.has("-e") && !flags.has("-d")) throw invalid("say -e (encrypt, the client's side) or -d (decrypt, the server's side)");
  const source = required(values, "-s", "the address to listen at");
  const refreshS = seconds(values, "-r", DEFAULT_REFRESH_S);
  if (flags.has("-R") && refreshS !== DEFAULT_REFRESH_S) throw invalid("-r and -R exclude each other: -r resolves again and again, -R once");
  return {
    ...common(given),
    role: flags.has("-e") ? "client" : "server",
    source: withPort("-s", source),
    waitForDns: flags.has("-D"),
    foreground: flags.has("-F"),
    maxConnections: connections(values.get("-n")),
    pidFile: values.get("-p") ?? `${source}.pid`,
    refreshMs: flags.has("-R") ? undefined : timerMs(refreshS * 1000),
    syslog: flags.has("--syslog"),
    user: values.get("-u"),
  };
}

function common({ flags, values }: ParsedOptions): SpipeOptions {
  if (flags.has("-f") && flags.has("-g")) throw invalid("-f and -g exclude each other: -f gives up forward secrecy, -g requires it");
  const target = required(values, "-t", "the address to connect to");
  const bind = values.get("-b");
  return {
    target: withPort("-t", target),
    keyFile: required(values, "-k", "the key file"),
    bind: bind === undefined ? undefined : parseBindAddress(bind),
    forwardSecrecy: flags.has("-f") ? "off" : flags.has("-g") ? "require" : "prefer",
    keepAlive: !flags.has("-j"),
    timeoutMs: timerMs(seconds(values, "-o", DEFAULT_TIMEOUT_S) * 1000),
  };
}

/** Port 0 is refused, as in spiped: nobody would know which port it listens at. */
function withPort(option: string, text: string): Address {
  const address = parseAddress(text);
  if (address.kind === "tcp" && address.port === 0) throw invalid(`${option} ${text}: name a port from 1 to 65535`);
  return address;
}

function refuseOperands({ operands }: ParsedOptions): void {
  if (operands.length > 0) throw invalid(`"${operands[0]}" is not an option: addresses follow -s and -t, the key file -k`);
}

function required(values: ReadonlyMap<string, string>, option: string, what: string): string {
  const value = values.get(option);
  if (value === undefined || value === "") throw invalid(`${option} is missing: it names ${what}`);
  return value;
}

/** A duration in seconds, fractions allowed; 0 means the default, as in spiped. */
function seconds(values: ReadonlyMap<string, string>, option: string, fallback: number): number {
  const text = values.get(option);
  if (text === undefined) return fallback;
  const value = text.trim() === "" ? Number.NaN : Number(text);
  if (!(value >= 0)) throw invalid(`${option} ${text}: give a number of seconds, such as ${fallback}`);
  return value === 0 ? fallback : value;
}

function connections(text: string | undefined): number {
  if (text === undefined) return DEFAULT_CONNECTIONS;
  if (!/^\d+$/.test(text)) throw invalid(`-n ${text}: give a whole number of connections, 0 for no limit`);
  const limit = Number(text);
  return limit === 0 ? Number.POSITIVE_INFINITY : limit;
}

function invalid(message: string): TunnelError {
  return new TunnelError("CONFIG_INVALID", message);
}
