import assert from "node:assert/strict";
import { tunnelsJsonSchema } from "../../../../shared/contract/json-schema.ts";
import { entrySchema } from "../../../../shared/contract/tunnels-file.ts";

type Schema = { readonly [keyword: string]: unknown };

const schema = tunnelsJsonSchema() as Schema;

function inner(parent: unknown, ...path: readonly string[]): Schema {
  return path.reduce((at, name) => (at as Schema)[name], parent) as Schema;
}

const entry = inner(schema, "properties", "tunnels", "additionalProperties");

/** Every nested schema, with its path. */
function* all(at: unknown, way = "#"): Generator<readonly [string, Schema]> {
  if (typeof at !== "object" || at === null) return;
  if (!Array.isArray(at) && !/\/(properties|default)$/.test(way)) yield [way, at as Schema];
  for (const [name, value] of Object.entries(at)) yield* all(value, `${way}/${name}`);
}

describe("the JSON Schema for editors", () => {
  it("describes every property", () => {
    const described = [...Object.entries(schema["properties"] as Schema), ...Object.entries(entry["properties"] as Schema)];
    const without = described.filter(([, property]) => typeof (property as Schema)["description"] !== "string");
    assert.deepEqual(without, []);
  });

  it("has every property of an entry", () => {
    assert.deepEqual(Object.keys(entry["properties"] as Schema), Object.keys(entrySchema.shape));
  });

  it("keeps defaults", () => {
    assert.equal(inner(entry, "properties", "forwardSecrecy")["default"], "require");
    assert.equal(inner(entry, "properties", "timeoutSeconds")["default"], 5);
  });

  it("offers the values of an enumeration", () => {
    assert.deepEqual(inner(entry, "properties", "service", "anyOf", "0")["enum"], ["redis", "redis-cluster", "mysql", "postgres", "mongodb", "tcp"]);
  });

  it("allows comments and trailing commas", () => {
    assert.equal(schema["allowComments"], true);
    assert.equal(schema["allowTrailingCommas"], true);
  });

  it("forbids nothing: every constraint stands beside an alternative that accepts anything", () => {
    const constraints = /^(required|pattern|propertyNames|additionalProperties|min.*|max.*|exclusive.*|oneOf|allOf|not|format|type|enum|const|\$ref)$/;
    const free = (way: string): boolean => /\/anyOf\/\d+$/.test(way);
    for (const [way, one] of all(schema)) {
      const found = Object.keys(one).filter(
        (keyword) => constraints.test(keyword) && !(keyword === "additionalProperties" && typeof one[keyword] === "object"),
      );
      if (!free(way)) assert.deepEqual(found, [], way);
      const alternatives = one["anyOf"] as readonly Schema[] | undefined;
      if (alternatives) assert.deepEqual(alternatives.at(-1), {}, way);
    }
  });

  it("is plain JSON", () => {
    assert.deepEqual(JSON.parse(JSON.stringify(schema)), schema);
  });
});
