/**
 * Help texts of the commands around the daemon. `status` documents its JSON,
 * which scripts rely on.
 */

const COMMON = `  --state-dir DIR   a daemon, keys and state apart from the usual ones
                    (TUNNELD_STATE_DIR)`;
const CONFIG = `  --config FILE     this tunnels.json; else the nearest .vscode/tunnels.json,
                    else your own`;
const EXIT = `Exit status: 0; else 1 with a line that ends in a code, such as (KEY_MISMATCH).`;

const UP = `tunneld up: opens tunnels and keeps them open

  tunneld up [NAME...] [OPTIONS]

Opens the entries of a tunnels.json, all of them or those named, and pins them:
they stay open whatever window or shell ends, and are opened again after the
daemon has ended, until "tunneld down". An entry that you have not approved in
its present form is shown and asked about.

${CONFIG}
  --wait SECONDS    make one connection through each, and wait until it has
                    shown that it works
  -y, --yes         approve without asking: for scripts
${COMMON}

A tunnels.json of a parent folder is taken only if nobody else can write it.
${EXIT}
Without a terminal and without --yes, what is not approved is refused:
NOT_APPROVED.
`;

const DOWN = `tunneld down: closes tunnels

  tunneld down [NAME...] [OPTIONS]

Takes back what "tunneld up" did; without names for all tunnels of the
tunnels.json. A tunnel that a window or a command uses stays open for it.
Connections go on until they end.
To close what is not open is no failure.

  --all             every tunnel the daemon has
  --force           close also what others use
${CONFIG}
${COMMON}
`;

const RESTART = `tunneld restart: closes and opens tunnels

  tunneld restart NAME... [OPTIONS]

Their connections are cut. One that can't be opened again as its entry stands
goes on as it is.

${CONFIG}
${COMMON}
`;

const STATUS = `tunneld status: what is open, and whether it works

  tunneld status [--json]

States: opening, listening (nothing has gone through yet), key-verified (the
other end has the key), verified (the service behind it has answered),
reconnecting (the network is cut, and open connections wait for it), degraded
(it worked, or should, and does not), port-busy, waiting-for-key, not-approved,
draining, closed.

  --json            for scripts; fields may be added, none is renamed or removed
${COMMON}

{
  "daemon": null or {
    "pid", "version", "protocol", "startedAt", "stateDir", "crypto", "draining",
    "predecessors": [{ "pid", "version", "openConnections" }]
  },
  "tunnels": [{
    "name", "configPath", "role", "service", "state", "since",
    "listen", "target", "backend", "group", "connections" (open now),
    "totalConnections",
    "keyVerifiedAt", "backendVerifiedAt", "wire" (spiped, native or null),
    "product" (such as "Redis 7.0.15", or null),
    "keyFingerprints": [], "keyUses": [{ "fingerprint", "count", "lastAt" }],
    "reconnecting": null or { "since", "connections", "code", "message" },
    "sessions": null or { "open", "waiting", "resumed", "gone" },
    "lastFailure": null or { "code", "message", "at", "count" },
    "bytesIn", "bytesOut", "pinned", "closedByUser",
    "users": [{ "kind", "name", "pid" }]
  }]
}
Times are ISO 8601 in UTC, or null. No daemon is started unless there are pins
to open again.
`;

const WAIT = `tunneld wait: makes sure that a tunnel works

  tunneld wait NAME [OPTIONS]

Makes one connection through an open tunnel, and waits until the service behind
it has answered (for service tcp: until the other end has proved the key). A
server's end only has to listen.

  --timeout SECONDS at most so long (30)
${CONFIG}
${COMMON}

${EXIT}
`;

const DIAGNOSE = `tunneld diagnose: what is wrong with a tunnel, and what mends it

  tunneld diagnose NAME [OPTIONS]

Looks at it stage by stage: file, approval, key, port, name, every address,
greeting, key of the far end, forward secrecy, backend, service. Nothing is sent
for an entry that is not approved, and no password is ever used: Redis is sent
PING, inside TLS if the entry says "tls": true.
MySQL gets a login as "tunneld-probe", which it refuses and may log as "Access
denied". Such a login does not count towards blocking this host
(max_connect_errors); a connection closed after the greeting would.
"A guess" and "probably" mean what they say: spiped gives no reasons.

  --json            code (null: all is well), certain, cause, cure, stages[],
                    warnings[]
${CONFIG}
${COMMON}

Exit status: 0 when all is well, else 1.
`;

const SERVE = `tunneld serve: the far end for many backends, in one foreground process

  tunneld serve --config FILE [OPTIONS]

Opens every entry with "role": "server" of FILE (the format of tunnels.json).
Entries may share a port: the key that a client proves tells which backend it
gets, and plain spiped clients can't tell the difference. The file and its keys
are watched: a changed entry takes new connections with its new settings while
old ones go on, and an entry may list an old and a new key while its clients
change over.

  --metrics ADDRESS counters for Prometheus at /metrics, and /healthz;
                    loopback only
  --metrics-public  other machines may ask too
  --metrics-host NAME[,NAME]
                    names by which they may ask for it, beside its address
  --drain SECONDS   how long SIGTERM lets connections go on (60); a second one
                    cuts them
${COMMON}

Under systemd: Type=notify with NotifyAccess=all, and sockets passed in
(Accept=no) are used where their address is wanted. See docs/SERVER.md for a
unit, a container and a three-node Redis.

Exit status: 0 after a signal; 1 when it could not start, and a line says why.
`;

