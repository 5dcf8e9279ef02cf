/**
 * The options of `npm start`. Pure: what cannot be meant is a Failure before anything is installed or started.
 */
import { Failure } from "./failure.mjs";

const NAMES = ["mysql", "vscode", "once"];

/**
 * What was asked for. npm keeps an option that stands before `--` for itself and passes it on in the environment
 * alone (npm_config_once): the demonstration would be another one than the one that was meant.
 */
export function startOptions(args, env) {
  const unknown = args.find((arg) => !NAMES.includes(arg.replace(/^--/, "")) || !arg.startsWith("--"));
  if (unknown !== undefined) throw new Failure(`Unknown option ${unknown}: npm start -- --help lists them.`);
  const kept = NAMES.filter((name) => env[`npm_config_${name}`] && !args.includes(`--${name}`)).map((name) => `--${name}`);
  if (kept.length > 0) throw new Failure(`npm keeps ${kept.join(" ")} for itself: write npm start -- ${[...args, ...kept].join(" ")}`);
  const [mysql, vscode, once] = NAMES.map((name) => args.includes(`--${name}`));
  if (vscode && (mysql || once)) throw new Failure("--vscode goes with no other option: it has a Redis and a MariaDB, and stays until Ctrl-C.");
  return { mysql, vscode, once };
}
