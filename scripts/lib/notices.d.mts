/** Types of notices.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

/** Where the notices are, relative to the project's root. */
export const NOTICES: string;

/** The part of esbuild's metafile that is needed. */
export interface BundleMetafile {
  readonly outputs: Readonly<Record<string, { readonly inputs: Readonly<Record<string, { readonly bytesInOutput: number }>> }>>;
}

/** The folders of packages whose code is in an output of esbuild. */
export function bundledPackages(metafile: BundleMetafile): readonly string[];

/** The text for packages in these folders of `root`; throws a Failure for one without a licence's text. */
export function noticesOf(root: string, folders: readonly string[]): string;
