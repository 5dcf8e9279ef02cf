/**
 * Runs one program of the system's service manager to its end, with an argument
 * list and never through a shell.
 */
import { spawn } from "node:child_process";
import { plainText } from "../../../shared/plain-text.ts";
import type { Invocation } from "./plan.ts";

/** How it ended. */
export type InvocationResult =
  | { readonly kind: "done" }
  | { readonly kind: "missing" }
  /** `said`: the program's standard error, made plain, or its exit status. */
  | { readonly kind: "failed"; readonly said: string };

/** Our choice: service managers answer in one line. */
const KEPT_CHARS = 500;

/** Runs `command` with `env`; never rejects. */
export function invoke({ command, args }: Invocation, env: NodeJS.ProcessEnv): Promise<InvocationResult> {
  return new Promise((resolve) => {
    const child = spawn(command, [...args], { env, stdio: ["ignore", "ignore", "pipe"], windowsHide: true });
    let said = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      said = (said + text).slice(0, KEPT_CHARS);
    });
    child.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "ENOENT" ? { kind: "missing" } : { kind: "failed", said: error.message });
    });
    child.once("close", (code, signal) => {
      resolve(code === 0 ? { kind: "done" } : { kind: "failed", said: plainText(said.trim()) || `it ended with ${signal ?? `status ${code}`}` });
    });
  });
}
