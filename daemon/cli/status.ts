/**
 * `tunneld status`: what runs, as a table or as JSON. It loads nothing heavy,
 * because scripts and prompts call it often.
 */
import { CODES } from "../../shared/contract/codes.ts";
import type { TunnelStatus } from "../../shared/contract/state.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, stateDirOf } from "../programs/options.ts";
import { pathsFor, withDaemon } from "./daemon-connection.ts";
import { ago, type Cell, indented, type Output, ownOutput, safeJson, table } from "./output.ts";
import { statusJson } from "./status-json.ts";
import { currentFailure, styleOf } from "./tunnel-line.ts";

/**
 * Prints the state of the daemon and its tunnels; starts a daemon only to re-open pins.
 * @throws TunnelError CONFIG_INVALID, DAEMON_UNREACHABLE
 */
export async function runStatus(args: readonly string[], context: ProgramContext): Promise<number> {
  const { flags, values, operands } = parseOptions(args, { "--state-dir": "value", "--json": "flag" });
  if (operands.length > 0) throw new TunnelError("CONFIG_INVALID", "tunneld status takes no names: it shows all tunnels");
  const output = ownOutput(context.name);
  const options = { paths: pathsFor(stateDirOf(values)), name: "status", start: "pinned" } as const;
  const said = await withDaemon(context, options, (client) => client?.request("tunnels/list", {}) ?? Promise.resolve(undefined));
  if (flags.has("--json")) output.raw(`${safeJson(statusJson(said), 2)}\n`);
  else if (!said) output.say('no daemon is running, and nothing is open: "tunneld up" opens the tunnels of this folder');
  else output.raw(`${statusLines(said, { output, nowMs: context.clock.wallMs() }).join("\n")}\n`);
  return 0;
}

/** The daemon's answer as lines for people. Exported for its test. */
export function statusLines(said: NonNullable<Parameters<typeof statusJson>[0]>, view: { readonly output: Output; readonly nowMs: number }): string[] {
  const { daemon } = said;
  const { output } = view;
  const tunnels = said.tunnels.toSorted((a, b) => (a.configPath < b.configPath ? -1 : a.configPath > b.configPath ? 1 : 0));
  const about = `tunneld ${daemon.version}, process ${daemon.pid}${daemon.draining ? ", draining: it opens nothing new" : ""}`;
  const before: string[] = (daemon.predecessors ?? []).map(({ pid, version, openConnections }) =>
    output.paint("dim", `tunneld ${version}, process ${pid}, has handed over and waits for ${openConnections} connections`),
  );
  if (daemon.unsaved !== undefined)
    before.push(...indented(`STATE_NOT_SAVED what was closed or revoked holds until this daemon ends: ${plainText(daemon.unsaved)}`, output.columns));
  if (tunnels.length === 0) return [output.paint("dim", about), ...before, 'no tunnel is open: "tunneld up" opens those of this folder'];
  const headings = ["NAME", "STATE", "LISTEN", "TARGET", "OPEN", "VERIFIED", "USED BY"];
  const rows = tunnels.map((tunnel) => rowOf(tunnel, view));
  const lines = table([headings.map((text) => ({ text, paint: (shown: string) => output.paint("dim", shown) })), ...rows]);
  const result = [output.paint("dim", about), ...before, lines[0] ?? ""];
  let configPath: string | undefined;
  const many = new Set(tunnels.map((tunnel) => tunnel.configPath)).size > 1;
  for (const [index, tunnel] of tunnels.entries()) {
    if (many && tunnel.configPath !== configPath) result.push(output.paint("bold", tunnel.configPath));
    configPath = tunnel.configPath;
    result.push(lines[index + 1] ?? "");
    result.push(...failureLines(tunnel, view));
  }
  return result;
}

/** Why a tunnel does not work, and how to fix it. */
function failureLines(tunnel: TunnelStatus, { output, nowMs }: { readonly output: Output; readonly nowMs: number }): string[] {
  const { reconnecting } = tunnel;
  if (reconnecting) {
    const { code, message, connections, sinceMs } = reconnecting;
    const waiting = connections === 1 ? "1 connection waits" : `${connections} connections wait`;
    return indented(`${waiting} for the network, cut ${ago(sinceMs, nowMs)}: ${code} ${plainText(message)}`, output.columns);
  }
  const failure = currentFailure(tunnel);
  if (!failure) return [];
  const { code, message } = failure;
  const [first = "", ...more] = indented(`${code} ${plainText(message)} (${failureAge(failure, nowMs)})`, output.columns);
  const said = [first.replace(code, () => output.paint("red", code)), ...more];
  // A failure of the far side comes without a cure, so one is added below.
  if (tunnel.state !== "degraded") return said;
  const cure = indented(`${CODES[code].cure} "tunneld diagnose ${plainText(tunnel.name)}" looks closer.`, output.columns);
  return [...said, ...cure.map((line) => output.paint("dim", line))];
}

/** When the service behind the tunnel last answered. A plain tcp service may say nothing first: then the proof of the key counts. */
function verifiedAtMs({ service, keyVerifiedAtMs, backendVerifiedAtMs }: TunnelStatus): number | undefined {
  return backendVerifiedAtMs ?? (service === "tcp" ? keyVerifiedAtMs : undefined);
}

function rowOf(tunnel: TunnelStatus, { output, nowMs }: { readonly output: Output; readonly nowMs: number }): Cell[] {
  const verified = verifiedAtMs(tunnel);
  const users = tunnel.users.map(({ kind, name }) => plainText(`${kind} ${name}`, { maxLength: 60 }));
  return [
    { text: plainText(tunnel.role === "server" ? `${tunnel.name} (server)` : tunnel.name), paint: (text) => output.paint("bold", text) },
    { text: tunnel.state, paint: (text) => output.paint(styleOf(tunnel.state), text) },
    { text: plainText(tunnel.listen) },
    { text: plainText(tunnel.backend === undefined ? tunnel.target : `${tunnel.target} (${tunnel.backend})`) },
    { text: String(tunnel.openConnections) },
    { text: verified === undefined ? "not yet" : [ago(verified, nowMs), ...(tunnel.product === undefined ? [] : [plainText(tunnel.product)])].join(", ") },
    { text: [...(tunnel.pinned ? ["pin"] : []), ...users].join(", ") },
  ];
}

function failureAge({ atMs, count }: NonNullable<TunnelStatus["lastFailure"]>, nowMs: number): string {
  return count > 1 ? `${count} times, last ${ago(atMs, nowMs)}` : ago(atMs, nowMs);
}
