/**
 * The text of a new tunnels.json: one entry that is right in form, with comments
 * that explain it. Pure.
 */
import type { Translate } from "../translate.ts";

/** The user who creates the file replaces this first. */
const PLACEHOLDER = "cache.example.com:6479";

/** The text of a new file, and where in it the target's placeholder is. */
export interface ConfigTemplate {
  readonly text: string;
  readonly placeholder: { readonly offset: number; readonly length: number };
}

/** Who will read the file. */
export type TemplateUse = "workspace" | "personal";

/** See the file's header. `key`: the name of a key of this machine. */
export function configTemplate(use: TemplateUse, t: Translate, key?: string): ConfigTemplate {
  const about =
    use === "workspace"
      ? t("Encrypted tunnels of this folder. Share this file in git: it names keys and never holds one.")
      : t("Encrypted tunnels of your own, in every workspace. This file names keys and never holds one.");
  const text = `// ${about}
{
  "version": 1,
  "tunnels": {
    // ${t("The name is yours to choose. Open above it asks for your approval and opens the tunnel.")}
    "cache": {
      "service": "redis", // ${t("redis, redis-cluster, mysql, postgres, mongodb or tcp")}
      "listen": 6579, // ${t("the port on this machine; 0 picks a free one")}
      "target": "${PLACEHOLDER}", // ${t("the far end, host:port: where spiped -d or tunneld listens")}
      "key": ${JSON.stringify(key ?? "team-redis")} // ${key === undefined ? t("the name of a key: Import Key adds one") : t("the key that both ends share")}
    }
  }
}
`;
  return { text, placeholder: { offset: text.indexOf(PLACEHOLDER), length: PLACEHOLDER.length } };
}
