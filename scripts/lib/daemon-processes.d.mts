/** Types of daemon-processes.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

/** Ends the daemon with this state folder and all processes that are starting one; the first signals are sent before it returns. */
export function endProcessesOf(stateDir: string): Promise<void>;
