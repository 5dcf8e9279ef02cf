/**
 * Writes l10n/bundle.l10n.json from the sources, and says what the translations lack: node --import tsx scripts/l10n.mjs
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { collectTexts, englishBundle, gapsOf } from "./lib/l10n.ts";
import { root } from "./lib/project.mjs";

const folder = join(root, "l10n");
const texts = collectTexts();
for (const call of texts.unreadable) process.stderr.write(`no literal: ${call}\n`);
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, "bundle.l10n.json"), `${JSON.stringify(englishBundle(texts), null, 2)}\n`);
let gaps = texts.unreadable.length;
for (const name of readdirSync(folder).filter((one) => /^bundle\.l10n\..+\.json$/.test(one))) {
  const { missing, unused } = gapsOf(texts.places.keys(), JSON.parse(readFileSync(join(folder, name), "utf8")));
  for (const id of missing) process.stdout.write(`${name} lacks  ${JSON.stringify(id)}  (${texts.places.get(id)})\n`);
  for (const id of unused) process.stdout.write(`${name} unused ${JSON.stringify(id)}\n`);
  gaps += missing.length + unused.length;
}
process.stdout.write(`${texts.places.size} texts, ${gaps} gaps\n`);
process.exitCode = gaps === 0 ? 0 : 1;
