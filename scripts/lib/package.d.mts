/** Types of package.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

/** Where the extension's package is once `npm run package` has made it. */
export function packagePath(): string;

/** Packages the result of `npm run build` to `path`. */
export function packageExtension(path?: string): Promise<string>;
