/**
 * `tunneld exec NAME… -- COMMAND…`: opens tunnels for as long as a command runs,
 * verifies each by one connection, and runs the command with their variables.
 * If the daemon dies meanwhile, it is started again on the same ports.
 */
import * as path from "node:path";
import { parseAddress } from "../../shared/address.ts";
import type { ApprovedEntry } from "../../shared/contract/approved-entry.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { quote } from "../../shared/plain-text.ts";
import type { DaemonClient } from "../client/daemon-client.ts";
import { childEnvironment } from "../lifecycle/child-environment.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, secondsOption, stateDirOf } from "../programs/options.ts";
import { approvedSelection } from "./approved-selection.ts";
import { obtainConsent } from "./consent.ts";
import { pathsFor, withOpeningDaemon } from "./daemon-connection.ts";
import { failureLine, type Output, ownOutput } from "./output.ts";
import { runChild } from "./run-child.ts";
import { type Selection, selectEntries } from "./select-entries.ts";
import { ownTerminal } from "./terminal.ts";
import { commandEnvironment } from "./tunnel-env.ts";
import { TunnelWatch } from "./tunnel-watch.ts";
import { DEFAULT_WAIT_MS } from "./wait.ts";

/** The lease's scope. */
const SCOPE = "exec";

/**
 * Runs the command; resolves to its exit code.
 * @throws TunnelError when a tunnel is not approved or does not work: the command is not run then
 */
export async function runExec(args: readonly string[], context: ProgramContext): Promise<number> {
  const { own, command } = splitCommand(args);
  const table = { "--state-dir": "value", "--config": "value", "--timeout": "value", "--yes": "flag", "-y": "flag" } as const;
  const { flags, values, operands } = parseOptions(own, table);
  const [program, ...programArgs] = command;
  if (operands.length === 0 || program === undefined) {
    throw new TunnelError("CONFIG_INVALID", "name tunnels, then the command behind --: tunneld exec NAME… -- COMMAND…");
  }
  const timeoutMs = secondsOption(values, "--timeout") ?? DEFAULT_WAIT_MS;
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  const selection = selectEntries(operands, { config: values.get("--config"), paths, output });
  if (selection.faulty.length > 0) throw new TunnelError("CONFIG_INVALID", `${selection.faulty.map(quote).join(", ")}: correct it first`);
  const connection = { paths, name: `exec ${path.basename(program)}`, kind: "exec", stay: true } as const;
  return await withOpeningDaemon(context, connection, async (client) => {
    const consent = { yes: flags.has("--yes") || flags.has("-y"), terminal: ownTerminal(), output };
    const { refused } = await obtainConsent(client, selection, consent);
    if (refused.length > 0) return fail(output, refused);
    const watch = new TunnelWatch(client, (line) => output.note(line));
    const { failures, variables } = await client.repeated(() => openAll(client, selection, { timeoutMs, watch }));
    if (failures.length > 0) return fail(output, failures);
    const env = { ...childEnvironment(process.env), ...variables };
    return await runChild({ command: program, args: programArgs, env, onFailure: (error) => output.warn(error.message) });
  });
}

/** Everything after the first -- is the command, whatever it looks like. */
function splitCommand(args: readonly string[]): { readonly own: readonly string[]; readonly command: readonly string[] } {
  const end = args.indexOf("--");
  return end < 0 ? { own: args, command: [] } : { own: args.slice(0, end), command: args.slice(end + 1) };
}

function fail(output: Output, failures: readonly TunnelError[]): number {
  for (const failure of failures) output.warn(failureLine(failure));
  return 1;
}

interface Opened {
  /** Empty: every tunnel works, and every entry is approved in its present form. */
  readonly failures: readonly TunnelError[];
  readonly variables: Readonly<Record<string, string>>;
}

/**
 * Takes the leases, waits for each tunnel's proof and makes the variables.
 * @throws TunnelError DAEMON_UNREACHABLE when the daemon died meanwhile
 */
async function openAll(
  client: DaemonClient,
  { configPath, entries }: Selection,
  { timeoutMs, watch }: { readonly timeoutMs: number; readonly watch: TunnelWatch },
): Promise<Opened> {
  const names = [...entries.keys()];
  // Stated first, because the client states it again after a daemon's death.
  await client.want(SCOPE, { configPath, names });
  const results = await Promise.allSettled(
    names.map(async (name) => watch.verified(await client.request("tunnel/open", { configPath, name, scope: SCOPE }), timeoutMs)),
  );
  const opened: TunnelStatus[] = [];
  const failures: TunnelError[] = [];
  for (const result of results) {
    if (result.status === "fulfilled") opened.push(result.value);
    else if (result.reason instanceof TunnelError && result.reason.code !== "DAEMON_UNREACHABLE") failures.push(result.reason);
    else throw result.reason;
  }
  // Asked last, about the file's present form: a tunnel that was approved earlier may be open while the file has changed.
  const usable = await approvedSelection(client, configPath, names);
  return { failures: failures.length > 0 ? failures : usable.refused, variables: environmentOf(usable.entries, opened) };
}

/** The variables of the opened tunnels, taken only from approved entries. */
function environmentOf(entries: ReadonlyMap<string, ApprovedEntry>, opened: readonly TunnelStatus[]): Record<string, string> {
  return commandEnvironment(
    opened.flatMap(({ name, listen }) => {
      const entry = entries.get(name);
      return entry ? [{ name, entry, listen: parseAddress(listen) }] : [];
    }),
  );
}
