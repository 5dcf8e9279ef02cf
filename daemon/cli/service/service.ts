/**
 * `tunneld service install|uninstall [--print]`: makes the system start the daemon
 * when its user logs in, so that pinned tunnels are open from then on. It writes
 * one file in the user's own folder and tells the system's service manager. It
 * never touches a file that it did not write, and undoes a failed install.
 */
import { lstatSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import * as path from "node:path";
import { TunnelError } from "../../../shared/errors.ts";
import { type Place, thisPlace } from "../../lifecycle/paths.ts";
import type { ProgramContext } from "../../programs/context.ts";
import { parseOptions, stateDirOf } from "../../programs/options.ts";
import { type Output, ownOutput } from "../output.ts";
import { invoke } from "./invoke.ts";
import { type Invocation, type ServicePlan, servicePlan } from "./plan.ts";
import { SERVICE_MARKER } from "./text.ts";

/** The parts of the machine that this command uses; an argument so that tests can replace them. */
export interface ServiceWorld {
  readonly place: Place;
  readonly user: string;
  readonly execPath: string;
  readonly isElectron: boolean;
  /** The environment of the service manager's program; its PATH decides which program runs. */
  readonly env: NodeJS.ProcessEnv;
  readonly output: Output;
}

/**
 * Runs the command.
 * @throws TunnelError CONFIG_INVALID for a file that is not ours, DAEMON_UNREACHABLE when the service manager is missing or refuses
 */
export async function runService(args: readonly string[], context: ProgramContext, world: ServiceWorld = thisWorld(context)): Promise<number> {
  const { flags, values, operands } = parseOptions(args, { "--state-dir": "value", "--print": "flag" });
  const [action, ...more] = operands;
  if ((action !== "install" && action !== "uninstall") || more.length > 0) {
    throw new TunnelError("CONFIG_INVALID", "say what to do: tunneld service install, or tunneld service uninstall");
  }
  const [program = ""] = context.selfArgv;
  const plan = servicePlan({ ...world, program: realpathSync(program), stateDir: stateDirOf(values) });
  if (flags.has("--print")) return print(action, plan, world.output);
  return action === "install" ? await install(plan, world) : await uninstall(plan, world);
}

function thisWorld({ name }: ProgramContext): ServiceWorld {
  const username = userName();
  const domain = process.env["USERDOMAIN"];
  return {
    place: thisPlace(),
    user: domain ? `${domain}\\${username}` : username,
    execPath: process.execPath,
    isElectron: process.versions["electron"] !== undefined,
    env: process.env,
    output: ownOutput(name),
  };
}

/** A user id without an entry in the user database has no name, so the number is used. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}

/** Prints the file on standard output, so that it can be saved, and the other steps on standard error. */
function print(action: "install" | "uninstall", plan: ServicePlan, output: Output): number {
  const lines = (all: readonly Invocation[]): string[] => all.map(({ command, args }) => `run ${[command, ...args].join(" ")}`);
  const { before, after } = plan.uninstall;
  const steps = action === "install" ? [`write ${plan.file}`, ...lines(plan.install)] : [...lines(before), `remove ${plan.file}`, ...lines(after)];
  for (const step of steps) output.note(`would ${step}`);
  if (action === "install") output.raw(plan.text);
  return 0;
}

async function install(plan: ServicePlan, world: ServiceWorld): Promise<number> {
  const before = ownFile(plan);
  write(plan, encode(plan));
  try {
    for (const one of plan.install) await must(one, { plan, world });
  } catch (error) {
    if (before) write(plan, before);
    else await takeBack(plan, { world, onFailure: () => {} });
    throw error;
  }
  world.output.say(`installed: ${plan.file}`);
  world.output.say(plan.hint);
  return 0;
}

async function uninstall(plan: ServicePlan, world: ServiceWorld): Promise<number> {
  if (!ownFile(plan)) {
    world.output.say(`not installed: ${plan.file} is not there`);
    return 0;
  }
  await takeBack(plan, { world, onFailure: (said) => world.output.warn(said) });
  world.output.say(`removed: ${plan.file}`);
  return 0;
}

/** Removes the file whatever the service manager answers: the manager itself may be gone. */
async function takeBack(
  { file, uninstall: { before, after } }: ServicePlan,
  how: { readonly world: ServiceWorld; readonly onFailure: (said: string) => void },
): Promise<void> {
  const steps = async (all: readonly Invocation[]): Promise<void> => {
    for (const one of all) {
      const result = await invoke(one, how.world.env);
      if (result.kind === "failed" && !one.mayFail) how.onFailure(failed(one, result.said));
      if (result.kind === "missing") how.onFailure(`there is no ${one.command}`);
    }
  };
  await steps(before);
  rmSync(file, { force: true });
  await steps(after);
}

async function must(one: Invocation, { plan, world }: { readonly plan: ServicePlan; readonly world: ServiceWorld }): Promise<void> {
  const result = await invoke(one, world.env);
  if (result.kind === "missing") throw new TunnelError("DAEMON_UNREACHABLE", `there is no ${one.command}: ${plan.instead}`);
  if (result.kind === "failed" && !one.mayFail) throw new TunnelError("DAEMON_UNREACHABLE", failed(one, result.said));
}

function failed({ command, args }: Invocation, said: string): string {
  return `${[command, ...args].join(" ")} failed: ${said}`;
}

/** The content of our file; undefined: there is no file. A file that we did not write is never touched. */
function ownFile({ file, encoding }: ServicePlan): Buffer | undefined {
  const stats = lstatSync(file, { throwIfNoEntry: false });
  if (!stats) return undefined;
  const content = stats.isFile() ? readFileSync(file) : undefined;
  if (content?.toString(encoding).includes(SERVICE_MARKER)) return content;
  throw new TunnelError("CONFIG_INVALID", `${file} was not written by "tunneld service install" and is left alone: move it away first`);
}

function write({ file }: ServicePlan, content: Buffer): void {
  try {
    mkdirSync(path.dirname(file), { recursive: true, mode: 0o700 });
    writeFileSync(file, content, { mode: 0o600 });
  } catch (error) {
    throw new TunnelError("CONFIG_INVALID", `can't write ${file}: ${(error as Error).message}`, { cause: error });
  }
}

/** Adds a byte order mark to UTF-16, because Windows needs one. */
function encode({ text, encoding }: ServicePlan): Buffer {
  return Buffer.from(encoding === "utf16le" ? `\ufeff${text.replaceAll("\n", "\r\n")}` : text, encoding);
}
