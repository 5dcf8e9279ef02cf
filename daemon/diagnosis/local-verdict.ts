/**
 * What failures mean that a stage on this side reports by itself: configuration,
 * keys, ports, name service, connecting. They are facts, so all are certain.
 */
import { type ErrorCode, TunnelError } from "../../shared/errors.ts";
import type { StageName } from "./report.ts";
import type { Conclusion } from "./verdict.ts";

const CURES: Readonly<Partial<Record<ErrorCode, string>>> = {
  CONFIG_INVALID: "Correct the entry in tunnels.json; the message says what it must be.",
  NOT_APPROVED: "Look at what the entry does and approve it.",
  KEY_NOT_FOUND: "Copy the key file from the other end, or correct the key's name or path.",
  KEY_PERMISSIONS: "Make the key file a regular file of your own that only you can read (chmod 600).",
  KEY_WEAK: "Make a new key (tunneld keys generate) and copy it to both ends.",
  LISTEN_IN_USE: "Stop the program that listens there, or choose another port.",
  LISTEN_DENIED: "Choose a port from 1024 up, or a folder you can write.",
  DNS_FAILED: "Check the spelling of the name, and whether this network (VPN) knows it.",
  CONNECT_REFUSED: "Start what should listen there, or correct the target.",
  CONNECT_TIMEOUT: "Check that the machine is on and that firewalls between here and there pass the port.",
  CONNECT_UNREACHABLE: "Check this machine's network and VPN, and the outgoing address (bind).",
  LIMIT_REACHED: "Close programs, or raise the limit of open files (ulimit -n).",
};

/** Concludes from what a stage threw, with the code's own cure unless the caller knows a better one; anything but a TunnelError is thrown on. */
export function judgeLocal(stage: StageName, error: unknown, better?: string): Conclusion {
  if (!(error instanceof TunnelError)) throw error;
  const cure = better ?? CURES[error.code] ?? "See the message.";
  return { stage, code: error.code, certain: true, cause: sentence(capitalised(error.message)), cure };
}

/** A message of ours may be a question: "did you mean …?" */
function sentence(text: string): string {
  return /[.?!]$/.test(text) ? text : `${text}.`;
}

function capitalised(text: string): string {
  // A name or an address at the beginning stays as it is written.
  return /^[a-z]+ /.test(text) ? text.charAt(0).toUpperCase() + text.slice(1) : text;
}
