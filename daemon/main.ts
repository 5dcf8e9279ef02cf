/**
 * Entry of dist/tunneld.cjs: picks the command and sets the exit code. Wiring
 * only; each command is a file in cli/ or programs/, loaded when it is called, so
 * that a command that asks the daemon does not load the daemon's own parts.
 */
// This must be the first import.
import "./lifecycle/inspector.ts";
import * as path from "node:path";
import { SPIPED_VERSION, VERSION } from "../shared/contract/version.ts";
import { TunnelError } from "../shared/errors.ts";
import { plainText } from "../shared/plain-text.ts";
import { systemClock } from "../shared/time.ts";
import type { CommandContext, ProgramContext } from "./programs/context.ts";

/** The names that make this program behave as another program. */
const ALIASES = ["spiped", "spipe"];

type Command = (args: readonly string[], context: ProgramContext) => Promise<number>;

const COMMANDS: ReadonlyMap<string, Command> = new Map<string, Command>([
  ["up", async (args, context) => (await import("./cli/up.ts")).runUp(args, context)],
  ["down", async (args, context) => (await import("./cli/down.ts")).runDown(args, context)],
  ["restart", async (args, context) => (await import("./cli/restart.ts")).runRestart(args, context)],
  ["status", async (args, context) => (await import("./cli/status.ts")).runStatus(args, context)],
  ["wait", async (args, context) => (await import("./cli/wait.ts")).runWait(args, context)],
  ["diagnose", async (args, context) => (await import("./cli/diagnose.ts")).runDiagnose(args, context)],
  ["logs", async (args, context) => (await import("./cli/logs.ts")).runLogs(args, context)],
  ["approve", async (args, context) => (await import("./cli/approve.ts")).runApprove(args, context)],
  ["url", async (args, context) => (await import("./cli/url.ts")).runUrl(args, context)],
  ["exec", async (args, context) => (await import("./cli/exec.ts")).runExec(args, context)],
  ["stop", async (args, context) => (await import("./cli/stop.ts")).runStop(args, context)],
  ["keys", async (args, context) => (await import("./cli/keys.ts")).runKeys(args, await withCrypto(context))],
  ["service", async (args, context) => (await import("./cli/service/service.ts")).runService(args, context)],
  ["keygen", async (args, context) => (await import("./cli/keygen.ts")).runKeygen(args, await withCrypto(context))],
  ["daemon", async (args, context) => (await import("./programs/daemon.ts")).runDaemon(args, await withCrypto(context))],
  ["serve", async (args, context) => (await import("./programs/serve.ts")).runServe(args, await withCrypto(context))],
  [
    "spiped",
    async (args, context) => (await spipedVersion("spiped", args)) ?? (await import("./programs/spiped.ts")).runSpiped(args, await withCrypto(context)),
  ],
  ["spipe", async (args, context) => (await spipedVersion("spipe", args)) ?? (await import("./programs/spipe.ts")).runSpipe(args, await withCrypto(context))],
]);

void main();

async function main(): Promise<void> {
  const { name, command, args } = whatWasCalled();
  try {
    process.exitCode = await run(command, args, { name, selfArgv: process.argv.slice(1), clock: systemClock });
  } catch (error) {
    if (isFailedWrite(error)) return await endWithoutOutput(error, name);
    if (!(error instanceof TunnelError)) throw error;
    process.stderr.write(`${name}: ${plainText(error.message)} (${error.code})\n`);
    process.exitCode = 1;
  }
  // The last output may have been lost after the command returned. spipe reports lost output itself.
  const lost = process.stdout.errored;
  if (lost && process.exitCode === 0 && !ALIASES.includes(name)) await endWithoutOutput(lost, name);
  // Nothing is left to wait for: open handles (standard input, timers) must not keep the process alive.
  process.stdout.write("", () => process.stderr.write("", () => process.exit()));
}

/** When standard output is a file, some versions of Node.js throw the error that others report by an event. */
function isFailedWrite(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && (error as NodeJS.ErrnoException).syscall === "write";
}

async function endWithoutOutput(error: NodeJS.ErrnoException, name: string): Promise<never> {
  const output = await import("./cli/output.ts");
  return output.endWithoutOutput(error, { name, stderr: process.stderr });
}

interface Called {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
}

/** Decided by the program's name (a link called spiped, or argv[0]), else by the first argument. */
function whatWasCalled(): Called {
  const args = process.argv.slice(2);
  const alias = [path.basename(process.argv0), path.basename(process.argv[1] ?? "")].find((name) => ALIASES.includes(name));
  if (alias !== undefined) return { name: alias, command: alias, args };
  const [command = "", ...rest] = args;
  return { name: ALIASES.includes(command) ? command : "tunneld", command, args: rest };
}

async function run(command: string, args: readonly string[], context: ProgramContext): Promise<number> {
  const run = COMMANDS.get(command);
  if (run) return asksForHelp(args) ? await help(command, context) : await run(args, context);
  switch (command) {
    case "--version":
      return await print(`tunneld ${VERSION} (protocol and options of spiped ${SPIPED_VERSION}; Node.js ${process.version})\n`, context);
    case "":
    case "help":
    case "--help":
      return await help(args[0] ?? "", context);
    default:
      throw new TunnelError("CONFIG_INVALID", `unknown command "${command}": see tunneld --help`);
  }
}

/** After "--", a --help belongs to another program. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf("--");
  return (end < 0 ? args : args.slice(0, end)).includes("--help");
}

async function help(command: string, context: ProgramContext): Promise<number> {
  const { HELP } = await import("./cli/help.ts");
  return await print(HELP.get(command) ?? HELP.get("") ?? "", context);
}

async function spipedVersion(command: "spiped" | "spipe", args: readonly string[]): Promise<number | undefined> {
  const { asksForVersion } = await import("./programs/spiped-options.ts");
  if (!asksForVersion(command, args)) return undefined;
  process.stderr.write(`${command} ${SPIPED_VERSION} (encrypted-tunnels ${VERSION})\n`);
  return 0;
}

/** The suite is made on first use: its known-answer check takes time. */
async function withCrypto(context: ProgramContext): Promise<CommandContext> {
  const [{ CRYPTO_VARIABLE, selectSuite }, { systemRandom }] = await Promise.all([import("./crypto/select-suite.ts"), import("./crypto/random.ts")]);
  let suite: ReturnType<typeof selectSuite> | undefined;
  return {
    ...context,
    suite: () => {
      suite ??= selectSuite(process.env[CRYPTO_VARIABLE]);
      return suite;
    },
    random: systemRandom,
  };
}

async function print(text: string, { name }: ProgramContext): Promise<number> {
  const { ownOutput } = await import("./cli/output.ts");
  ownOutput(name).raw(text);
  return 0;
}
