/** A file system that fails as told: root, whom tests may run as, gets no EACCES, and no disk is full at will. */
import { createRequire, syncBuiltinESMExports } from "node:module";

const builtin = createRequire(import.meta.url)("node:fs") as Record<string, (...args: readonly unknown[]) => unknown>;
const restores: (() => void)[] = [];

/** From now on until the end of the test `method` of node:fs fails with `code`; only where `when` holds, if it is given. */
export function failFs(method: string, code: string, when: (...args: readonly unknown[]) => boolean = () => true): void {
  replaceFs(method, (original, args) => {
    if (!when(...args)) return original(...args);
    throw Object.assign(new Error(`${code}: as the test wants it`), { code });
  });
}

/** From now on until the end of the test `method` of node:fs is this. */
export function replaceFs(method: string, by: (original: (...args: readonly unknown[]) => unknown, args: readonly unknown[]) => unknown): void {
  const original = builtin[method];
  if (!original) throw new RangeError(`node:fs has no ${method}`);
  builtin[method] = Object.assign((...args: readonly unknown[]) => by(original, args), original);
  restores.push(() => {
    builtin[method] = original;
    syncBuiltinESMExports();
  });
  syncBuiltinESMExports();
}

/** Mends the file system; for an afterEach that runs before the test's folder is removed. */
export function mendFs(): void {
  for (let restore = restores.pop(); restore; restore = restores.pop()) restore();
}
