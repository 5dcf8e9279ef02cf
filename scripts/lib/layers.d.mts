/** Types of layers.mjs for the tests. */

/** Folders or files, and what each may import besides itself. */
export const LAYERS: Readonly<Record<string, readonly string[]>>;

/** The entry of a bundle. It has no row: it may import anything, and nothing imports it. */
export const ENTRIES: readonly string[];

/** Modules that only some places may import. */
export const RESERVED: readonly { readonly modules: readonly string[]; readonly within: string; readonly except: readonly string[]; readonly why: string }[];

/** The linter's rules, as biome.json has them. */
export function lintOverrides(): readonly { readonly includes: readonly string[]; readonly linter: unknown }[];

/** The row of {@link LAYERS} that counts for a file; undefined when there is none. */
export function rowOf(path: string): string | undefined;
