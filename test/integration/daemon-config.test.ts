/**
 * tunnels.json and keys change while the daemon runs, and some come from strangers: real files, real watches, a real
 * far end.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { freePort } from "../../scripts/lib/ports.mjs";
import { type Backend, startBackend, startEcho } from "../support/process/backend.ts";
import { makeKey, startEnd } from "../support/process/ends.ts";
import { connectTo } from "../support/process/peer.ts";
import { approveAll, approveAndWant, find, Home, portOf, reaches, type TestClient } from "../support/process/tunneld.ts";
import { until } from "../support/process/until.ts";
import { stageForEach } from "../support/stage.ts";

describe("a daemon whose files change", () => {
  const stage = stageForEach();

  /** A far end that opens with `key` and sends its name to each connection. */
  async function farEnd(key: string, name: string): Promise<{ readonly target: string; readonly backend: Backend }> {
    const backend = await startBackend(stage, (peer) => {
      peer.send(name);
      peer.socket.pipe(peer.socket);
    });
    const far = await startEnd(stage, { maker: "Debian's", role: "-d", target: backend.address, key, args: ["-g"] });
    return { target: far.address, backend };
  }

  async function talkingTo(listen: string, name: string) {
    const peer = await connectTo(stage, listen);
    assert.equal((await peer.has(name.length)).toString("latin1"), name);
    return peer;
  }

  const listenOf = async (client: TestClient, configPath: string, name = "cache"): Promise<string> => (await find(client, configPath, name))?.listen ?? "";

  it("asks for a changed entry; until then and for old connections the old target stays, and its neighbour is not touched", async () => {
    const home = new Home(stage);
    const key = home.key("team");
    const [old, changed, other] = [await farEnd(key, "old"), await farEnd(key, "new"), await farEnd(key, "other")];
    const configPath = home.workspace("app", { cache: { target: old.target }, neighbour: { target: other.target } });
    const window = home.client();
    const asked: string[] = [];
    window.daemon.on("approval/needed", ({ target }) => void asked.push(target));
    await approveAndWant(window, configPath, ["cache", "neighbour"]);
    const listen = await listenOf(window, configPath);
    const neighbour = await talkingTo(await listenOf(window, configPath, "neighbour"), "other");
    const early = await talkingTo(listen, "old");
    home.workspace("app", { cache: { target: changed.target }, neighbour: { target: other.target } });
    await until(() => asked.length > 0, { what: "it was asked for" });
    const pending = await find(window, configPath, "cache");
    assert.deepEqual([pending?.lastFailure?.code, pending?.state, asked.map(portOf)], ["NOT_APPROVED", "verified", [portOf(changed.target)]]);
    await talkingTo(listen, "old");
    await approveAll(window, configPath);
    await talkingTo(listen, "new");
    await early.echoes("still the old one");
    await neighbour.echoes("not touched");
    assert.equal(other.backend.peers.length, 1);
  });

  it("keeps its tunnels when the file breaks, says where, and drains an entry that was removed", async () => {
    const home = new Home(stage);
    const { target } = await farEnd(home.key("team"), "x");
    const configPath = home.workspace("app", { cache: { target } });
    const window = home.client();
    const problems: number[] = [];
    window.daemon.on("config/problems", (told) => void problems.push(...told.problems.map(({ line }) => line)));
    await approveAndWant(window, configPath, ["cache"]);
    const listen = await listenOf(window, configPath);
    const user = await talkingTo(listen, "x");
    home.workspaceText("app", '{\n  "version": 1,\n  "tunnels": {\n');
    await until(() => problems.length > 0, { what: "the problem was told" });
    assert.deepEqual(problems, [4]);
    await talkingTo(listen, "x");
    home.workspace("app", {});
    await reaches(window, { configPath, name: "cache" }, { state: "draining" });
    await user.echoes("alive");
    await user.closedByUs();
  });

  it("opens a tunnel that waited for a key once the key is there, and asks again when the key file is a different one", async () => {
    const home = new Home(stage);
    const file = stage.path("late.key");
    const configPath = home.workspace("app", { byName: { target: "127.0.0.1:1", key: "late" }, byFile: { target: "127.0.0.1:1", key: { file } } });
    const window = home.client();
    await window.daemon.want("w", { configPath, names: ["byName", "byFile"] });
    for (const name of ["byName", "byFile"]) await reaches(window, { configPath, name }, { state: "waiting-for-key" });
    for (const where of [home.key("late"), file]) writeFileSync(where, randomBytes(32), { mode: 0o600 });
    for (const name of ["byName", "byFile"]) await reaches(window, { configPath, name }, { state: "not-approved" });
    await approveAll(window, configPath);
    for (const name of ["byName", "byFile"]) await reaches(window, { configPath, name }, { state: "listening" });
    for (const where of [home.key("late"), file]) writeFileSync(where, randomBytes(32), { mode: 0o600 });
    for (const name of ["byName", "byFile"]) {
      await reaches(window, { configPath, name }, { state: "listening", holds: ({ lastFailure }) => lastFailure?.code === "NOT_APPROVED" });
    }
  });

  it("takes a key that a window supplies, and never writes it", async () => {
    const home = new Home(stage);
    const key = randomBytes(32);
    const file = makeKey(stage, "far.key");
    writeFileSync(file, key);
    const { target } = await farEnd(file, "secret");
    const configPath = home.workspace("app", { cache: { target, key: "off-disk" } });
    const window = home.client();
    const [waiting] = (await window.daemon.want("w", { configPath, names: ["cache"] })).tunnels;
    assert.equal(waiting?.state, "waiting-for-key");
    await window.daemon.request("keys/put", { name: "off-disk", key: key.toString("base64") });
    await approveAll(window, configPath);
    await reaches(window, { configPath, name: "cache" }, { state: "listening" });
    await talkingTo(await listenOf(window, configPath), "secret");
    const written = [JSON.stringify(home.state), home.log].join();
    for (const form of ["base64", "hex"] as const) assert.equal(written.includes(key.toString(form)), false);
  });
});

