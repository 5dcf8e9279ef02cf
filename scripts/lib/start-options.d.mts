/** Types of start-options.mjs for the tests. */

/** @throws Failure for options that are unknown, kept by npm or exclude one another */
export function startOptions(args: readonly string[], env: NodeJS.ProcessEnv): { readonly mysql: boolean; readonly vscode: boolean; readonly once: boolean };
