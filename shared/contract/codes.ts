/**
 * What each failure code means and what mends it, in a sentence for somebody who
 * writes applications. docs/CODES.md and a part of the README are made from it.
 * "Probably" stands where the evidence allows another cause: spiped closes
 * without giving reasons.
 */
import type { ErrorCode } from "../errors.ts";

/** Who reports a code: an end of a tunnel, or a command about the daemon. The client end is the application's. */
export type SeenBy = "client end" | "server end" | "both ends" | "commands";

/** Where to look for the fault. */
export type Place = "set-up" | "way" | "far end" | "key" | "service" | "data" | "load" | "daemon";

/** What a code means. */
export interface CodeMeaning {
  readonly cause: string;
  /** The cause when it is known which end reports it. */
  readonly causeAt?: { readonly client: string; readonly server: string };
  readonly cure: string;
  /** The cure in a window, which has buttons in place of the commands that `cure` names. Default: `cure`. */
  readonly cureInWindow?: string;
  /** The cure when a diagnosis has found the fault on this machine, where the cause says the rest. */
  readonly cureAtHand?: string;
  readonly seenBy: SeenBy;
  readonly place: Place;
}

/** What all codes of a place have in common, for a first look. */
export const PLACES: Readonly<Record<Place, { readonly means: string; readonly first: string }>> = {
  "set-up": {
    means: "the tunnel can't open on this machine: its entry, its approval, its key file, its port, or a disk that takes no changes",
    first: "read the message: it names the place",
  },
  way: { means: "the address behind this end can't be reached", first: "check the target, the VPN and firewalls" },
  "far end": { means: "something answers there, but probably not spiped, or one that is too busy", first: "check that the target is the encrypted port" },
  key: { means: "the ends don't agree on the key or on forward secrecy", first: "compare the keys' fingerprints (`tunneld keys fingerprint FILE`)" },
  service: { means: "the far end is there; probably its Redis, MySQL or other service is not, or refuses", first: "check the service and the far end's `-t`" },
  data: {
    means: "a connection was changed or cut on its way, or reset at its other side",
    first: "look at the program there, then for a proxy or an unstable network between the ends",
  },
  load: {
    means: "too many connections; or, said by the server end, a program that talks plainly to the encrypted port",
    first: "raise the limit, or correct the program's port",
  },
  daemon: { means: "a command and the background daemon don't come together", first: "`tunneld logs`, then `tunneld stop` and the command again" },
};

