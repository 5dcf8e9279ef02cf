/** Workspace folders and the labels that tell them apart. */
import assert from "node:assert/strict";
import { folderLabels } from "../../../../../extension/model/view/folder-labels.ts";

describe("workspace folders", () => {
  const rows = [
    ["have their names", ["/src/shop", "/src/stock"], ["shop", "stock"]],
    ["of one name have the folder they are in, too; others do not", ["/a/api", "/b/api", "/b/web"], ["api (a)", "api (b)", "web"]],
    ["of one name in folders of one name have their paths", ["/one/src/api", "/two/src/api"], ["api (/one/src/api)", "api (/two/src/api)"]],
    [
      "of one name are told apart each as shortly as it can be",
      ["/one/src/api", "/two/src/api", "/lib/api"],
      ["api (/one/src/api)", "api (/two/src/api)", "api (lib)"],
    ],
  ] as const;
  for (const [title, paths, labels] of rows) {
    it(title, () => {
      const folders = paths.map((path) => ({ name: path.slice(path.lastIndexOf("/") + 1), path }));
      assert.deepEqual(folderLabels(folders), labels);
    });
  }
});
