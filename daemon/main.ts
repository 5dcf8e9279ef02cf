/**
 * Entry of dist/tunneld.cjs: which command is meant, and the exit code. Wiring
 * only; each command is a file in cli/.
 */
import * as path from "node:path";
import type { CommandContext } from "./cli/context.ts";
import { HELP } from "./cli/help.ts";
import { generateKey } from "./cli/keygen.ts";
import { runSpipe } from "./cli/spipe.ts";
import { runSpiped } from "./cli/spiped.ts";
import { SPIPED_VERSION, VERSION } from "./contract/version.ts";
import { systemRandom } from "./crypto/random.ts";
import { CRYPTO_VARIABLE, selectSuite } from "./crypto/select-suite.ts";
import type { CipherSuite } from "./crypto/suite.ts";
import { TunnelError } from "./errors.ts";
import { systemClock } from "./proxy/stats.ts";

/** The names under which the program is another one. */
const ALIASES = ["spiped", "spipe"];

void main();

async function main(): Promise<void> {
  // Signal SIGUSR1 would open Node's inspector, and with it the keys in memory.
  if (process.platform !== "win32") process.on("SIGUSR1", () => {});
  const { name, command, args } = whatWasCalled();
  try {
    process.exitCode = await run(command, args, makeContext(name));
  } catch (error) {
    if (!(error instanceof TunnelError)) throw error;
    process.stderr.write(`${name}: ${error.message}\n`);
    process.exitCode = 1;
  }
  // Nothing is left to wait for; what may still be open (standard input, timers) must not keep us.
  process.stdout.write("", () => process.stderr.write("", () => process.exit()));
}

interface Called {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** By its name (a link called spiped, or argv[0]), else by its first argument. */
function whatWasCalled(): Called {
  const args = process.argv.slice(2);
  const alias = [path.basename(process.argv0), path.basename(process.argv[1] ?? "")].find((name) => ALIASES.includes(name));
  if (alias !== undefined) return { name: alias, command: alias, args };
  const [command = "", ...rest] = args;
  return { name: ALIASES.includes(command) ? command : "tunneld", command, args: rest };
}

function makeContext(name: string): CommandContext {
  let suite: CipherSuite | undefined;
  return {
    name,
    selfArgv: process.argv.slice(1),
    suite: () => {
      suite ??= selectSuite(process.env[CRYPTO_VARIABLE]);
      return suite;
    },
    random: systemRandom,
    clock: systemClock,
  };
}

async function run(command: string, args: readonly string[], context: CommandContext): Promise<number> {
  const help = args.includes("--help") ? HELP.get(command) : undefined;
  if (help !== undefined) return print(help);
  switch (command) {
    case "spiped":
    case "spipe":
      if (args.includes("-v")) {
        process.stderr.write(`${command} ${SPIPED_VERSION} (encrypted-tunnels ${VERSION})\n`);
        return 0;
      }
      return await (command === "spiped" ? runSpiped(args, context) : runSpipe(args, context));
    case "keygen":
      return keygen(args, context);
    case "--version":
      return print(`tunneld ${VERSION} (protocol and options of spiped ${SPIPED_VERSION}; Node.js ${process.version})\n`);
    case "":
    case "help":
    case "--help":
      return print(HELP.get(args[0] ?? "") ?? HELP.get("") ?? "");
    default:
      throw new TunnelError("CONFIG_INVALID", `unknown command "${command}": see tunneld --help`);
  }
}

function keygen(args: readonly string[], context: CommandContext): number {
  const [file, ...more] = args;
  if (file === undefined || file.startsWith("-") || more.length > 0) {
    throw new TunnelError("CONFIG_INVALID", "name one file for the new key: tunneld keygen FILE");
  }
  const shown = generateKey(file, { suite: context.suite(), random: context.random });
  return print(`${file}: a new key, fingerprint ${shown}\nCopy it to the other end over a channel you trust, and keep it out of git.\n`);
}

function print(text: string): number {
  process.stdout.write(text);
  return 0;
}
