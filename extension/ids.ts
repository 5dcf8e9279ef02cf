/**
 * The names under which VS Code knows the parts of this extension. A command's
 * title stands in package.json; a test holds the two lists against one another.
 */

/** Every id begins with it. */
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
  closeAll: `${PREFIX}.closeAll`,
  approve: `${PREFIX}.approve`,
  revokeApproval: `${PREFIX}.revokeApproval`,
  diagnose: `${PREFIX}.diagnose`,
  copyAddress: `${PREFIX}.copyAddress`,
  copyUrl: `${PREFIX}.copyUrl`,
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
  restartDaemon: `${PREFIX}.daemon.restart`,
  stopDaemon: `${PREFIX}.daemon.stop`,
  reveal: `${PREFIX}.reveal`,
  copyFact: `${PREFIX}.copyFact`,
} as const;
