/** Every text can be translated and is translated; every command, view and text of package.json has its counterpart. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { COMMANDS, PREFIX, TUNNELS_VIEW } from "../../../extension/ids.ts";
import { type Bundle, collectTexts, englishBundle, gapsOf, placeholdersIn, registeredCommands, type Texts } from "../../../scripts/lib/l10n.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));
const HINT = "(else: npm run l10n)";

/** Left as they are in Chinese: nothing in them is language. */
const SAME_IN_CHINESE =
  /^(?:[^A-Za-z]|\{\d+\}|MariaDB|MySQL|Redis|MongoDB|TCP|URL|tunnels\.json|systemd|Docker|Compose|spiped|Linux|macOS|Windows|[kMGT]?B|ms)*$/;

/** Control, invisible and bidirectional characters, no-break spaces, dashes that no keyboard has; line breaks are in welcome texts. */
const BANNED = /[^\P{Cc}\n]|[\u00a0\u00ad\u061c\u200b-\u200f\u2014\u2015\u2028-\u202f\u2060-\u2069\ufeff\ufffd]|\.\.\./u;

/** In Chinese, half-width marks between Chinese characters are typing mistakes. */
const HALF_WIDTH = /\p{Script=Han}[,;:?!]|[,;?!](?=\p{Script=Han})|\p{Script=Han}\.(?:\s|$)/u;

interface Manifest {
  readonly activationEvents: readonly string[];
  readonly contributes: {
    readonly commands: readonly { readonly command: string; readonly title: string; readonly category: string }[];
    readonly menus: Readonly<Record<string, readonly { readonly command: string; readonly when?: string }[]>>;
    readonly views: Readonly<Record<string, readonly { readonly id: string }[]>>;
  };
}

const read = (file: string): string => readFileSync(`${ROOT}${file}`, "utf8");
const bundle = (file: string): Bundle => JSON.parse(read(file)) as Bundle;
const manifest = JSON.parse(read("package.json")) as Manifest;
const commandIds = manifest.contributes.commands.map(({ command }) => command).sort();

/** Pairs of the English text and its translation. */
function pairs(): (readonly [string, string])[] {
  const [english, chinese] = [bundle("package.nls.json"), bundle("package.nls.zh-cn.json")];
  const ofManifest = Object.entries(english).map(([id, text]) => [text, chinese[id] ?? ""] as const);
  return [...ofManifest, ...Object.entries(bundle("l10n/bundle.l10n.zh-cn.json"))];
}

describe("the texts of the extension", () => {
  let texts: Texts;

  before(() => {
    texts = collectTexts();
  });

  it("are literals, so that they can be collected", () => {
    assert.deepEqual(texts.unreadable, []);
  });

  it("are found at all", () => {
    assert.ok(texts.places.has("Choose a tunnel"));
  });

  it(`are those of the English bundle ${HINT}`, () => {
    assert.deepEqual(bundle("l10n/bundle.l10n.json"), englishBundle(texts));
  });

  it("are exactly those of the Chinese bundle", () => {
    assert.deepEqual(gapsOf(texts.places.keys(), bundle("l10n/bundle.l10n.zh-cn.json")), { missing: [], unused: [] });
  });

  it("number their placeholders from 0, without a gap", () => {
    const wrong = [...texts.places.keys()].filter((text) => placeholdersIn(text).some((place, index) => place !== `{${index}}`));
    assert.deepEqual(wrong, []);
  });
});

describe("the texts of package.json", () => {
  const used = [...new Set([...read("package.json").matchAll(/"%([\w.]+)%"/g)].map(([, id = ""]) => id))];

  for (const file of ["package.nls.json", "package.nls.zh-cn.json"]) {
    it(`are all in ${file}, and no others`, () => {
      assert.deepEqual(gapsOf(used, bundle(file)), { missing: [], unused: [] });
    });
  }
});

describe("a translation", () => {
  const wrong = (isRight: (english: string, chinese: string) => boolean): string[] =>
    pairs().flatMap(([english, chinese]) => (isRight(english, chinese) ? [] : [`${english} => ${chinese}`]));

  it("has the placeholders of its original", () => {
    assert.deepEqual(
      wrong((english, chinese) => placeholdersIn(english).join() === placeholdersIn(chinese).join()),
      [],
    );
  });

  it("has the commands, code and icons of its original", () => {
    const fixed = (text: string): string =>
      [...text.matchAll(/\]\(command:[^)]*\)|`[^`]*`|\$\([\w~-]+\)/g)]
        .map(([part]) => part)
        .sort()
        .join(" ");
    assert.deepEqual(
      wrong((english, chinese) => fixed(english) === fixed(chinese)),
      [],
    );
  });

  it("is in Chinese", () => {
    assert.deepEqual(
      wrong((english, chinese) => /\p{Script=Han}/u.test(chinese) || SAME_IN_CHINESE.test(english)),
      [],
    );
  });

  it("has no character that is invisible or can't be typed", () => {
    assert.deepEqual(
      wrong((english, chinese) => !BANNED.test(english) && !BANNED.test(chinese)),
      [],
    );
  });

  it("has full-width marks between Chinese characters", () => {
    assert.deepEqual(
      wrong((_, chinese) => !HALF_WIDTH.test(chinese)),
      [],
    );
  });

  it("ends in an ellipsis exactly when its original does", () => {
    assert.deepEqual(
      wrong((english, chinese) => english.endsWith("…") === chinese.endsWith("…")),
      [],
    );
  });
});

describe("the commands of package.json", () => {
  it("are those of ids.ts", () => {
    assert.deepEqual(commandIds, Object.values(COMMANDS).sort());
  });

  it("have a title and the common category each", () => {
    const bare = manifest.contributes.commands.filter(({ title, category }) => !/^%[\w.]+%$/.test(title) || category !== "%category%");
    assert.deepEqual(bare, []);
  });

  it("include every command that a menu offers", () => {
    const unknown = Object.values(manifest.contributes.menus).flatMap((items) => items.filter(({ command }) => !commandIds.includes(command)));
    assert.deepEqual(unknown, []);
  });

  it("include every command that a welcome view, a walkthrough or a translation refers to", () => {
    const texts = [read("package.json"), read("package.nls.json"), read("package.nls.zh-cn.json")].join("\n");
    const mentioned = [...texts.matchAll(/(?:command|onCommand):(encryptedTunnels\.[\w.]+)/g)].map(([, id = ""]) => id);
    const variables = ["url", "host", "port"].map((name) => `${PREFIX}.${name}`);
    assert.deepEqual(
      mentioned.filter((id) => !commandIds.includes(id) && !variables.includes(id)),
      [],
    );
  });

  it("are each registered exactly once in extension/", () => {
    assert.deepEqual([...registeredCommands()].sort(), Object.keys(COMMANDS).sort());
  });
});

describe("the menus of package.json", () => {
  it("are only in views that exist", () => {
    const views = Object.values(manifest.contributes.views).flatMap((list) => list.map(({ id }) => id));
    const conditions = Object.values(manifest.contributes.menus).flatMap((items) => items.map(({ when }) => when ?? ""));
    const named = new Set(conditions.flatMap((when) => [...when.matchAll(/\bview == ([\w.]+)/g)].map(([, id = ""]) => id)));
    assert.deepEqual([...named], [TUNNELS_VIEW]);
    assert.deepEqual(views, [TUNNELS_VIEW]);
  });
});
