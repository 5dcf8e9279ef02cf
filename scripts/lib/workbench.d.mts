/** Types of workbench.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

/** Absolute paths. */
export interface WorkbenchParts {
  /** The Node.js that code-server demands. */
  readonly node: string;
  /** code-server's entry point. */
  readonly server: string;
  readonly chromium: string;
}

/** Where the parts are; throws one sentence when one is missing. */
export function locateWorkbench(): WorkbenchParts;
