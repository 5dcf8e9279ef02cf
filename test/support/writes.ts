/** Looks at the disk just before node:fs writes a file's content. */
import { createRequire, syncBuiltinESMExports } from "node:module";

/** Calls `look` before each writeFileSync until `end`, which returns the results. */
export function watchWrites<T>(look: () => T): { end(): readonly T[] } {
  const builtin = createRequire(import.meta.url)("node:fs") as { writeFileSync: (...args: readonly unknown[]) => void };
  const original = builtin.writeFileSync;
  const seen: T[] = [];
  const patch = (write: typeof original): void => {
    builtin.writeFileSync = write;
    syncBuiltinESMExports();
  };
  patch((...args) => {
    seen.push(look());
    original(...args);
  });
  return {
    end: () => {
      patch(original);
      return seen;
    },
  };
}
