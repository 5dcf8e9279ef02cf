/**
 * Where everything lives. Decided by who the user is, never by the environment
 * (HOME, TMPDIR and XDG_* differ under su, cron and snaps, and client and
 * daemon must agree); only an explicit state folder overrides it, and then
 * everything is under that one.
 *
 *     default                                   with --state-dir DIR
 *     /run/user/UID/tunneld/      runtime       DIR/run/          Linux
 *     /tmp/tunneld-UID/           runtime       same              … without /run/user/UID, or when the path is too long
 *     ~/Library/Application Support/encrypted-tunnels/run/        macOS
 *     ~/.local/state/encrypted-tunnels/  state  DIR/
 *     ~/.config/encrypted-tunnels/       config DIR/              keys/ and tunnels.json
 */
import { homedir, userInfo } from "node:os";
import * as path from "node:path";
import { TunnelError } from "../../shared/errors.ts";
import { canonicalPath, endpointName, fitsSocketPath } from "./door/socket-path.ts";
import { ensurePrivateFolder, isPrivateFolder } from "./private-folder.ts";

/** The variable that stands for `--state-dir`; the option wins. */
export const STATE_DIR_VARIABLE = "TUNNELD_STATE_DIR";

const APP = "encrypted-tunnels";

/** Who and where we are; an argument so that tests can be somebody else. */
export interface Place {
  readonly platform: NodeJS.Platform;
  /** Effective user id; undefined on Windows. */
  readonly uid: number | undefined;
  /** Empty: the user has none. */
  readonly homeDir: string;
  /** Holds a folder for each user that is logged in: /run/user. */
  readonly runUserDir: string;
  /** Holds the folder of last resort: /tmp, whatever TMPDIR says. */
  readonly tmpDir: string;
}

/** Where one daemon can be met. */
export interface Endpoint {
  readonly folder: string;
  /** The well-known socket. Empty on Windows, where the pipe's name stands in the discovery file. */
  readonly socketPath: string;
  readonly discoveryFile: string;
}

/** Every place the daemon and its clients use. */
export interface DaemonPaths {
  readonly stateDir: string;
  /** The state folder that was asked for, absolute; undefined: the usual places. What a daemon that is started must be told. */
  readonly givenStateDir: string | undefined;
  /** Where a daemon that starts now listens. */
  readonly endpoint: Endpoint;
  /** Where a daemon may be too: it started before /run/user/UID existed. Starters and clients look here as well. */
  readonly otherEndpoints: readonly Endpoint[];
  /** Held exclusively by the daemon on Windows. */
  readonly lockFile: string;
  /** When daemons were started: see crash-guard.ts. */
  readonly startsFile: string;
  readonly stateFile: string;
  readonly logFile: string;
  /** Copies of the program by version, outside any extension folder. */
  readonly programDir: string;
  readonly keyDir: string;
  /** The personal tunnels.json, outside any repository. */
  readonly userTunnelsFile: string;
}

/** This process's user on this machine. */
export function thisPlace(): Place {
  return { platform: process.platform, uid: process.geteuid?.(), homeDir: homeOfUser(), runUserDir: "/run/user", tmpDir: "/tmp" };
}

/** A user id without an entry in the user database, as in some containers, has only its environment's home; empty: it has none. */
function homeOfUser(): string {
  try {
    return userInfo().homedir;
  } catch {
    return homeOfEnvironment();
  }
}

function homeOfEnvironment(): string {
  try {
    return homedir();
  } catch {
    return "";
  }
}

/** What to find the paths for. */
export interface PathOptions {
  /** `--state-dir`, else TUNNELD_STATE_DIR, else undefined; relative to the current folder. */
  readonly stateDir: string | undefined;
  /** PROTOCOL_VERSION; another one to find a daemon that speaks that. */
  readonly protocol: number;
  readonly place: Place;
}

/**
 * Works out all paths; creates nothing.
 * @throws TunnelError DAEMON_UNREACHABLE when no state folder is given and the user has no home
 */
