import assert from "node:assert/strict";
import { configTemplate } from "../../../../../extension/model/editor/config-template.ts";
import { english } from "../../../../../extension/model/translate.ts";
import { parseTunnelsText } from "../../../../../shared/contract/config-text.ts";

describe("the template of a new tunnels.json", () => {
  for (const use of ["workspace", "personal"] as const) {
    it(`has no mistake in it, for ${use} tunnels`, () => {
      const { problems, entries } = parseTunnelsText(configTemplate(use, english).text, { path: "/x" });
      assert.deepEqual([problems, [...entries.keys()]], [[], ["cache"]]);
    });
  }

  it("says where the address to be replaced is", () => {
    const { text, placeholder } = configTemplate("workspace", english);
    assert.equal(text.slice(placeholder.offset - 11, placeholder.offset + placeholder.length + 1), '"target": "cache.example.com:6479"');
  });

  it("explains itself in the user's language", () => {
    const { text } = configTemplate("workspace", (english) => `<${english}>`);
    assert.match(text, /"service": "redis", \/\/ <redis, redis-cluster, mysql, postgres, mongodb or tcp>/);
  });
});
