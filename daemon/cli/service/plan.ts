/**
 * How the daemon is installed as a service on each system: which file, which
 * commands, and how to undo it. Pure: touches nothing.
 */
import * as path from "node:path";
import { TunnelError } from "../../../shared/errors.ts";
import { canonicalPath, socketName } from "../../lifecycle/door/socket-path.ts";
import type { Place } from "../../lifecycle/paths.ts";
import { launchdPlist, type ServiceCommand, scheduledTaskXml, systemdUnit } from "./text.ts";

/** The service to install, and for which user. */
export interface ServiceRequest {
  readonly place: Place;
  /** Windows: DOMAIN\name. */
  readonly user: string;
  readonly execPath: string;
  readonly isElectron: boolean;
  /** Absolute path of tunneld.cjs. */
  readonly program: string;
  /** A daemon of its own for this folder; undefined: the user's usual one. */
  readonly stateDir: string | undefined;
}

/** A program and its arguments; never a shell command line. */
export interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
  /** The plan goes on if this step fails: it is only a precaution. */
  readonly mayFail?: boolean;
}

/** What to do. */
export interface ServicePlan {
  readonly file: string;
  readonly text: string;
  readonly encoding: "utf8" | "utf16le";
  readonly install: readonly Invocation[];
  /** Commands before the file is removed, and after. */
  readonly uninstall: { readonly before: readonly Invocation[]; readonly after: readonly Invocation[] };
  /** What to say when a command does not exist. */
  readonly instead: string;
  /** For people, after an install; may be empty. */
  readonly hint: string;
}

const APP = "encrypted-tunnels";

/**
 * The plan for this platform.
 * @throws TunnelError CONFIG_INVALID where there is no service manager that we know
 */
export function servicePlan(request: ServiceRequest): ServicePlan {
  const { execPath, isElectron, program, stateDir } = request;
  const args = [program, "daemon", "--background", ...(stateDir === undefined ? [] : ["--state-dir", path.resolve(stateDir)])];
  const command: ServiceCommand = { execPath, isElectron, args };
  // The daemon of another state folder is a separate service.
  const suffix = stateDir === undefined ? "" : `-${socketName(canonicalPath(stateDir), 1).slice(3)}`;
  switch (request.place.platform) {
    case "win32":
      return scheduledTask(request, { command, suffix });
    case "darwin":
      return launchdAgent(request, { command, suffix });
    case "linux":
      return systemdService(request, { command, suffix });
    default:
      throw new TunnelError("CONFIG_INVALID", `no service is known for ${request.place.platform}: have "tunneld daemon" started when you log in`);
  }
}

interface Named {
  readonly command: ServiceCommand;
  readonly suffix: string;
}

function systemdService({ place }: ServiceRequest, { command, suffix }: Named): ServicePlan {
  const unit = `tunneld${suffix}.service`;
  const reload = systemctl("daemon-reload");
  return {
    file: path.join(place.homeDir, ".config", "systemd", "user", unit),
    text: systemdUnit(command),
    encoding: "utf8",
    install: [reload, systemctl("enable", "--now", unit)],
    // Draining takes as long as the daemon's connections; the command does not wait for it.
    uninstall: { before: [systemctl("disable", "--now", "--no-block", unit)], after: [reload] },
    instead: 'this system has no systemd: have "tunneld daemon --background" started when you log in',
    hint: 'It starts when you log in, and ends when nothing is pinned. To start it with the machine: loginctl enable-linger "$USER"',
  };
}

function launchdAgent({ place }: ServiceRequest, { command, suffix }: Named): ServicePlan {
  const label = `dev.${APP}.tunneld${suffix}`;
  const file = path.join(place.homeDir, "Library", "LaunchAgents", `${label}.plist`);
  const domain = `gui/${place.uid ?? 0}`;
  const bootout: Invocation = { command: "launchctl", args: ["bootout", `${domain}/${label}`], mayFail: true };
  return {
    file,
    text: launchdPlist(label, command),
    encoding: "utf8",
    // A loaded agent can't be bootstrapped again.
    install: [bootout, { command: "launchctl", args: ["bootstrap", domain, file] }],
    uninstall: { before: [bootout], after: [] },
    instead: 'launchctl is not there: have "tunneld daemon --background" started when you log in',
    hint: "It starts when you log in, and ends when nothing is pinned.",
  };
}

function scheduledTask({ place, user }: ServiceRequest, { command, suffix }: Named): ServicePlan {
  const task = `\\${APP}\\tunneld${suffix}`;
  const file = path.win32.join(place.homeDir, "AppData", "Local", APP, `tunneld${suffix}.task.xml`);
  return {
    file,
    text: scheduledTaskXml(user, command),
    encoding: "utf16le",
    install: [
      { command: "schtasks", args: ["/Create", "/F", "/TN", task, "/XML", file] },
      { command: "schtasks", args: ["/Run", "/TN", task] },
    ],
    uninstall: { before: [{ command: "schtasks", args: ["/Delete", "/F", "/TN", task] }], after: [] },
    instead: 'schtasks is not there: have "tunneld daemon --background" started when you log in',
    hint: "It starts when you log in, and ends when nothing is pinned.",
  };
}

function systemctl(...args: readonly string[]): Invocation {
  return { command: "systemctl", args: ["--user", ...args] };
}
