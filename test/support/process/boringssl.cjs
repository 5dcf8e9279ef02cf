/**
 * Limits a Node process to the cryptography of Electron, whose BoringSSL has no chacha20-poly1305, CCM or OCB and no
 * small Diffie-Hellman groups: these throw here. Loaded with --require; says so on standard error.
 */
const crypto = require("node:crypto");

const MISSING = /chacha20|ccm|ocb|wrap|siv/i;
const refuse = (name) => {
  process.stderr.write(`not in BoringSSL: ${name}\n`);
  throw Object.assign(new Error("Unknown cipher"), { code: "ERR_CRYPTO_UNKNOWN_CIPHER" });
};
for (const method of ["createCipheriv", "createDecipheriv"]) {
  const original = crypto[method];
  crypto[method] = (name, ...args) => (MISSING.test(name) ? refuse(name) : original(name, ...args));
}
for (const method of ["createDiffieHellmanGroup", "getDiffieHellman"]) {
  const original = crypto[method];
  crypto[method] = (name) => (/^modp[12]$/i.test(name) ? refuse(name) : original(name));
}
// Named imports of ES modules see the changes only after this call.
require("node:module").syncBuiltinESMExports();
process.stderr.write("as poor as BoringSSL\n");
