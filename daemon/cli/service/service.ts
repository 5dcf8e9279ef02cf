/**
 * `tunneld service install|uninstall [--print]`: has the daemon started when its
 * user logs in, so that what is pinned is open from then on. Writes one file in
 * the user's own folder and tells the system's service manager. Never touches a
 * file it did not write; what fails half-way is taken back.
 */
import { lstatSync, mkdirSync, readFileSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import * as path from "node:path";
import { TunnelError } from "../../../shared/errors.ts";
import { type Place, thisPlace } from "../../lifecycle/paths.ts";
import type { ProgramContext } from "../../programs/context.ts";
import { stateDirOf } from "../../programs/daemon-options.ts";
import { parseOptions } from "../../programs/options.ts";
import { type Output, ownOutput } from "../output.ts";
import { invoke } from "./invoke.ts";
import { type Invocation, type ServicePlan, servicePlan } from "./plan.ts";
import { SERVICE_MARKER } from "./text.ts";

/** The machine, as far as this command changes it; an argument so that tests can be elsewhere. */
export interface ServiceWorld {
  readonly place: Place;
  readonly user: string;
  readonly execPath: string;
  readonly isElectron: boolean;
  /** For the service manager's program: its PATH decides which. */
  readonly env: NodeJS.ProcessEnv;
  readonly output: Output;
}

/**
 * Runs the command.
 * @throws TunnelError CONFIG_INVALID for a file that is not ours, DAEMON_UNREACHABLE when the service manager can't be asked or refuses
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

/** A user id without an entry in the user database has no name: its number says whose the service is. */
function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? "");
  }
}

/** The file on standard output, so that it can be kept; what would be done beside it on standard error. */
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

/** The file goes, whatever the service manager says: it may be gone itself. */
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

/** The content of our file; undefined: there is none. Somebody else's is never touched. */
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

/** With a byte order mark where it is UTF-16: Windows asks for one. */
function encode({ text, encoding }: ServicePlan): Buffer {
  return Buffer.from(encoding === "utf16le" ? `\ufeff${text.replaceAll("\n", "\r\n")}` : text, encoding);
}