export function daemonPaths({ stateDir, protocol, place }: PathOptions): DaemonPaths {
  const homes = stateDir === undefined ? defaultHomes(place) : oneHome(stateDir);
  const name = endpointName(canonicalPath(homes.state), protocol);
  const endpoints = runtimeFolders(homes.runtime, place).map((folder) => endpointIn(folder, name, place));
  const fitting = place.platform === "win32" ? endpoints : endpoints.filter(({ socketPath }) => fitsSocketPath(socketPath, place.platform));
  const [endpoint, ...otherEndpoints] = fitting;
  if (endpoint === undefined) throw new RangeError("the folder of last resort is too long for a socket");
  return {
    stateDir: homes.state,
    givenStateDir: stateDir === undefined ? undefined : homes.state,
    endpoint,
    otherEndpoints: stateDir === undefined ? otherEndpoints : [],
    lockFile: path.join(endpoint.folder, `${name}.lock`),
    startsFile: path.join(endpoint.folder, `${name}.starts`),
    stateFile: path.join(homes.state, "state.json"),
    logFile: path.join(homes.state, "log", "tunneld.log"),
    programDir: path.join(homes.state, "program"),
    keyDir: path.join(homes.config, "keys"),
    userTunnelsFile: path.join(homes.config, "tunnels.json"),
  };
}

/**
 * Makes the folders of runtime, state, log and keys, 0700, and checks them.
 * @throws TunnelError DAEMON_UNREACHABLE with cause and cure
 */
export function prepareFolders(paths: DaemonPaths, place: Place): void {
  const { uid } = place;
  ensurePrivateFolder({ path: paths.stateDir, uid, others: "unwritable" });
  for (const folder of [paths.endpoint.folder, path.dirname(paths.logFile), paths.keyDir]) ensurePrivateFolder({ path: folder, uid, others: "private" });
}

interface Homes {
  readonly state: string;
  readonly config: string;
  /** undefined: by the user id. */
  readonly runtime: string | undefined;
}

function oneHome(stateDir: string): Homes {
  const state = path.resolve(stateDir);
  return { state, config: state, runtime: path.join(state, "run") };
}

function defaultHomes({ platform, homeDir }: Place): Homes {
  if (homeDir === "") throw new TunnelError("DAEMON_UNREACHABLE", "this user has no home folder: set HOME, or name a folder with --state-dir");
  switch (platform) {
    case "win32": {
      const local = path.join(homeDir, "AppData", "Local", APP);
      return { state: path.join(local, "state"), config: local, runtime: path.join(local, "run") };
    }
    case "darwin":
      return { ...unixHomes(homeDir), runtime: path.join(homeDir, "Library", "Application Support", APP, "run") };
    default:
      return { ...unixHomes(homeDir), runtime: undefined };
  }
}

function unixHomes(homeDir: string): Omit<Homes, "runtime"> {
  return { state: path.join(homeDir, ".local", "state", APP), config: path.join(homeDir, ".config", APP) };
}

/** Best first; the last one's path is always short enough. */
function runtimeFolders(wanted: string | undefined, place: Place): readonly string[] {
  if (place.platform === "win32") return [wanted ?? place.tmpDir];
  const lastResort = path.join(place.tmpDir, `tunneld-${place.uid}`);
  const first = wanted ?? runUserFolder(place);
  return first === undefined ? [lastResort] : [first, lastResort];
}

/** Our folder in /run/user/UID, if that exists and is ours alone. */
function runUserFolder({ runUserDir, uid }: Place): string | undefined {
  const folder = path.join(runUserDir, String(uid));
  return isPrivateFolder(folder, uid) ? path.join(folder, "tunneld") : undefined;
}

function endpointIn(folder: string, name: string, { platform }: Place): Endpoint {
  return {
    folder,
    socketPath: platform === "win32" ? "" : path.join(folder, `${name}.sock`),
    discoveryFile: path.join(folder, `${name}.json`),
  };
}
