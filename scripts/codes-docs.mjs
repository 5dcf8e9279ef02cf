/**
 * Writes docs/CODES.md and the README's table of codes: node --import tsx scripts/codes-docs.mjs
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { codesDocument, withCodes } from "./lib/codes-document.ts";
import { root } from "./lib/project.mjs";

const readme = join(root, "README.md");
writeFileSync(join(root, "docs", "CODES.md"), codesDocument());
writeFileSync(readme, withCodes(readFileSync(readme, "utf8")));
