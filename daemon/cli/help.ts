/**
 * Help texts. Each says what the command is for, shows one working example, and
 * lists the options.
 */
import { DAEMON_HELP } from "./help-daemon.ts";

const ADDRESSES = `Addresses: host:port, [ip]:port (IPv4 or IPv6) or /absolute/path/of/a/socket`;

const MAIN = `tunneld: encrypted tunnels that speak spiped's protocol

Tunnels of a .vscode/tunnels.json, kept by a daemon in the background:

  tunneld up [NAME...]       open them, and keep them open
  tunneld down [NAME...]     close them
  tunneld status             what is open, and whether it works
  tunneld exec NAME -- CMD   open a tunnel for as long as a command runs
  tunneld wait NAME          make sure that a tunnel works
  tunneld diagnose NAME      find out what is wrong with it, stage by stage
  tunneld url NAME           the URL that clients connect to
  tunneld restart NAME...    close and open a tunnel
  tunneld approve NAME...    look at what an entry does, and approve it
  tunneld keys ...           make, take in and hand out keys
  tunneld logs               what the daemon has to say
  tunneld stop               end the daemon
  tunneld daemon             run the daemon in the foreground
  tunneld service install    start it when you log in

The far end, for an operator:

  tunneld serve --config F   many listeners and backends in one process

One tunnel without a daemon, a drop-in for spiped:

  tunneld keygen FILE        make a key, for both ends of a tunnel
  tunneld spiped OPTIONS     run one end of a tunnel, with spiped's own options
  tunneld spipe OPTIONS      join standard input and output to a far spiped

  tunneld COMMAND --help     what a command does and takes
  tunneld --version          its version, and of the spiped that it matches

Keys, approvals and state live in the account's home folder, whatever HOME says:
~/.local/state/encrypted-tunnels and ~/.config/encrypted-tunnels. To use another
folder, with a daemon of its own: TUNNELD_STATE_DIR, or --state-dir.

Redis in site B, an application in site A, the same key file at both. Site B:

  tunneld spiped -d -s '[0.0.0.0]:6479' -t '[127.0.0.1]:6379' -k redis.key

Site A (if 6379 is taken there, choose another port):

  tunneld spiped -e -s '[127.0.0.1]:6379' -t site-b.example:6479 -k redis.key
  redis-cli -p 6379 ping

Called spiped or spipe (a symbolic link will do), it is that program.
`;

const SPIPED = `tunneld spiped: one end of an encrypted tunnel, a drop-in for spiped 1.6.4

  tunneld spiped {-e | -d} -s ADDRESS -t ADDRESS -k KEYFILE [OPTIONS]

  -e            encrypt: the client's side, plain in, encrypted out
  -d            decrypt: the server's side, encrypted in, plain out
  -s ADDRESS    listen here; resolved once
  -t ADDRESS    connect there
  -k KEYFILE    the shared key; - is standard input
  -b ADDRESS    outgoing address; its port may be left out
  -D            wait for DNS: go to the background first, retry look-ups
  -f            give up forward secrecy (faster handshakes)
  -g            require forward secrecy of the other end
  -F            stay in the foreground; no pid file
  -j            no TCP keepalive
  -n N          most connections at once, 0 for no limit; others wait (100)
  -o SECONDS    bound on connecting to each address, and on the handshake (5)
  -p FILE       pid file (the -s address with .pid)
  -r SECONDS    look the target's name up again this often (60)
  -R            look it up once
  --syslog      in the background, warn through syslog (the logger program)
  -u USER:GROUP after binding, become USER, :GROUP or both
  -v            version

${ADDRESSES}
A shell needs quotes around brackets: '[127.0.0.1]:6379'.
SIGTERM: the port is given up at once (a successor can start), exit 0 when the
last connection has ended; a second one ends at once.
SIGHUP, in the background: reads the key file again, for new connections.
Exit status: 0; else 1 with a line that ends in a code, such as (LISTEN_IN_USE).
`;

const SPIPE = `tunneld spipe: joins standard input and output to an encrypted connection

  tunneld spipe -t ADDRESS -k KEYFILE [OPTIONS]

  -t ADDRESS    the far spiped -d
  -k KEYFILE    the shared key; - is standard input (then nothing is sent)
  -b ADDRESS    outgoing address; its port may be left out
  -f            give up forward secrecy
  -g            require forward secrecy of the other end
  -j            no TCP keepalive
  -o SECONDS    bound on connecting to each address, and on the handshake (5)
  -v            version

${ADDRESSES}
Exit status: 0 when the connection ended well; else 1 with a line that ends in
a code, such as (CONNECT_REFUSED).
As an SSH proxy: ssh -o "ProxyCommand tunneld spipe -t %h:8022 -k ssh.key" host
`;

const KEYGEN = `tunneld keygen: makes a key for a tunnel

  tunneld keygen FILE

Writes 32 random bytes to FILE, readable by you alone (mode 0600), and prints
the key's fingerprint. Never overwrites. Both ends of a tunnel need the same
file: copy it over a channel you trust (scp), byte for byte. Use one key for
each target.
`;

/** The help of each command; the empty name is the program's own. */
export const HELP: ReadonlyMap<string, string> = new Map([["", MAIN], ["spiped", SPIPED], ["spipe", SPIPE], ["keygen", KEYGEN], ...DAEMON_HELP]);