const LOGS = `tunneld logs: what the daemon has to say

  tunneld logs [OPTIONS]

  -f                go on, until the daemon ends
  -n N              the last N lines (50)
  --level LEVEL     debug, info, warn or error, and what is worse (info)
  --json            one JSON object a line
${COMMON}

With no daemon running, the end of its log file.
`;

const KEYS = `tunneld keys: makes, takes in and hands out keys

  tunneld keys list                    the names and fingerprints
  tunneld keys generate NAME           make one: 32 random bytes
  tunneld keys import NAME [FILE|-]    take in spiped's key file, byte for byte
  tunneld keys export NAME FILE        write one to a new file, to copy
  tunneld keys forget NAME             remove one for good
  tunneld keys fingerprint NAME|FILE   what to compare over the telephone

  --base64, --hex   import: the input is text in this form, not the file itself
  -y, --yes         forget: do not ask
${COMMON}

A key file is taken byte for byte: one that is text and ends with a line feed is
another key than its copy without. import and fingerprint say so, and show the
fingerprints of both.
A tunnels.json names a key, it never holds one. Keys are files of mode 0600 in a
folder of mode 0700. A key is never taken from the command line, which every
user can see: without FILE it comes from standard input. Both ends need the same
key; use one for each target.
`;

const APPROVE = `tunneld approve: approves what an entry does

  tunneld approve NAME... [OPTIONS]

Shows where the entry listens, where it leads, with which key, and what it puts
into the environment; then asks. Any change of these asks again. Until then
nothing opens, and what was approved before keeps running.

  -y, --yes         approve without asking: for scripts
${CONFIG}
${COMMON}
`;

const URL = `tunneld url: the URL that clients connect to

  tunneld url NAME [OPTIONS]

For example redis://127.0.0.1:6579, or rediss:// where the entry says
"tls": true; never with a password. The entry must be approved as it stands:
its user and database are in the URL.

  redis-cli -u "$(tunneld url cache)"

  --nodes           for redis-cluster: where each of the cluster's nodes is on
                    this machine, as the map that ioredis calls natMap; nodes
                    that no client has heard of yet are not in it

${CONFIG}
${COMMON}
`;

const EXEC = `tunneld exec: opens tunnels for as long as a command runs

  tunneld exec NAME... [OPTIONS] -- COMMAND [ARGUMENT...]

Opens the tunnels, makes one connection through each to be sure that it works,
and runs COMMAND (no shell) with the "env" of their entries and, for each,
TUNNEL_NAME_URL, TUNNEL_NAME_HOST and TUNNEL_NAME_PORT; NAME in capitals, with _
for anything but letters and digits:

  tunneld exec cache -- sh -c 'redis-cli -u "$TUNNEL_CACHE_URL" ping'

Signals are passed on. A daemon that dies is started again with the same ports.

  --timeout SECONDS at most so long for the tunnels to work (30)
  -y, --yes         approve without asking: for scripts
${CONFIG}
${COMMON}

Exit status: COMMAND's own, 128 + N when signal N ended it, 127 when there is no
such command; 1 when a tunnel does not work or is not approved: COMMAND is not
run then.
`;

const STOP = `tunneld stop: ends the daemon

  tunneld stop [OPTIONS]

Opens nothing new, waits for open connections, and returns when the daemon has
ended. What is pinned is opened again by the next command.

  --timeout SECONDS at most so long, then they are cut (60)
  --now             cut them at once
${COMMON}
`;

const DAEMON = `tunneld daemon: the background process, in the foreground

  tunneld daemon [OPTIONS]

Commands and VS Code windows start it when they need it; this is for service
managers and for looking on. Its log goes to standard error, too. Ends by itself
when nobody needs it.

  --log-level LEVEL debug, info, warn or error (info)
  --linger SECONDS  keep a tunnel so long after the last window that wanted it
                    is gone (60)
  --idle SECONDS    end after so long without client, pin or connection (30)
  --drain SECONDS   SIGTERM: at most so long for open connections (60); a second
                    one cuts them
  --background      log to the file only
${COMMON}
`;

const SERVICE = `tunneld service: starts the daemon when you log in

  tunneld service install [OPTIONS]
  tunneld service uninstall [OPTIONS]

With it, what is pinned is open from the moment you log in, before any window or
command. Linux: a systemd user unit; macOS: a launchd agent; Windows: a
scheduled task. Only your own, no administrator is needed. A file that this
program did not write is never overwritten.

  --print           show the file and what would be done, and do nothing
${COMMON}

On Linux, to have it from the start of the machine on:

  loginctl enable-linger "$USER"
`;

/** The help of each command. */
export const DAEMON_HELP: ReadonlyMap<string, string> = new Map([
  ["up", UP],
  ["down", DOWN],
  ["restart", RESTART],
  ["status", STATUS],
  ["wait", WAIT],
  ["diagnose", DIAGNOSE],
  ["serve", SERVE],
  ["logs", LOGS],
  ["keys", KEYS],
  ["approve", APPROVE],
  ["url", URL],
  ["exec", EXEC],
  ["stop", STOP],
  ["daemon", DAEMON],
  ["service", SERVICE],
]);
