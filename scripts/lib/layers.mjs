/**
 * The layers: which folder may import which. They are written only here. `npm run layers` makes the linter's rules
 * (`overrides` in biome.json) from this table, `npm run check` fails when the two differ, and
 * test/unit/scripts/layers.test.ts breaks each rule on purpose.
 */

/**
 * From the bottom up: a folder or file, and what it may import besides itself. The longest row that fits a file counts;
 * a file without a row is not restricted. A circle of imports is an error everywhere, types included.
 */
export const LAYERS = {
  shared: [],
  "shared/contract": ["shared"],
  "daemon/crypto": ["shared"],
  "daemon/protocol": ["shared", "daemon/crypto"],
  "daemon/services": ["shared", "shared/contract"],
  "daemon/proxy": ["shared", "daemon/crypto", "daemon/protocol", "daemon/services"],
  "daemon/keys": ["shared", "shared/contract", "daemon/crypto", "daemon/protocol"],
  "daemon/config": ["shared", "shared/contract", "daemon/keys"],
  "daemon/tunnels": [
    ...["shared", "shared/contract", "daemon/crypto", "daemon/protocol", "daemon/services"],
    ...["daemon/proxy", "daemon/keys", "daemon/config"],
  ],
  "daemon/diagnosis": [
    ...["shared", "shared/contract", "daemon/crypto", "daemon/protocol", "daemon/services"],
    ...["daemon/proxy", "daemon/config", "daemon/tunnels"],
  ],
  "daemon/rpc": ["shared", "shared/contract", "daemon/keys", "daemon/config", "daemon/tunnels", "daemon/diagnosis"],
  "daemon/lifecycle": ["shared", "shared/contract"],
  // crypto: only for the challenge on a Windows pipe.
  "daemon/client": ["shared", "shared/contract", "daemon/crypto", "daemon/lifecycle"],
  "daemon/programs": [
    ...["shared", "shared/contract", "daemon/crypto", "daemon/protocol", "daemon/proxy", "daemon/keys", "daemon/config"],
    ...["daemon/tunnels", "daemon/rpc", "daemon/lifecycle", "daemon/client"],
  ],
  "daemon/cli": [
    ...["shared", "shared/contract", "daemon/crypto", "daemon/protocol", "daemon/proxy", "daemon/keys", "daemon/config"],
    ...["daemon/tunnels", "daemon/lifecycle", "daemon/client", "daemon/programs"],
  ],
  "extension/ids.ts": [],
  "extension/emitter.ts": [],
  "extension/model": ["shared", "shared/contract", "extension/ids.ts"],
  "extension/tunnels": ["shared", "shared/contract", "daemon/client", "extension/emitter.ts", "extension/model"],
  "extension/services.ts": ["daemon/client", "extension/model", "extension/tunnels"],
  "extension/ui": [
    ...["shared", "shared/contract", "extension/ids.ts", "extension/emitter.ts", "extension/model", "extension/tunnels"],
    "extension/services.ts",
  ],
  "extension/commands": [
    ...["shared", "shared/contract", "extension/ids.ts", "extension/emitter.ts", "extension/model", "extension/tunnels"],
    ...["extension/services.ts", "extension/ui"],
  ],
  "extension/integration": [
    ...["shared", "shared/contract", "extension/ids.ts", "extension/emitter.ts", "extension/model", "extension/tunnels"],
    ...["extension/services.ts", "extension/commands"],
  ],
  "extension/api.ts": ["shared", "shared/contract", "extension/emitter.ts", "extension/model", "extension/tunnels", "extension/integration"],
  "extension/schema-settings.ts": [],
  "extension/extension.ts": [
    ...["shared", "shared/contract", "daemon/client", "extension/ids.ts", "extension/emitter.ts", "extension/model"],
    ...["extension/tunnels", "extension/services.ts", "extension/ui", "extension/commands", "extension/integration"],
    ...["extension/api.ts", "extension/schema-settings.ts"],
  ],
};

/** The entry of a bundle. It has no row: it may import anything, and nothing imports it. */
export const ENTRIES = ["daemon/main.ts"];

/** Modules that only some places may import, whatever the rows say. */
export const RESERVED = [
  { modules: ["@noble/*", "@noble/**", "node:crypto"], within: "daemon", except: ["daemon/crypto"], why: "cryptographic libraries are for daemon/crypto/" },
  { modules: ["node:*", "node:*/**", "zod", "zod/**"], within: "daemon/protocol", except: [], why: "the protocol is pure: no I/O, no timers, no randomness" },
  { modules: ["**/shared/time.ts", "**/shared/files.ts"], within: "daemon/protocol", except: [], why: "the protocol is pure: no I/O, no timers" },
  {
    modules: ["node:fs", "node:fs/**", "../files.ts"],
    within: "shared/contract",
    except: ["shared/contract/config-file.ts"],
    why: "the contract does not touch the disk",
  },
  { modules: ["vscode"], within: "extension/tunnels", except: ["extension/tunnels/config-sources.ts"], why: "extension/tunnels/ shows nothing" },
  { modules: ["vscode", "node:fs", "node:fs/**", "**/shared/files.ts"], within: "extension/model", except: [], why: "the model is pure: no VS Code, no I/O" },
];

/** The linter's `overrides` for these rules: one for each place whose rules differ. */
export function lintOverrides() {
  const places = [...new Set([...Object.keys(LAYERS), ...RESERVED.flatMap(({ within, except }) => [within, ...except])])];
  // If several overrides fit a file, the linter takes the last one, so the longest comes last.
  return places
    .sort((a, b) => depth(a) - depth(b))
    .map((place) => ({ includes: [isFile(place) ? place : `${place}/**`], linter: { rules: { style: { noRestrictedImports: restricted(place) } } } }));
}

function restricted(place) {
  const patterns = [layerPattern(place), ...RESERVED.filter((rule) => holds(rule, place)).map(({ modules, why }) => ({ group: modules, message: why }))];
  return { level: "error", options: { patterns: patterns.filter(({ group }) => group.length > 0) } };
}

/** The row that counts for a place. */
export function rowOf(place) {
  return Object.keys(LAYERS)
    .filter((row) => isWithin(place, row))
    .sort((a, b) => depth(a) - depth(b))
    .at(-1);
}

function layerPattern(place) {
  const row = rowOf(place);
  if (row === undefined) return { group: [], message: "" };
  const others = [...ENTRIES, ...Object.keys(LAYERS)].filter((other) => other !== row && !LAYERS[row].includes(other));
  const list = LAYERS[row].length === 0 ? "nothing of ours" : LAYERS[row].join(", ");
  return { group: others.map((other) => specifiers(place, other)), message: `layers: ${row} may import ${list} (scripts/lib/layers.mjs)` };
}

/** How a file in `place` writes `target` in an import: without the folder that both are in. */
function specifiers(place, target) {
  const top = place.split("/")[0];
  const name = target.startsWith(`${top}/`) ? target.slice(top.length + 1) : target;
  return isFile(target) ? `**/${name}` : `**/${name}/**`;
}

function holds({ within, except }, place) {
  return isWithin(place, within) && !except.some((other) => isWithin(place, other));
}

function isWithin(place, folder) {
  return place === folder || place.startsWith(`${folder}/`);
}

function isFile(place) {
  return /\.ts$/.test(place);
}

function depth(place) {
  return place.split("/").length;
}
