/** The requests about keys, on a real key folder. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { selectSuite } from "../../../daemon/crypto/select-suite.ts";
import { KeyFolder } from "../../../daemon/keys/key-folder.ts";
import { SessionKeys } from "../../../daemon/keys/session-keys.ts";
import { keyHandlers } from "../../../daemon/rpc/key-handlers.ts";
import type { ClientHandle } from "../../../daemon/rpc/session.ts";
import type { MethodName, Params, Result } from "../../../shared/contract/methods.ts";
import { modeOf, scratchFolder } from "../../support/folder.ts";
import { pattern } from "../../support/wire/bytes.ts";
import { rejectionOf } from "../../support/wire/codes.ts";

const KEY = Buffer.from(pattern(32));
const NOBODY = {} as ClientHandle;

describe("the requests about keys", () => {
  const scratch = scratchFolder();
  let refreshed = 0;

  const start = () => {
    refreshed = 0;
    const suite = selectSuite(undefined);
    const keyFolder = new KeyFolder({ folder: join(scratch.path, "keys"), suite, random: systemRandom });
    const refresh = async (): Promise<void> => {
      refreshed += 1;
    };
    const handlers = keyHandlers({ manager: { refresh }, keyFolder, sessionKeys: new SessionKeys(suite) });
    return async <M extends keyof typeof handlers & MethodName>(name: M, params: Params<M>): Promise<Result<M>> =>
      await (handlers[name] as unknown as (client: ClientHandle, params: Params<M>) => Promise<Result<M>> | Result<M>)(NOBODY, params);
  };

  it("make a key that then is in the list", async () => {
    const ask = start();
    const { fingerprint } = await ask("keys/generate", { name: "team" });
    assert.deepEqual(await ask("keys/list", {}), { keys: [{ name: "team", fingerprint, stored: "folder" }] });
    assert.equal(readFileSync(join(scratch.path, "keys", "team")).length, 32);
    assert.equal(refreshed, 1);
  });

  it("never replace an existing key by a new one", async () => {
    const ask = start();
    await ask("keys/generate", { name: "team" });
    const before = readFileSync(join(scratch.path, "keys", "team"));
    assert.equal((await rejectionOf(ask("keys/generate", { name: "team" }))).code, "CONFIG_INVALID");
    assert.equal((await rejectionOf(ask("keys/import", { name: "team", form: "hex", data: KEY.toString("hex") }))).code, "CONFIG_INVALID");
    assert.deepEqual(readFileSync(join(scratch.path, "keys", "team")), before);
  });

  for (const [form, data] of [
    ["bytes", KEY.toString("base64")],
    ["base64", `${KEY.toString("base64").slice(0, 20)}\n${KEY.toString("base64").slice(20)}\n`],
    ["hex", ` ${KEY.toString("hex").toUpperCase()}\n`],
  ] as const) {
    it(`accept a key as ${form}, byte for byte`, async () => {
      const ask = start();
      const { fingerprint } = await ask("keys/import", { name: "team", form, data });
      assert.deepEqual(readFileSync(join(scratch.path, "keys", "team")), KEY);
      assert.deepEqual((await ask("keys/list", {})).keys, [{ name: "team", fingerprint, stored: "folder" }]);
      assert.equal(refreshed, 1);
    });
  }

  for (const [form, data, code] of [
    ["bytes", `${KEY.toString("base64")}\n`, "CONFIG_INVALID"],
    ["bytes", KEY.toString("base64").replace("=", ""), "CONFIG_INVALID"],
    ["bytes", KEY.toString("base64").slice(0, 40), "KEY_WEAK"],
    ["base64", KEY.toString("base64").slice(0, 41), "CONFIG_INVALID"],
    ["hex", KEY.toString("hex").slice(1), "CONFIG_INVALID"],
    ["hex", "", "KEY_WEAK"],
  ] as const) {
    it(`refuse ${JSON.stringify(data)} as ${form} without repeating it, and keep nothing`, async () => {
      const ask = start();
      const error = await rejectionOf(ask("keys/import", { name: "team", form, data }));
      assert.equal(error.code, code);
      assert.ok(data === "" || !error.message.includes(data.slice(4, 12)));
      assert.deepEqual(await ask("keys/list", {}), { keys: [] });
      assert.equal(refreshed, 0);
    });
  }

  it("write a key to a new file for its user alone, and never overwrite a file", async () => {
    const ask = start();
    await ask("keys/import", { name: "team", form: "hex", data: KEY.toString("hex") });
    const path = join(scratch.path, "team.key");
    assert.deepEqual(await ask("keys/export", { name: "team", path }), { path });
    assert.deepEqual(readFileSync(path), KEY);
    if (process.platform !== "win32") assert.equal(modeOf(path), 0o600);
    assert.equal((await rejectionOf(ask("keys/export", { name: "team", path }))).code, "CONFIG_INVALID");
  });

  it("refuse to write a key to a path that depends on where the daemon runs", async () => {
    const ask = start();
    await ask("keys/generate", { name: "team" });
    for (const path of ["", "team.key", "./team.key", "~/team.key"]) {
      assert.equal((await rejectionOf(ask("keys/export", { name: "team", path }))).code, "CONFIG_INVALID", path);
    }
    assert.equal((await rejectionOf(ask("keys/export", { name: "taem", path: join(scratch.path, "x") }))).code, "KEY_NOT_FOUND");
  });

  it("forget only the key that is meant: the session's or the folder's", async () => {
    const ask = start();
    await ask("keys/generate", { name: "team" });
    await ask("keys/put", { name: "team", key: KEY.toString("base64") });
    assert.deepEqual(await ask("keys/forget", { name: "team" }), { forgotten: true });
    assert.ok(existsSync(join(scratch.path, "keys", "team")));
    assert.deepEqual(await ask("keys/forget", { name: "team" }), { forgotten: false });
    assert.deepEqual(await ask("keys/forget", { name: "team", stored: "folder" }), { forgotten: true });
    assert.deepEqual(await ask("keys/list", {}), { keys: [] });
  });

  it("say why a key can't be used", async () => {
    const ask = start();
    scratch.file("keys/short", "abc");
    const { keys, faults } = await ask("keys/list", {});
    assert.deepEqual([keys, faults?.map(({ name, code }) => [name, code])], [[], [["short", "KEY_WEAK"]]]);
    assert.match(faults?.[0]?.message ?? "", /3 bytes/);
  });
});
