/**
 * Keeps Node's inspector closed: a debugger that connects to it can read every
 * key in memory, and signal SIGUSR1 would open it. Importing this file is enough.
 * It is the program's first import, because loading the others takes time.
 *
 * Until then Node's own handler is in place. That handler opens the inspector in
 * a thread of its own, perhaps only later, so an open inspector is closed again.
 * An inspector that the command line asked for (--inspect) stays.
 */
import type * as Inspector from "node:inspector";

/** Our choice: by the last look the thread has surely opened the inspector, however busy the machine is. */
const LOOKS_MS = [100, 1_000, 10_000];

if (process.platform !== "win32") {
  process.on("SIGUSR1", () => {});
  if (!isWanted()) {
    closeInspector();
    setImmediate(closeInspector);
    for (const afterMs of LOOKS_MS) setTimeout(closeInspector, afterMs).unref();
  }
}

function isWanted(): boolean {
  return [...process.execArgv, process.env["NODE_OPTIONS"] ?? ""].some((option) => option.includes("--inspect"));
}

function closeInspector(): void {
  // Some builds of Node have no inspector. It is loaded only here, so that our handler is in place before anything is loaded.
  if (!process.features.inspector) return;
  const inspector = process.getBuiltinModule("node:inspector") as typeof Inspector;
  if (inspector.url() !== undefined) inspector.close();
}
