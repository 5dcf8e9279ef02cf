/**
 * Mistakes on the command line: exactly one line on standard error that says what is wrong and how to mend it, exit
 * code 1, and nothing left behind, in the foreground and in the background alike.
 */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { startEcho } from "../support/process/backend.ts";
import { freeAddress, makeKey, startEnd, TUNNELD } from "../support/process/ends.ts";
import { exchange } from "../support/process/peer.ts";
import { processesWith } from "../support/process/proc-info.ts";
import { run, tunneld } from "../support/process/run.ts";
import { type Stage, stageForEach } from "../support/stage.ts";

/** Options and their arguments; undefined leaves an option out. */
type Options = Readonly<Record<string, string | true | undefined>>;

/** One mistake: the options that make it, and what the line must say. */
interface Mistake {
  readonly name: string;
  readonly says: RegExp;
  /** Options in place of the good ones. */
  readonly options: (stage: Stage) => Promise<Options> | Options;
}

const MALFORMED = [
  "nothing",
  "host",
  "host:",
  ":80",
  "host:x",
  "host:65536",
  "[127.0.0.1:80",
  "[127.0.0.1]",
  "[host]:80",
  "::1:80",
  "ho st:80",
  "relative/socket",
];

const MISTAKES: readonly Mistake[] = [
  { name: "a missing key file", says: /no key file .*nokey: .*keygen/, options: (stage) => ({ "-k": stage.path("nokey") }) },
  {
    name: "a key file that is a folder",
    says: /is a folder.*name the file/,
    options: (stage) => {
      mkdirSync(stage.path("folder"));
      return { "-k": stage.path("folder") };
    },
  },
  { name: "no key", says: /-k is missing/, options: () => ({ "-k": undefined }) },
  { name: "no source", says: /-s is missing/, options: () => ({ "-s": undefined }) },
  { name: "no target", says: /-t is missing/, options: () => ({ "-t": undefined }) },
  ...MALFORMED.map((address) => ({ name: `the source "${address}"`, says: /write host:port, \[ip\]:port or \/absolute/, options: () => ({ "-s": address }) })),
  ...MALFORMED.map((address) => ({ name: `the target "${address}"`, says: /write host:port, \[ip\]:port or \/absolute/, options: () => ({ "-t": address }) })),
  { name: "a target name that does not exist", says: /no\.\.such\.\.host.*check its spelling/, options: () => ({ "-t": "no..such..host:80" }) },
  { name: "a source that is not this machine's", says: /192\.0\.2\.1.*not an address of this machine: use/, options: () => ({ "-s": "[192.0.2.1]:1234" }) },
  {
    name: "a port in use",
    says: /is in use by another program, node \(pid \d+\): stop that one or choose another port/,
    options: async (stage) => ({ "-s": (await startEcho(stage)).address }),
  },
  {
    name: "a unix socket that is in use",
    says: /used is in use by another program, node \(pid \d+\): stop that one or choose another path/,
    options: async (stage) => ({ "-s": (await startEcho(stage, stage.path("used"))).address }),
  },
  {
    name: "a file in place of the unix socket",
    says: /already: remove it if nothing uses it/,
    options: (stage) => {
      writeFileSync(stage.path("file"), "precious");
      return { "-s": stage.path("file") };
    },
  },
  { name: "a socket in a folder that does not exist", says: /folder .*does not exist: create it/, options: (stage) => ({ "-s": stage.path("no/socket") }) },
  { name: "-e with -d", says: /-e and -d exclude each other/, options: () => ({ "-d": true }) },
  { name: "neither -e nor -d", says: /-e .*or -d/, options: () => ({ "-e": undefined }) },
  { name: "-f with -g", says: /-f and -g exclude each other/, options: () => ({ "-f": true, "-g": true }) },
  { name: "an unknown option", says: /unknown option -Z: see --help/, options: () => ({ "-Z": true }) },
  { name: "an unknown long option", says: /unknown option --wat: see --help/, options: () => ({ "--wat": true }) },
  { name: "a number of connections that is none", says: /-n many: give a whole number/, options: () => ({ "-n": "many" }) },
  { name: "a time that is none", says: /-o soon: give a number of seconds/, options: () => ({ "-o": "soon" }) },
  { name: "a user that does not exist", says: /no user "nobody-at-all"/, options: () => ({ "-u": "nobody-at-all" }) },
  { name: "a malformed bind address", says: /write host:port/, options: () => ({ "-b": "[127.0.0.1" }) },
];

/** Good options, then the mistake. */
async function argsFor(stage: Stage, mistake: Mistake): Promise<string[]> {
  const good = { "-e": true, "-s": await freeAddress(), "-t": await freeAddress(), "-k": makeKey(stage), "-p": stage.path("pid") } as const;
  const options: Options = { ...good, ...(await mistake.options(stage)) };
  return Object.entries(options).flatMap(([option, value]) => (value === undefined ? [] : value === true ? [option] : [option, value]));
}

