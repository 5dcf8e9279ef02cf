/**
 * What signals do to a daemon.
 *
 *     running ──SIGTERM, SIGINT──► draining ──second signal or deadline──► cut
 *                                      └──drained──► done
 *
 * SIGHUP reloads if there is something to reload, and otherwise does nothing: it
 * arrives when a terminal closes, which is no reason to end. SIGUSR1 would open
 * Node's inspector, and so the keys in memory: the signal is caught and ignored.
 */
import type { Dispose, Timers } from "../../shared/time.ts";

/** The signals that end a daemon. */
export type EndSignal = "SIGTERM" | "SIGINT";

/** Where signals come from: `process`, or a test's stand-in. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  removeListener(signal: NodeJS.Signals, listener: () => void): unknown;
}

/** What to do on a signal. */
export interface ShutdownOptions {
  readonly signals: SignalSource;
  readonly timers: Timers;
  /** How long draining may take. */
  readonly deadlineMs: number;
  /** Opens nothing new; resolves when the last connection has ended. Must not reject. */
  readonly drain: (signal: EndSignal) => Promise<void>;
  /** Ends everything now. Called at most once, and not after `drain` is done. */
  readonly cut: (reason: "second-signal" | "deadline") => void;
  /** SIGHUP; ignored without it. */
  readonly reload?: () => void;
}

type Phase = "running" | "draining" | "done";

/** Takes over the signals; the caller owns the result, which releases them. */
export function handleSignals(options: ShutdownOptions): Dispose {
  const { signals, timers } = options;
  let phase: Phase = "running";
  let stopTimer: Dispose = () => {};

  const finish = (): void => {
    phase = "done";
    stopTimer();
  };
  const cut = (reason: "second-signal" | "deadline"): void => {
    if (phase !== "draining") return;
    finish();
    options.cut(reason);
  };
  const end = (signal: EndSignal): void => {
    if (phase !== "running") {
      cut("second-signal");
      return;
    }
    phase = "draining";
    stopTimer = timers.after(options.deadlineMs, () => cut("deadline"));
    void options.drain(signal).then(finish);
  };

  const listeners: readonly (readonly [NodeJS.Signals, () => void])[] = [
    ["SIGTERM", () => end("SIGTERM")],
    ["SIGINT", () => end("SIGINT")],
    ["SIGHUP", () => options.reload?.()],
    ["SIGUSR1", () => {}],
  ];
  for (const [signal, listener] of listeners) signals.on(signal, listener);
  return () => {
    stopTimer();
    for (const [signal, listener] of listeners) signals.removeListener(signal, listener);
  };
}
