/** Types of ports.mjs for the tests: the scripts are plain JavaScript, because they run before anything is installed. */

/** A TCP port of `host` (default: 127.0.0.1) that nobody listens on, and that no other run gets while this process lives. */
export function freePort(host?: string): Promise<number>;
