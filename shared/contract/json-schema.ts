/**
 * The JSON Schema that editors use for completion and hover in tunnels.json, made
 * from the one definition in `tunnels-file.ts`. It forbids nothing:
 * `config-text.ts` alone marks mistakes, once, and names the cure. Constraints
 * stand in an `anyOf` beside "anything", where editors still find them for
 * completion.
 */
import * as z from "zod";
import { tunnelsFileSchema } from "./tunnels-file.ts";

type Schema = { readonly [keyword: string]: unknown };

/** Kept as they are: they only describe. */
const ANNOTATIONS = ["description", "default", "title", "examples"];
/** Kept where they help to complete, inside the `anyOf`. */
const HINTS = ["type", "enum", "const"];

/** The schema; VS Code's allowComments and allowTrailingCommas included. */
export function tunnelsJsonSchema(): object {
  const { $schema, ...schema } = z.toJSONSchema(tunnelsFileSchema, { io: "input" });
  return {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Encrypted tunnels",
    description: "Encrypted tunnels of this folder, by name. Shared in git: it never holds a secret.",
    allowComments: true,
    allowTrailingCommas: true,
    ...permissive(schema as Schema),
  };
}

function permissive(schema: Schema): Schema {
  const kept: Record<string, unknown> = {};
  for (const keyword of ANNOTATIONS) if (keyword in schema) kept[keyword] = schema[keyword];
  const { properties, additionalProperties, items, anyOf } = schema;
  if (isSchema(properties)) kept["properties"] = Object.fromEntries(Object.entries(properties).map(([name, inner]) => [name, permissive(inner as Schema)]));
  if (isSchema(additionalProperties)) kept["additionalProperties"] = permissive(additionalProperties);
  if (isSchema(items)) kept["items"] = permissive(items);
  const hints = Object.fromEntries(HINTS.filter((keyword) => keyword in schema).map((keyword) => [keyword, schema[keyword]]));
  const alternatives = Array.isArray(anyOf) ? anyOf.map((inner) => permissive(inner as Schema)) : [hints];
  if (alternatives.length > 1 || Object.keys(hints).length > 0) kept["anyOf"] = [...alternatives, {}];
  return kept;
}

function isSchema(value: unknown): value is Schema {
  return typeof value === "object" && value !== null;
}
