/**
 * The names under which VS Code knows the parts of this extension. A command's
 * title is in package.json; a test compares the two lists.
 */

/** Every id begins with this. */
export const PREFIX = "encryptedTunnels";

/** The tree view. */
export const TUNNELS_VIEW = `${PREFIX}.tunnels`;

/** The commands, by what they do. Those that take a tunnel take a {@link TunnelArgument}; without one they ask. */
export const COMMANDS = {
  open: `${PREFIX}.open`,
  openAdHoc: `${PREFIX}.openAdHoc`,
  close: `${PREFIX}.close`,
  restart: `${PREFIX}.restart`,
  openAll: `${PREFIX}.openAll`,
  openGroup: `${PREFIX}.openGroup`,
  closeGroup: `${PREFIX}.closeGroup`,
  closeAll: `${PREFIX}.closeAll`,
  approve: `${PREFIX}.approve`,
  revokeApproval: `${PREFIX}.revokeApproval`,
  diagnose: `${PREFIX}.diagnose`,
  copyAddress: `${PREFIX}.copyAddress`,
  copyUrl: `${PREFIX}.copyUrl`,
  copyAs: `${PREFIX}.copyAs`,
  openIn: `${PREFIX}.openIn`,
  duplicate: `${PREFIX}.duplicate`,
  rename: `${PREFIX}.rename`,
  remove: `${PREFIX}.remove`,
  moveToGroup: `${PREFIX}.moveToGroup`,
  openBeforeDebugging: `${PREFIX}.openBeforeDebugging`,
  copyServerCommand: `${PREFIX}.copyServerCommand`,
  openClient: `${PREFIX}.openClient`,
  manageKeys: `${PREFIX}.keys.manage`,
  generateKey: `${PREFIX}.keys.generate`,
  importKey: `${PREFIX}.keys.import`,
  exportKey: `${PREFIX}.keys.export`,
  showFingerprint: `${PREFIX}.keys.fingerprint`,
  forgetKey: `${PREFIX}.keys.forget`,
  createConfig: `${PREFIX}.createConfig`,
  editConfig: `${PREFIX}.editConfig`,
  editPersonal: `${PREFIX}.editPersonal`,
  saveAdHoc: `${PREFIX}.saveAdHoc`,
  removeAdHoc: `${PREFIX}.removeAdHoc`,
  showLog: `${PREFIX}.showLog`,
  showTunnels: `${PREFIX}.showTunnels`,
  showTunnel: `${PREFIX}.showTunnel`,
  restartDaemon: `${PREFIX}.daemon.restart`,
  stopDaemon: `${PREFIX}.daemon.stop`,
  reveal: `${PREFIX}.reveal`,
  copyFact: `${PREFIX}.copyFact`,
  cutConnections: `${PREFIX}.cutConnections`,
} as const;

/** Context key: a tunnel's address was copied, or a client was opened. Ticks the last step of the walkthrough. */
export const HAS_USED_TUNNEL = `${PREFIX}.hasUsedTunnel`;

/** Commands that are not in the palette: they are always about one entry. */
export const CHOOSE_KEY = `${PREFIX}.chooseKey`;
export const CHOOSE_PORT = `${PREFIX}.choosePort`;
