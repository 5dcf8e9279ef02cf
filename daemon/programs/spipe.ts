/**
 * `tunneld spipe`: joins standard input and output to one encrypted connection,
 * with spipe 1.6.4's options and exit codes.
 */

import * as fs from "node:fs";
import * as net from "node:net";
import { formatAddress } from "../../shared/address.ts";
import { TunnelError } from "../../shared/errors.ts";
import { readKeyFile, STDIN_KEY } from "../keys/key-file.ts";
import { Connection, type DropReason } from "../proxy/connection.ts";
import { connectionSettings } from "../proxy/connection-settings.ts";
import type { PlainSide } from "../proxy/plain-side.ts";
import { SecondLook } from "../proxy/second-look.ts";
import { RouteStats } from "../proxy/stats.ts";
import { Target } from "../proxy/target.ts";
import type { CommandContext } from "./context.ts";
import { stderrLines } from "./event-log.ts";
import { parseSpipe, type SpipeOptions } from "./spiped-options.ts";

/**
 * Runs until both directions have ended; resolves to the exit code, 0 only when the connection ended well.
 * @throws TunnelError for anything that prevents the start or cuts the connection.
 */
export async function runSpipe(args: readonly string[], context: CommandContext): Promise<number> {
  const options = parseSpipe(args);
  const target = new Target({ address: options.target, refreshMs: undefined });
  await target.addresses();
  const [bind] = options.bind ? await new Target({ address: options.bind, refreshMs: undefined }).addresses() : [];
  const { key, warnings } = readKeyFile(context.suite(), options.keyFile);
  const warn = stderrLines(context.name);
  for (const warning of warnings) warn(`warning: ${warning.message}`);
  const route = {
    ...{ name: formatAddress(options.target), keys: [key], target, bind, maxConnections: 1 },
    ...{ stats: new RouteStats(), secondLook: new SecondLook(context.clock) },
  };
  const plain = stdioSide(options.keyFile === STDIN_KEY);
  let broken: TunnelError | undefined;
  for (const [stream, what] of [
    [plain.source, "standard input can't be read"],
    [plain.sink, "standard output can't be written"],
  ] as const) {
    stream.once("error", (cause) => {
      broken ??= new TunnelError("CONFIG_INVALID", `${what}: ${cause.message}`, { cause });
    });
  }
  const reason = await joinStdio(options, context, route, plain);
  switch (reason.kind) {
    case "closed":
      if (broken) throw broken;
      break;
    case "cancelled":
      return 0;
    case "failed":
      throw reason.error;
  }
  const silent = route.stats.lastFailure;
  if (silent) throw new TunnelError(silent.code, silent.message);
  return 0;
}

function joinStdio(
  options: SpipeOptions,
  context: CommandContext,
  route: Extract<ConstructorParameters<typeof Connection>[0], { role: "client" }>["route"],
  plain: PlainSide,
): Promise<DropReason> {
  return new Promise((resolve) => {
    const connection = new Connection(
      { role: "client", plain, route },
      {
        peer: "standard input",
        settings: connectionSettings({ ...options, role: "client" }, { suite: context.suite(), random: context.random, clock: context.clock }),
        owner: {
          leadsBack: () => false,
          admit: () => true,
          asked: () => {
            throw new RangeError("a client is asked for nothing");
          },
          session: () => {},
          elsewhere: () => {},
          verified: () => {},
          failed: () => {},
          closed: (_, reason) => resolve(reason),
        },
      },
    );
    // spipe ends at once on SIGTERM, and that is no failure.
    process.once("SIGTERM", () => connection.drop({ kind: "cancelled" }));
    connection.start();
  });
}

/** Standard input and output. If the key came from standard input, there is nothing more to read from it. */
function stdioSide(stdinUsedUp: boolean): PlainSide {
  const source = stdinUsedUp ? fs.createReadStream("", { fd: fs.openSync(process.platform === "win32" ? "NUL" : "/dev/null", "r") }) : process.stdin;
  source.pause();
  const sink = standardOutput();
  return {
    source,
    sink,
    destroy: () => {
      source.destroy();
      sink.destroy();
    },
    reset: () => {
      source.destroy();
      sink.destroy();
    },
    tune: () => {},
  };
}

/** process.stdout writes to pipes synchronously, which would stop both directions at a slow reader. */
function standardOutput(): PlainSide["sink"] {
  // The same socket or pipe may also be standard input or error (inetd, 2>&1), which makes it non-blocking: then writing
  // to it as a file would fail when it is full.
  const stat = fs.fstatSync(1);
  if (stat.isSocket() || stat.isFIFO()) return new net.Socket({ fd: 1, readable: false, writable: true, allowHalfOpen: true });
  return fs.createWriteStream("", { fd: 1, autoClose: false });
}