/** Every code, in the order of the list of codes. */
export const CODES: Readonly<Record<ErrorCode, CodeMeaning>> = {
  CONFIG_INVALID: {
    cause: "An entry of tunnels.json, or an option of a command, is not what it must be.",
    cure: "Correct what the message names; for a file it gives line and column.",
    cureAtHand: "Correct the entry in tunnels.json; the message says what it must be.",
    seenBy: "both ends",
    place: "set-up",
  },
  NOT_APPROVED: {
    cause: "You have not approved this entry in its present form, or it has changed since.",
    cure: "Look at what it does and approve it: `tunneld approve NAME`.",
    cureInWindow: "Look at what it does, and approve it if you agree.",
    cureAtHand: "Look at what the entry does and approve it.",
    seenBy: "both ends",
    place: "set-up",
  },
  KEY_NOT_FOUND: {
    cause: "There is no key of this name or at this path, or it can't be read as a file.",
    cure: "Copy the key file from the other end (`tunneld keys import NAME FILE`), or correct its name or path.",
    cureInWindow: "Import the key file of the other end, or correct its name or path in the entry.",
    cureAtHand: "Copy the key file from the other end, or correct the key's name or path.",
    seenBy: "both ends",
    place: "set-up",
  },
  KEY_PERMISSIONS: {
    cause: "The key file is somebody else's, is open to others, can't be read by you, is no regular file, or lies outside the workspace folder.",
    cure: 'Make it a regular file of your own that only you can read (`chmod 600 FILE`), and write its full path if it lies outside the workspace; for a mounted secret that others may read, write `"shared": true` beside `file`.',
    cureAtHand: "Make the key file a regular file of your own that only you can read (chmod 600).",
    seenBy: "both ends",
    place: "set-up",
  },
  KEY_WEAK: {
    cause: "The key file has less than 32 bytes, or so many that it is no key file.",
    cure: "Make a new key (`tunneld keygen FILE` or `tunneld keys generate NAME`) and copy it to both ends.",
    cureInWindow: "Generate a new key and copy it to both ends.",
    cureAtHand: "Make a new key (tunneld keys generate) and copy it to both ends.",
    seenBy: "both ends",
    place: "set-up",
  },
  LISTEN_IN_USE: {
    cause: "Another program, another tunnel or a left-over socket file has the port or path that this tunnel listens at.",
    cure: "Stop what uses it, or choose another port.",
    cureAtHand: "Stop the program that listens there, or choose another port.",
    seenBy: "both ends",
    place: "set-up",
  },
  LISTEN_DENIED: {
    cause: "The system does not let you listen at this port or path.",
    cure: "Choose a port from 1024 up, or a folder you can write.",
    cureAtHand: "Choose a port from 1024 up, or a folder you can write.",
    seenBy: "both ends",
    place: "set-up",
  },
  DNS_FAILED: {
    cause: "A host name can't be turned into an address here.",
    cure: "Check its spelling, and whether this network knows it (is the VPN on?).",
    cureAtHand: "Check the spelling of the name, and whether this network (VPN) knows it.",
    seenBy: "both ends",
    place: "way",
  },
  CONNECT_REFUSED: {
    cause: "The machine is there, but nothing listens at that port or socket path; a firewall can refuse in the same way.",
    cure: "Start what should listen there (the far end; behind a server end, the service), or correct the target.",
    cureAtHand: "Start what should listen there, or correct the target.",
    seenBy: "both ends",
    place: "way",
  },
  CONNECT_TIMEOUT: {
    cause: "No answer at all in time: probably a firewall drops the connection, or the machine is off.",
    cure: "Check that the machine is on, and that firewalls between here and there pass the port.",
    cureAtHand: "Check that the machine is on and that firewalls between here and there pass the port.",
    seenBy: "both ends",
    place: "way",
  },
  CONNECT_UNREACHABLE: {
    cause: "There is no way from this machine to that address.",
    cure: "Check this machine's network and VPN, and the outgoing address (`bind`) if one is set.",
    cureAtHand: "Check this machine's network and VPN, and the outgoing address (bind).",
    seenBy: "both ends",
    place: "way",
  },
  PEER_CLOSED: {
    cause: "The other side closed without a greeting (seen by a server: before it proved a key): probably it is not spiped, or it turns this machine away.",
    cure: "Check that the target is the port of the encrypted end, not of the service, and that it lets this machine in.",
    seenBy: "both ends",
    place: "far end",
  },
  NOT_SPIPED: {
    cause: "Something else than spiped answers at the target; the message says what it looks like, and whether that is certain.",
    cure: "Put `spiped -d` or tunneld there, or correct the target: it must be the port of the encrypted end, not of the service.",
    seenBy: "client end",
    place: "far end",
  },
  HANDSHAKE_TIMEOUT: {
    cause: "The other side accepted the connection and then said too little in time: probably it is at its limit, overloaded, stopped, or not spiped.",
    cure: "On the far machine, look which program listens there, how busy it is, and whether it has reached its limit (`-n`).",
    seenBy: "both ends",
    place: "far end",
  },
  KEY_MISMATCH: {
    cause:
      "At a server end it is certain that the client holds another key; at a client end the far side closed when it got our proof of the key, so probably it holds another or requires forward secrecy that is off here.",
    causeAt: {
      client: "The far end closed when it got the proof of the key: it probably holds another key.",
      server: "The client that connected holds another key.",
    },
    cure: "Compare the key files of both ends by their fingerprints (`tunneld keys fingerprint FILE`, or `sha512sum`; never `sha256sum`, which prints the secret that spiped computes), and copy the right one (a line end in a key file is part of the key); don't use `-f` at one end and `-g` at the other.",
    cureInWindow: "Compare the key's fingerprint at both ends, and copy the right key file; don't use `-f` at one end and `-g` at the other.",
    seenBy: "both ends",
    place: "key",
  },
  PEER_MAC_INVALID: {
    cause: "The other side's part of the key exchange is not one that spiped gives: it was changed on the way, or the program there is faulty.",
    cure: "Look for something between the two machines that changes what passes, and for what really listens there.",
    seenBy: "both ends",
    place: "key",
  },
  FORWARD_SECRECY_REFUSED: {
    cause: "One end requires forward secrecy (`-g`) and the other has it off (`-f`).",
    cure: 'Start the end without `-f`, or set "forwardSecrecy" to "prefer" on both.',
    seenBy: "both ends",
    place: "key",
  },
  WIRE_REFUSED: {
    cause:
      'One end takes only the native wire ("wire": "native") and the other speaks only spiped\'s; a client end says it also where the far end holds another key.',
    cure: 'Set "wire" to "auto" at the end that takes only the native one, or run tunneld at both ends.',
    seenBy: "both ends",
    place: "key",
  },
  TARGET_REFUSED: {
    cause: "A client asked for a backend that the far end's entry does not lead to (`backend` here, `targets` and `allow` there).",
    cure: "At the far end, add the backend to `targets` or `allow` of the entry, or correct `backend` here.",
    seenBy: "both ends",
    place: "service",
  },
  BACKEND_DOWN: {
    cause:
      "The service does not answer, refuses us, or is another than the entry says, also in whether it speaks TLS (`tls`); a client end that has no proof of the key only guesses this and says probably.",
    cure: "On the server end's machine, check that the service runs and that the target (`-t`) of that end is its address; if all that is right and this key has never worked there, compare the keys of both ends.",
    seenBy: "both ends",
    place: "service",
  },
  BACKEND_BLOCKED: {
    cause: "The service answers and refuses us, in its own words: Redis in protected mode or full, MySQL with too many errors (1129) or connections (1040).",
    cure: "Let the service accept the far end's address; MySQL 1129: `FLUSH HOSTS`, or since MySQL 8.4 `mysqladmin flush-hosts`; if it is full, close connections or raise its limit.",
    seenBy: "both ends",
    place: "service",
  },
  RECORD_INVALID: {
    cause: "An encrypted packet is not as the other end sealed it: it was changed on the way, or the program there is faulty.",
    cure: "Connect again; if it stays so, look for something between the two machines that changes what passes.",
    seenBy: "both ends",
    place: "data",
  },
  TRUNCATED: {
    cause:
      "The connection was cut in the middle: probably the program at its other side reset it, the other end of the tunnel ended, or something on the way cut it.",
    cure: "Connect again; if it stays so, look for something between the two machines that cuts connections.",
    seenBy: "both ends",
    place: "data",
  },
  LIMIT_REACHED: {
    cause:
      "All connections that are allowed are in use, a client wants more tunnels than it may, or this process has no file descriptors left; said of a far end that speaks spiped's wire it is probable, not certain.",
    cure: "Close connections that nobody needs, or raise the limit (`maxConnections`, spiped `-n`, `ulimit -n`).",
    cureAtHand: "Close programs, or raise the limit of open files (ulimit -n).",
    seenBy: "both ends",
    place: "load",
  },
  PLAIN_CLIENT: {
    cause: "A program came to the encrypted port with its plain protocol (Redis, MySQL, TLS, HTTP), and got nothing.",
    cure: "Let it connect to the port of the tunnel's client end; the log has the address it came from.",
    seenBy: "server end",
    place: "load",
  },
  DAEMON_UNREACHABLE: {
    cause: "The background daemon, or the system's service manager, does not run, does not start, or is about to end.",
    cure: "Try again; `tunneld logs` says why it ended, `tunneld stop --now` ends one that waits.",
    cureInWindow: "Try again; the log says why it ended, and a restart ends one that waits.",
    seenBy: "commands",
    place: "daemon",
  },
  DAEMON_VERSION: {
    cause: "The daemon that runs is of another version than the program that asks it.",
    cure: "Use the same version of both: `tunneld stop`, and the newer one starts with the next command.",
    cureInWindow: "Restart the daemon, and update the extension in every window.",
    seenBy: "commands",
    place: "daemon",
  },
  STATE_NOT_SAVED: {
    cause: "What you asked for can't be saved on disk: the message says what holds until the daemon ends.",
    cure: "Free some space or make the folder writable, then try again.",
    seenBy: "commands",
    place: "set-up",
  },
};
