/**
 * How a failure of a connection is logged: under whose name, from where, and which
 * failures are counted together instead of flooding the log.
 */
import type { ForwarderEvent } from "../proxy/forwarder.ts";

/** See the file's header. */
export interface FailureWords {
  /** The entry's name, or the port with the names of all that share it: strangers came to none of them in particular. */
  readonly who: string;
  /** Whether `who` is such a port. */
  readonly isPort: boolean;
  /** Failures with the same key are told once a minute; programs at the wrong port each by their own address, so that all can be found. */
  readonly key: string;
  /** The message and where the connection came from. */
  readonly text: string;
}

/** The words for a failure of the entry called `name`. */
export function failureWords(name: string, { error, peer, port }: Extract<ForwarderEvent, { type: "failure" }>): FailureWords {
  const who = port ? `${port.listen} (${port.entries.join(", ")})` : name;
  const from = error.code === "PLAIN_CLIENT" ? ` ${peer.replace(/:\d+$/, "")}` : "";
  return { who, isPort: port !== undefined, key: `${who} ${error.code}${from}`, text: `${error.message}${peer === "" ? "" : ` (connection from ${peer})`}` };
}
