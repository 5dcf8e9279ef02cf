/** When the extension offers to create a tunnels.json, and when to edit one. */
import assert from "node:assert/strict";
import { configOffer, type FolderFile, isUnwritten, worthAMessage } from "../../../../../extension/model/editor/config-offer.ts";

const NONE: FolderFile = { configPath: "/none", text: undefined, isThere: false, hasTunnels: false };
const BLANK: FolderFile = { configPath: "/blank", text: " \n", isThere: true, hasTunnels: false };
const BARE: FolderFile = { configPath: "/bare", text: '{ "version": 1, "tunnels": {} }', isThere: true, hasTunnels: false };
const UNREADABLE: FolderFile = { configPath: "/unreadable", text: undefined, isThere: true, hasTunnels: false };
const FULL: FolderFile = { configPath: "/full", text: "{ … }", isThere: true, hasTunnels: true };

describe("a tunnels.json", () => {
  for (const [title, files, offer] of [
    ["is offered to be created where there is none", [NONE], "create"],
    ["is offered to be created where nothing is in it", [BLANK], "create"],
    ["is offered to be created for one folder when the others have theirs", [FULL, NONE], "create"],
    ["is offered to be edited when no tunnel is in it", [BARE], "edit"],
    ["is offered to be edited when it can't be read", [UNREADABLE], "edit"],
    ["is not offered when it has tunnels", [FULL, FULL], undefined],
    ["is not offered where there is no folder", [], undefined],
  ] as const) {
    it(title, () => {
      assert.equal(configOffer(files), offer);
    });
  }

  it("gets the template only if no text could be lost", () => {
    assert.deepEqual([NONE, BLANK, BARE, UNREADABLE, FULL].filter(isUnwritten), [NONE, BLANK]);
  });

  it("gets no message while it is blank and the view offers to fill it: the message would hide the offer", () => {
    const files = [BLANK, BARE, UNREADABLE];
    const configs = files.map(({ configPath }) => ({ source: { configPath } }));
    assert.deepEqual(worthAMessage(configs, { files, isWelcomeShown: true }), configs.slice(1));
    assert.deepEqual(worthAMessage(configs, { files, isWelcomeShown: false }), configs);
  });
});
