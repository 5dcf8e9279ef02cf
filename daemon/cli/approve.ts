/**
 * `tunneld approve NAME…`: shows what entries would do and approves them in that form.
 */

import { TunnelError } from "../../shared/errors.ts";
import { quote } from "../../shared/plain-text.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, stateDirOf } from "../programs/options.ts";
import { approve } from "./consent.ts";
import { pathsFor, withOpeningDaemon } from "./daemon-connection.ts";
import { failureLine, ownOutput } from "./output.ts";
import { selectEntries } from "./select-entries.ts";
import { ownTerminal } from "./terminal.ts";
import { failureOf } from "./tunnel-line.ts";

/**
 * Runs the command; 1 when one of the entries is not approved afterwards.
 * @throws TunnelError CONFIG_INVALID, DAEMON_UNREACHABLE
 */
export async function runApprove(args: readonly string[], context: ProgramContext): Promise<number> {
  const { flags, values, operands } = parseOptions(args, { "--state-dir": "value", "--config": "value", "--yes": "flag", "-y": "flag" });
  if (operands.length === 0) throw new TunnelError("CONFIG_INVALID", "name what to approve: tunneld approve NAME…");
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  const { configPath, entries, faulty } = selectEntries(operands, { config: values.get("--config"), paths, output });
  const consent = { yes: flags.has("--yes") || flags.has("-y"), terminal: ownTerminal(), output };
  return await withOpeningDaemon(context, { paths, name: "approve" }, async (client) => {
    const names = [...entries.keys()];
    const { pending, approved } = await client.request("approvals/list", { configPath, names });
    const failures: TunnelError[] = [];
    for (const name of names) {
      const facts = pending.find((one) => one.name === name);
      const refusal = facts ? await approve(client, facts, consent) : approved.some((one) => one.name === name) ? undefined : await whyNot(name);
      if (refusal) failures.push(refusal);
      else output.say(`${name}  approved${facts ? "" : " already"}`);
    }
    for (const failure of failures) output.warn(failureLine(failure));
    return failures.length + faulty.length > 0 ? 1 : 0;

    /** An entry that can't be judged is in neither list; wanting it for a moment tells why. It does not open, as it is not approved. */
    async function whyNot(name: string): Promise<TunnelError> {
      const { tunnels } = await client.want("approve", { configPath, names: [name] });
      await client.want("approve", { configPath, names: [] });
      const [status] = tunnels;
      return status ? failureOf(status) : new TunnelError("NOT_APPROVED", `${quote(name)} can't be approved as it stands`);
    }
  });
}
