/** Types of ports.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

/** A port on 127.0.0.1 that nobody listened on just now. */
export function freePort(): Promise<number>;