describe("a window that asks what it may approve", () => {
  const stage = stageForEach();

  it("is told why an entry can't be judged, until the missing key comes", async () => {
    const home = new Home(stage);
    const configPath = home.workspace("app", { cache: { target: "127.0.0.1:1", listen: 0, key: "later" } });
    const { daemon } = home.client();
    const before = await daemon.request("approvals/list", { configPath });
    assert.deepEqual([before.pending, before.problems, before.unplannable?.map(({ name, code }) => [name, code])], [[], [], [["cache", "KEY_NOT_FOUND"]]]);
    const { fingerprint } = await daemon.request("keys/generate", { name: "later" });
    const after = await daemon.request("approvals/list", { configPath });
    assert.deepEqual([after.pending.map(({ keys }) => keys), after.unplannable], [[[{ source: "later", fingerprint }]], undefined]);
  });

  it("is given the approved entry itself, with its defaults, and no entry that can't be judged", async () => {
    const home = new Home(stage);
    const entry = { target: "127.0.0.1:1", listen: 0, service: "redis", user: "app" } as const;
    const configPath = home.workspace("app", { cache: { ...entry, key: "team" }, other: { ...entry, key: "none" } });
    const { daemon } = home.client();
    await daemon.request("keys/generate", { name: "team" });
    const { pending } = await daemon.request("approvals/list", { configPath });
    for (const { name, digest } of pending) await daemon.request("approvals/grant", { configPath, name, digest });
    const { approved } = await daemon.request("approvals/list", { configPath });
    assert.deepEqual(
      approved.map((one) => [one.name, one.entry?.user, one.entry?.role]),
      [["cache", "app", "client"]],
    );
  });

  it("can put keys in and take them out without a trace in the log", async () => {
    const home = new Home(stage);
    const key = randomBytes(32);
    const { daemon } = home.client();
    await daemon.request("keys/import", { name: "team", form: "base64", data: key.toString("base64") });
    await daemon.request("keys/export", { name: "team", path: stage.path("out.key") });
    assert.deepEqual(readFileSync(stage.path("out.key")), key);
    await assert.rejects(daemon.request("keys/import", { name: "no name", form: "hex", data: key.toString("hex") }), { code: "CONFIG_INVALID" });
    assert.deepEqual(await daemon.request("keys/forget", { name: "team", stored: "folder" }), { forgotten: true });
    for (const form of ["base64", "hex"] as const) assert.equal(home.log.includes(key.toString(form)), false);
  });
});