describe("a mistake on spiped's command line", () => {
  const stage = stageForEach();

  for (const [where, more] of [
    ["in the foreground", ["-F"]],
    ["in the background", []],
  ] as const) {
    for (const mistake of MISTAKES) {
      it(`is reported in one line, exit code 1, nothing left behind: ${mistake.name}, ${where}`, async () => {
        const args = await argsFor(stage, mistake);
        const before = readdirSync(stage.folder);
        const { code, stdout, stderr } = await tunneld(stage, ["spiped", ...more, ...args]);
        assert.deepEqual([code, stdout.length], [1, 0]);
        assert.match(stderr, mistake.says);
        assert.match(stderr, /^spiped: [^\n]+ \([A-Z_]+\)$/);
        const added = readdirSync(stage.folder).filter((name) => !before.includes(name) && !/^(out|err)\.\d+$/.test(name));
        assert.deepEqual(added, []);
        assert.deepEqual(processesWith(stage.folder), []);
      });
    }
  }

  it("is reported in one line, and the port is free again, when the pid file can't be written", async () => {
    const [source, target, key] = [await freeAddress(), await freeAddress(), makeKey(stage)];
    const { code, stderr } = await tunneld(stage, ["spiped", "-e", "-s", source, "-t", target, "-k", key, "-p", stage.path("no/pid")]);
    assert.equal(code, 1);
    assert.match(stderr, /^spiped: [^\n]*pid file [^\n]*-p \(CONFIG_INVALID\)$/);
    assert.deepEqual(processesWith(stage.folder), []);
    await startEnd(stage, { role: "-e", source, target, key });
  });

  it("is reported in one line, and the folder is still there, when the pid file is a folder", async () => {
    mkdirSync(stage.path("folder"));
    const args = ["spiped", "-e", "-s", await freeAddress(), "-t", await freeAddress(), "-k", makeKey(stage), "-p", stage.path("folder")];
    const { code, stderr } = await tunneld(stage, args);
    assert.equal(code, 1);
    assert.match(stderr, /^spiped: [^\n]*pid file [^\n]*-p \(CONFIG_INVALID\)$/);
    assert.equal(existsSync(stage.path("folder")), true);
    assert.deepEqual(processesWith(stage.folder), []);
  });

  it("removes its unix socket again when the pid file can't be written", async () => {
    const source = stage.path("s");
    const args = ["spiped", "-e", "-s", source, "-t", await freeAddress(), "-k", makeKey(stage), "-p", stage.path("no/pid")];
    assert.equal((await tunneld(stage, args)).code, 1);
    assert.equal(existsSync(source), false);
  });

  it("is reported in one line when this user may not read the key", async () => {
    const [bundle, key] = [stage.path("tunneld.cjs"), makeKey(stage)];
    copyFileSync(TUNNELD, bundle);
    chmodSync(stage.folder, 0o711);
    chmodSync(key, 0o000);
    // root may read everything, so run as nobody.
    const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
    const args = ["spiped", "-F", "-e", "-s", await freeAddress(), "-t", await freeAddress(), "-k", key] as const;
    const { code, stderr } = await run(stage, [process.execPath, bundle, ...args], { ...user, cwd: "/" });
    assert.equal(code, 1);
    assert.match(stderr, /^spiped: [^\n]*may not read the key file [^\n]*change its owner or mode \(KEY_PERMISSIONS\)$/);
  });

  for (const [name, prepare, says] of [
    ["a key of fewer than 32 bytes", (key: string) => writeFileSync(key, "short", { mode: 0o600 }), /warning: .*5 bytes.*keygen/],
    ["a key that others can read", (key: string) => chmodSync(key, 0o644), /warning: .*other users: chmod 600/],
  ] as const) {
    it(`is only a warning, and the tunnel works: ${name}`, async () => {
      const key = makeKey(stage);
      prepare(key);
      const server = await startEnd(stage, { role: "-d", target: (await startEcho(stage)).address, key });
      const client = await startEnd(stage, { role: "-e", target: server.address, key });
      assert.equal((await exchange(stage, client.address, "hello")).toString(), "hello");
      assert.equal(client.program.log.length, 1);
      assert.match(client.program.stderr, says);
    });
  }
});

describe("a mistake on another command line", () => {
  const stage = stageForEach();

  for (const [name, args, says] of [
    ["an unknown command", ["wat"], /^tunneld: unknown command "wat": see tunneld --help \(CONFIG_INVALID\)$/],
    ["spipe without a target", ["spipe", "-k", "/dev/null"], /^spipe: -t is missing[^\n]* \(CONFIG_INVALID\)$/],
    ["spipe with -f and -g", ["spipe", "-f", "-g", "-t", "a:1", "-k", "/dev/null"], /^spipe: -f and -g exclude each other[^\n]* \(CONFIG_INVALID\)$/],
    ["spipe with a missing key", ["spipe", "-t", "[127.0.0.1]:1", "-k", "/no/key"], /^spipe: there is no key file \/no\/key: [^\n]+ \(KEY_NOT_FOUND\)$/],
    [
      "spipe with an option of spiped's only",
      ["spipe", "-n", "3", "-t", "a:1", "-k", "/dev/null"],
      /^spipe: unknown option -n: see --help \(CONFIG_INVALID\)$/,
    ],
    ["keygen without a file", ["keygen"], /^tunneld: name one file[^\n]+$/],
    ["keygen into a folder that does not exist", ["keygen", "/no/folder/key"], /^tunneld: the folder of [^\n]+: create it first \(CONFIG_INVALID\)$/],
  ] as const) {
    it(`is reported in one line, exit code 1: ${name}`, async () => {
      const { code, stdout, stderr } = await tunneld(stage, args);
      assert.deepEqual([code, stdout.length], [1, 0]);
      assert.match(stderr, says);
    });
  }
});
