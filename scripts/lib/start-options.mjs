/**
 * The options of `npm start`. Pure: wrong options give a Failure before anything is installed or started.
 */
import { Failure } from "./failure.mjs";

const NAMES = ["mysql", "vscode", "once"];

/**
 * The given options. npm keeps an option before `--` for itself and passes it on only in the environment
 * (npm_config_once): without a check, the wrong demonstration would start.
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
