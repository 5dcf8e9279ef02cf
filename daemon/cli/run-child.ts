/**
 * Runs a command in the foreground as if it had been called directly: it gets our
 * standard streams and the signals sent to us, and its exit code becomes ours.
 */
import { spawn } from "node:child_process";
import { constants } from "node:os";
import { TunnelError } from "../../shared/errors.ts";

/** Always passed on: only this process gets them. */
const FORWARDED = ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2"] as const;
/** A terminal sends these to the whole foreground group, so the command gets them already: passed on, they would arrive twice. */
const FROM_TERMINAL = ["SIGINT", "SIGQUIT"] as const;

/** The shell's codes for a command that can't be run, POSIX.1-2017 2.8.2. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** What to run. */
export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** Called with the reason when the command can't be started. */
  readonly onFailure: (error: TunnelError) => void;
}

/** Runs the command to its end; resolves to its exit code, or 128 + n when signal n ended it. No shell is involved. */
export function runChild({ command, args, env, onFailure }: ChildOptions): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { env, stdio: "inherit" });
    const isAtTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
    const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
    const ignore = (): void => {};
    // Windows has no such signals; a console's Ctrl-C reaches the child directly.
    const forwarded = process.platform === "win32" ? [] : isAtTerminal ? FORWARDED : [...FORWARDED, ...FROM_TERMINAL];
    const ignored = process.platform === "win32" ? (["SIGINT"] as const) : isAtTerminal ? FROM_TERMINAL : [];
    for (const signal of forwarded) process.on(signal, forward);
    for (const signal of ignored) process.on(signal, ignore);
    const finish = (code: number): void => {
      for (const signal of forwarded) process.removeListener(signal, forward);
      for (const signal of ignored) process.removeListener(signal, ignore);
      resolve(code);
    };
    child.once("error", (error: NodeJS.ErrnoException) => {
      if (child.pid !== undefined) return; // A signal could not be sent: the child has just ended.
      const isMissing = error.code === "ENOENT";
      onFailure(new TunnelError("CONFIG_INVALID", isMissing ? `${command}: command not found` : `${command}: can't be run: ${error.message}`));
      finish(isMissing ? NOT_FOUND : NOT_EXECUTABLE);
    });
    child.once("exit", (code, signal) => finish(code ?? 128 + (signal ? constants.signals[signal] : 0)));
  });
}
