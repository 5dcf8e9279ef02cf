/**
 * Where everything is. The user decides it, never the environment (HOME, TMPDIR
 * and XDG_* differ under su, cron and snaps, and client and daemon must agree).
 * Only an explicit state folder overrides it: then everything is in that folder.
 *
 *     default                                   with --state-dir DIR
 *     /run/user/UID/tunneld/      runtime       DIR/run/          Linux
 *     /tmp/tunneld-UID/           runtime       same              … without /run/user/UID, or when the path is too long
 *     ~/.local/state/encrypted-tunnels/run/     same              … where another user has /tmp/tunneld-UID, or nobody can
 *     ~/Library/Application Support/encrypted-tunnels/run/        macOS
 *     ~/.local/state/encrypted-tunnels/  state  DIR/
 *     ~/.config/encrypted-tunnels/       config DIR/              keys/ and tunnels.json
 */
import { accessSync, constants, existsSync, lstatSync } from "node:fs";
import { homedir, userInfo } from "node:os";
import * as path from "node:path";
import { TunnelError } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
import { canonicalPath, fitsSocketPath, socketName } from "./door/socket-path.ts";
import { ensurePrivateFolder, isPrivateFolder } from "./private-folder.ts";

/** The variable that replaces `--state-dir`; the option wins. */
export const STATE_DIR_VARIABLE = "TUNNELD_STATE_DIR";

const APP = "encrypted-tunnels";

/** Who and where we are; an argument so that tests can be somebody else. */
export interface Place {
  readonly platform: NodeJS.Platform;
  /** Effective user id; undefined on Windows. */
  readonly uid: number | undefined;
  /** Empty: the user has no home. */
  readonly homeDir: string;
  /** Holds a folder for each user that is logged in: /run/user. */
  readonly runUserDir: string;
  /** Holds the folder of last resort: /tmp, whatever TMPDIR says. */
  readonly tmpDir: string;
}

/** Where clients can find one daemon. */
export interface DoorPlace {
  readonly folder: string;
  /** The well-known socket. Empty on Windows, where the pipe's name is in the discovery file. */
  readonly socketPath: string;
  readonly discoveryFile: string;
}

/** Every place the daemon and its clients use. */
export interface DaemonPaths {
  readonly stateDir: string;
  /** The state folder that was asked for, absolute; undefined: the usual places. Pass it to a daemon that is started. */
  readonly givenStateDir: string | undefined;
  /** Where a daemon that starts now listens. */
  readonly door: DoorPlace;
  /** Other places of a daemon that started before /run/user/UID existed or while another user had /tmp/tunneld-UID. Starters and clients look here too. */
  readonly otherDoors: readonly DoorPlace[];
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

/** A user id without an entry in the user database (as in some containers) has only the home of the environment; empty: it has none. */
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
  /** PROTOCOL_VERSION; another version to find a daemon that speaks that version. */
  readonly protocol: number;
  readonly place: Place;
}

/**
 * Works out all paths; creates nothing.
 * @throws TunnelError DAEMON_UNREACHABLE when no state folder is given and the user has no home
 */
export function daemonPaths({ stateDir, protocol, place }: PathOptions): DaemonPaths {
  const homes = stateDir === undefined ? defaultHomes(place) : oneHome(stateDir);
  const name = socketName(canonicalPath(homes.state), protocol);
  const doors = runtimeFolders(homes.runtime, place).map((folder) => doorIn(folder, name, place));
  const fitting = place.platform === "win32" ? doors : doors.filter(({ socketPath }) => fitsSocketPath(socketPath, place.platform));
  // A folder that was asked for is not skipped silently.
  const obtainable = fitting.filter(({ folder }) => folder === homes.runtime || isObtainable(folder, place.uid));
  // If none is left, making the first one fails and gives the reason.
  const [door, ...otherDoors] = obtainable.length > 0 ? obtainable : fitting;
  if (door === undefined) throw new RangeError("the folder of last resort is too long for a socket");
  return {
    stateDir: homes.state,
    givenStateDir: stateDir === undefined ? undefined : homes.state,
    door,
    otherDoors: door.folder === homes.runtime ? [] : otherDoors,
    lockFile: path.join(door.folder, `${name}.lock`),
    startsFile: path.join(door.folder, `${name}.starts`),
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
  for (const folder of [paths.door.folder, path.dirname(paths.logFile), paths.keyDir]) ensurePrivateFolder({ path: folder, uid, others: "private" });
}

interface Homes {
  readonly state: string;
  readonly config: string;
  /** undefined: chosen by the user id. */
  readonly runtime: string | undefined;
}

function oneHome(stateDir: string): Homes {
  const state = path.resolve(stateDir);
  return { state, config: state, runtime: path.join(state, "run") };
}

function defaultHomes({ platform, homeDir }: Place): Homes {
  if (homeDir === "") throw new TunnelError("DAEMON_UNREACHABLE", message("this user has no home folder: set HOME, or name a folder with --state-dir"));
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

/** Best first. The path in /tmp is always short enough, but another user can take it first. */
function runtimeFolders(wanted: string | undefined, place: Place): readonly string[] {
  if (place.platform === "win32") return [wanted ?? place.tmpDir];
  const first = wanted ?? runUserFolder(place);
  return [
    ...(first === undefined ? [] : [first]),
    path.join(place.tmpDir, `tunneld-${place.uid}`),
    ...(place.homeDir === "" ? [] : [path.join(unixHomes(place.homeDir).state, "run")]),
  ];
}

/** Whether the folder is ours (whatever its mode) or can be made: in /tmp any user can make a folder with our name, and keep it. */
function isObtainable(folder: string, uid: number | undefined): boolean {
  try {
    const stats = lstatSync(folder, { throwIfNoEntry: false });
    return stats === undefined ? canBeMade(folder) : stats.uid === uid;
  } catch {
    return false;
  }
}

function canBeMade(folder: string): boolean {
  let existing = path.dirname(folder);
  while (!existsSync(existing) && path.dirname(existing) !== existing) existing = path.dirname(existing);
  try {
    accessSync(existing, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Our folder in /run/user/UID, if /run/user/UID exists and no other user may enter it. */
function runUserFolder({ runUserDir, uid }: Place): string | undefined {
  const folder = path.join(runUserDir, String(uid));
  return isPrivateFolder(folder, uid) ? path.join(folder, "tunneld") : undefined;
}

function doorIn(folder: string, name: string, { platform }: Place): DoorPlace {
  return {
    folder,
    socketPath: platform === "win32" ? "" : path.join(folder, `${name}.sock`),
    discoveryFile: path.join(folder, `${name}.json`),
  };
}
