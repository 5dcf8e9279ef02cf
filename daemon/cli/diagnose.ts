/**
 * `tunneld diagnose NAME`: checks a tunnel stage by stage and says what is wrong,
 * how certain the finding is, and how to fix it.
 */
import type { Diagnosis } from "../../shared/contract/diagnosis.ts";
import { TunnelError } from "../../shared/errors.ts";
import type { ProgramContext } from "../programs/context.ts";
import { parseOptions, stateDirOf } from "../programs/options.ts";
import { pathsFor, withOpeningDaemon } from "./daemon-connection.ts";
import { type Output, ownOutput, safeJson } from "./output.ts";
import { configPathFor } from "./select-entries.ts";

/** An approval includes the key's fingerprint. */
const NO_DIGEST = "can't be judged before the key is there";

/**
 * Runs the command; 0 when all is well, else 1.
 * @throws TunnelError DAEMON_UNREACHABLE, CONFIG_INVALID
 */
export async function runDiagnose(args: readonly string[], context: ProgramContext): Promise<number> {
  const { flags, values, operands } = parseOptions(args, { "--state-dir": "value", "--config": "value", "--json": "flag" });
  const [name, ...more] = operands;
  if (name === undefined || more.length > 0) throw new TunnelError("CONFIG_INVALID", "name one tunnel: tunneld diagnose NAME");
  const output = ownOutput(context.name);
  const paths = pathsFor(stateDirOf(values));
  // A user who names a file trusts it, as with `tunneld serve`; a file that was only found may be a stranger's.
  const config = values.get("--config");
  const configPath = configPathFor({ config, paths });
  return await withOpeningDaemon(context, { paths, name: "diagnose" }, async (client) => {
    const json = flags.has("--json");
    if (!json) {
      client.on("diagnosis/progress", ({ report }) => {
        if (report) output.raw(`${stageLine(report, output)}\n`);
      });
    }
    const diagnosis = await client.request("tunnel/diagnose", { configPath, name, ...(config !== undefined && { named: true }) });
    if (json) output.raw(`${safeJson(diagnosis, 2)}\n`);
    else tell(diagnosis, output);
    return diagnosis.code === null ? 0 : 1;
  });
}

/** One stage in one line. A failed stage shows only its code; the message comes once, below the stages. Exported for its test. */
export function stageLine({ stage, ok, ms, detail, code }: Diagnosis["stages"][number], output: Output): string {
  const mark = ok === null ? output.paint("dim", "–") : ok ? output.paint("green", "✔") : output.paint("red", "✖");
  const took = ms > 0 ? `${ms} ms` : "";
  const said = code ?? detail ?? (ok === null && stage === "approval" ? NO_DIGEST : "");
  return `${mark} ${output.paint("bold", stage.padEnd(16))}${output.paint("dim", took.padStart(11))}  ${output.paint(ok === false ? "red" : "dim", said)}`;
}

/** The verdict, below the stages. Exported for its test. */
export function tell(diagnosis: Diagnosis, output: Output): void {
  const { code, certain, cause, cure, roundTrips, warnings, addresses, stages } = diagnosis;
  if (addresses.length > 1) for (const { address, ok, detail } of addresses) output.say(`  ${address}: ${ok ? "answers" : (detail ?? "does not answer")}`);
  const times = Object.entries({ dial: roundTrips.dialMs, handshake: roundTrips.handshakeMs, backend: roundTrips.backendMs })
    .flatMap(([what, ms]) => (ms === undefined ? [] : [`${what} ${ms} ms`]))
    .join(", ");
  output.raw("\n");
  if (times !== "") output.say(`Round trips: ${times}`);
  output.raw(
    `${code === null ? output.paint("green", "Well: ") : output.paint("red", `${code}${certain ? "" : " (a guess)"}: `)}${output.paint("bold", cause)}\n`,
  );
  if (cure !== "") output.say(`What mends it: ${cure}`);
  // The verdict names a busy port first; other failures have shown only their code so far.
  for (const { stage, ok, detail } of stages) if (ok === false && detail !== undefined && detail !== cause) output.say(`Besides, ${stage}: ${detail}`);
  for (const { text } of warnings) output.raw(`${output.paint("yellow", "Advice: ")}${output.paint("dim", text)}\n`);
}
