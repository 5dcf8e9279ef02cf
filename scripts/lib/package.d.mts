/** Types of package.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

/** Where the extension's package is once `npm run package` has made it. */
export function packagePath(): string;