describe("a hostile repository", () => {
  const stage = stageForEach();

  /** Entries that must not open anything by themselves, whatever they say. */
  const base = { target: "127.0.0.1:1", listen: 0, service: "mysql" } as const;

  it("opens nothing by itself, though a window wants all its entries", async () => {
    const home = new Home(stage);
    home.key("team");
    const echo = await startEcho(stage);
    const port = await freePort();
    const configPath = home.workspace("evil", {
      plain: { target: echo.address, listen: port, autoOpen: true, keepOpen: true },
      wide: { target: echo.address, listen: "0.0.0.0:0" },
      octal: { target: echo.address, listen: "017700000001:0" },
      server: { target: echo.address, role: "server" },
      socket: { target: echo.address, listen: stage.path("s") },
    });
    const window = home.client();
    const names = ["plain", "wide", "octal", "server", "socket"];
    const { tunnels } = await window.daemon.want("w", { configPath, names });
    assert.deepEqual(
      tunnels.map(({ state, lastFailure }) => [state, lastFailure?.code]),
      names.map(() => ["not-approved", "NOT_APPROVED"]),
    );
    await assert.rejects(connectTo(stage, `127.0.0.1:${port}`));
    assert.equal(echo.peers.length, 0);
    const { pending } = await window.daemon.request("approvals/list", { configPath });
    assert.deepEqual(
      pending.map(({ name, listen, beyondLoopback }) => [name, listen, beyondLoopback]),
      [
        ["plain", `127.0.0.1:${port}`, false],
        ["wide", "0.0.0.0:0", true],
        ["octal", "127.0.0.1:0", false],
        ["server", "127.0.0.1:0", false],
        ["socket", stage.path("s"), false],
      ],
    );
  });

  it("needs a new approval for each thing that matters, and for nothing else", async () => {
    const home = new Home(stage);
    const other = makeKey(stage, "other.key");
    home.key("team");
    home.key("second");
    const window = home.client();
    const digestOf = async (more: Readonly<Record<string, unknown>>): Promise<string> => {
      const configPath = home.workspace("app", { t: { ...base, ...more } });
      const { pending, problems } = await window.daemon.request("approvals/list", { configPath });
      assert.deepEqual(problems, []);
      return pending[0]?.digest ?? assert.fail("it can't be planned");
    };
    const first = await digestOf({});
    const changes = [
      ...[{ role: "server" }, { listen: "0.0.0.0:0" }, { target: "127.0.0.1:2" }, { bind: "127.0.0.2" }, { key: "second" }, { key: { file: other } }],
      ...[{ env: { A: "1" } }, { env: { B: "1" } }, { env: { A: "2" } }, { user: "u" }, { database: "d" }],
    ];
    const digests = [];
    for (const change of changes) digests.push(await digestOf(change));
    assert.equal(new Set([first, ...digests]).size, changes.length + 1);
    for (const same of [{ group: "g" }, { maxConnections: 7 }, { timeoutSeconds: 1 }, { autoOpen: true }]) assert.equal(await digestOf(same), first);
    home.key("team");
    assert.notEqual(await digestOf({}), first, "another key under the same name");
  });

  it("can't use an old approval for its new text, and loses its tunnel when the approval is revoked", async () => {
    const home = new Home(stage);
    const echo = await startEcho(stage);
    const far = await startEnd(stage, { role: "-d", target: echo.address, key: home.key("team") });
    const configPath = home.workspace("app", { t: { ...base, target: far.address } });
    const window = home.client();
    const { pending } = await window.daemon.request("approvals/list", { configPath });
    const grant = { configPath, name: "t", digest: pending[0]?.digest ?? "" };
    home.workspace("app", { t: { ...base, target: "127.0.0.1:1" } });
    await assert.rejects(window.daemon.request("approvals/grant", grant), { code: "NOT_APPROVED" });
    home.workspace("app", { t: { ...base, target: far.address } });
    const [opened] = await approveAndWant(window, configPath, ["t"]);
    const user = await connectTo(stage, opened?.listen ?? "");
    await user.echoes("x");
    await window.daemon.request("approvals/revoke", { configPath, name: "t" });
    await user.ended();
    await reaches(window, { configPath, name: "t" }, { state: "not-approved" });
  });

  it("can't use a file that is not a key of ours", async () => {
    const home = new Home(stage);
    const open = makeKey(stage, "open.key");
    writeFileSync(stage.path("short"), "x", { mode: 0o600 });
    rmSync(open);
    writeFileSync(open, randomBytes(32), { mode: 0o644 });
    const configPath = home.workspace("evil", {
      shadow: { ...base, key: { file: "/etc/passwd" } },
      open: { ...base, key: { file: open } },
      short: { ...base, key: { file: stage.path("short") } },
      device: { ...base, key: { file: "/dev/zero" } },
      outside: { ...base, key: { file: "../open.key" } },
    });
    const window = home.client();
    const { tunnels } = await window.daemon.want("w", { configPath, names: ["shadow", "open", "short", "device", "outside"] });
    assert.deepEqual(
      tunnels.map(({ state, lastFailure }) => [state, lastFailure?.code]),
      ["KEY_PERMISSIONS", "KEY_PERMISSIONS", "KEY_WEAK", "KEY_PERMISSIONS", "KEY_PERMISSIONS"].map((code) => ["waiting-for-key", code]),
    );
  });
});
