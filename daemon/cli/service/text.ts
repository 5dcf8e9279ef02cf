/**
 * The files that make an operating system start the daemon when its user logs in:
 * a systemd user unit, a launchd agent, a scheduled task. Pure text; special
 * characters in a path (spaces, quotes, %, &) are escaped by each format's rules.
 * Specs: systemd.service(5), systemd.syntax(7); launchd.plist(5); Microsoft's
 * Task Scheduler Schema and CommandLineToArgvW.
 *
 * All three do the same: a daemon that ends by itself (nobody needs it, exit 0) is
 * not started again, and a daemon that crashes is. A daemon that hands over to a
 * newer one ends while its successor goes on, so the manager must not kill the
 * remaining processes.
 */

/** Every file that we write contains this text; a file without it is not ours and is never touched. */
export const SERVICE_MARKER = 'Written by "tunneld service install"';

const NOTE = `${SERVICE_MARKER}; "tunneld service uninstall" takes it back. An edit is lost with the next install.`;

/** The command that the service starts. */
export interface ServiceCommand {
  /** Absolute path of Node, or of Electron to be run as Node. */
  readonly execPath: string;
  readonly isElectron: boolean;
  /** The absolute path of tunneld.cjs, and its arguments. */
  readonly args: readonly string[];
}

/** A systemd user unit. */
export function systemdUnit({ execPath, isElectron, args }: ServiceCommand): string {
  const command = [systemdPath(execPath), ...args.map(systemdArgument)].join(" ");
  return `# ${NOTE}
[Unit]
Description=Encrypted tunnels (tunneld)

[Service]
ExecStart=${command}
${isElectron ? "Environment=ELECTRON_RUN_AS_NODE=1\n" : ""}UnsetEnvironment=NODE_OPTIONS
Restart=on-failure
RestartSec=1
# An upgrade starts the successor from the old daemon: it must outlive it.
KillMode=process
# SIGTERM lets open connections end for 60 s.
TimeoutStopSec=75
UMask=0077

[Install]
WantedBy=default.target
`;
}

/** A launchd agent of `label`. */
export function launchdPlist(label: string, { execPath, isElectron, args }: ServiceCommand): string {
  const strings = [execPath, ...args].map((arg) => `    <string>${xml(arg)}</string>`).join("\n");
  const environment = isElectron ? "  <key>EnvironmentVariables</key>\n  <dict><key>ELECTRON_RUN_AS_NODE</key><string>1</string></dict>\n" : "";
  return `<?xml version="1.0" encoding="UTF-8"?>
<!-- ${NOTE} -->
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>${xml(label)}</string>
  <key>ProgramArguments</key>
  <array>
${strings}
  </array>
${environment}  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict><key>SuccessfulExit</key><false/></dict>
  <key>AbandonProcessGroup</key>
  <true/>
  <key>ExitTimeOut</key>
  <integer>75</integer>
  <key>Umask</key>
  <integer>63</integer>
</dict>
</plist>
`;
}

/** A scheduled task for the log-on of `user` (DOMAIN\name). Save it as UTF-16 with a byte order mark. */
export function scheduledTaskXml(user: string, { execPath, args }: ServiceCommand): string {
  // conhost --headless: a task runs in the user's session, where node.exe alone would open a console window.
  const rest = ["--headless", execPath, ...args].map(windowsArgument).join(" ");
  return `<?xml version="1.0" encoding="UTF-16"?>
<!-- ${NOTE} -->
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo>
    <Description>Encrypted tunnels (tunneld)</Description>
  </RegistrationInfo>
  <Triggers>
    <LogonTrigger>
      <Enabled>true</Enabled>
      <UserId>${xml(user)}</UserId>
    </LogonTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <UserId>${xml(user)}</UserId>
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <RestartOnFailure>
      <Interval>PT1M</Interval>
      <Count>3</Count>
    </RestartOnFailure>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>%SystemRoot%\\System32\\conhost.exe</Command>
      <Arguments>${xml(rest)}</Arguments>
    </Exec>
  </Actions>
</Task>
`;
}

/** The program of ExecStart: quoted, specifiers (%) doubled; systemd expands no variables in it. */
function systemdPath(text: string): string {
  const escaped = text
    .replaceAll("\\", "\\\\")
    .replaceAll('"', '\\"')
    .replaceAll("%", "%%")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
    .replace(/[\u0000-\u001f\u007f]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, "0")}`);
  return `"${escaped}"`;
}

/** An argument of ExecStart: like the program, with dollar signs doubled too. */
function systemdArgument(text: string): string {
  return systemdPath(text.replaceAll("$", "$$$$"));
}

function xml(text: string): string {
  return (
    text
      .replaceAll("&", "&amp;")
      .replaceAll("<", "&lt;")
      .replaceAll(">", "&gt;")
      // XML 1.0 allows no other control characters, not even escaped.
      // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
      .replace(/[\u0000-\u001f]/g, (char) => (/[\t\n\r]/.test(char) ? `&#${char.charCodeAt(0)};` : ""))
  );
}

/** Quoted so that CommandLineToArgvW returns the same text: backslashes before a quote are doubled. */
function windowsArgument(text: string): string {
  if (/^[\w.:\\/-]+$/.test(text)) return text;
  return `"${text.replace(/(\\*)"/g, '$1$1\\"').replace(/(\\+)$/, "$1$1")}"`;
}
