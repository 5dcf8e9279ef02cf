/**
 * Writes docs/RPC.md from the contract: node --import tsx scripts/rpc-docs.mjs
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { root } from "./lib/project.mjs";
import { rpcDocument } from "./lib/rpc-document.ts";

writeFileSync(join(root, "docs", "RPC.md"), rpcDocument());
