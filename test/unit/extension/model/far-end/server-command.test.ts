/** The far end's texts: they fit the entry, can be pasted safely, and say how to bring the key to the server. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { composeQuote, shellQuote, shellWord, systemdQuote } from "../../../../../extension/model/far-end/quoting.ts";
import { formLabel, SERVER_FORMS, type ServerForm, serverText } from "../../../../../extension/model/far-end/server-command.ts";
import { defaultBackend, portsCollide, type ServerEnd, serverEnd } from "../../../../../extension/model/far-end/server-end.ts";
import { type Translate, english as t } from "../../../../../extension/model/translate.ts";
import { parseTunnelsText } from "../../../../../shared/contract/config-text.ts";
import { entrySchema, type TunnelEntry } from "../../../../../shared/contract/tunnels-file.ts";

const FINGERPRINT = "0123-4567-89ab-cdef-0123-4567-89ab-cdef";

function endOf(more: Readonly<Record<string, unknown>> = {}, backend?: string): ServerEnd {
  const entry: TunnelEntry = entrySchema.parse({ service: "redis", listen: 6579, target: "cache.example.com:6479", key: "team-redis", ...more });
  return serverEnd({ name: "cache", entry, backend, fingerprint: FINGERPRINT, program: "/opt/ext/dist/tunneld.cjs" });
}

const textOf = (form: ServerForm, end: ServerEnd = endOf()): string => serverText(form, end, t).text;

/** The lines that are not comments. */
const bodyOf = (form: ServerForm, end: ServerEnd = endOf()): string =>
  textOf(form, end)
    .split("\n")
    .filter((line) => !/^(?:#|\/\/)/.test(line))
    .join("\n")
    .trim();

const lineStarting = (text: string, start: string): string => text.split("\n").find((line) => line.trim().startsWith(start)) ?? "";

describe("the spiped command", () => {
  it("is the far end of a Redis entry", () => {
    assert.equal(bodyOf("spiped"), "spiped -d -s '[0.0.0.0]:6479' -t '127.0.0.1:6379' -k /etc/spiped/team-redis.key -g");
  });

  it("leads to the service's usual port, or to the address that the user gives", () => {
    assert.match(bodyOf("spiped", endOf({ service: "mysql" })), / -t '127\.0\.0\.1:3306' /);
    assert.match(bodyOf("spiped", endOf({ service: "tcp" }, "127.0.0.1:5432")), / -t '127\.0\.0\.1:5432' /);
    assert.equal(defaultBackend("tcp"), undefined);
  });

  for (const [secrecy, expected] of [
    ["require", / -g$/],
    ["prefer", /\.key$/],
    ["off", / -f$/],
  ] as const) {
    it(`has the forward secrecy that ${secrecy} needs`, () => {
      assert.match(bodyOf("spiped", endOf({ forwardSecrecy: secrecy })), expected);
    });
  }

  it("raises spiped's limit when the entry's is higher, and only then", () => {
    assert.match(bodyOf("spiped", endOf({ maxConnections: 500 })), / -n 500$/);
    assert.doesNotMatch(bodyOf("spiped", endOf({ maxConnections: 50 })), / -n /);
  });

  it("listens at IPv6 for an IPv6 target, and at a socket's path for a socket", () => {
    assert.match(bodyOf("spiped", endOf({ target: "[2001:db8::1]:6479" })), / -s '\[::\]:6479' /);
    assert.match(bodyOf("spiped", endOf({ target: "/run/it's here.sock" })), / -s '\/run\/it'\\''s here\.sock' /);
  });

  it("names the key after the file when the entry names a file", () => {
    const end = endOf({ key: { file: "~/keys/my redis.key" } });
    assert.match(bodyOf("spiped", end), / -k \/etc\/spiped\/my-redis\.key/);
    assert.match(textOf("spiped", end), /scp -p ~\/'keys\/my redis\.key' cache\.example\.com:my-redis\.key/);
    assert.doesNotMatch(textOf("spiped", end), /keys export/);
  });

  it("is a single command for a shell, whatever the values are", () => {
    const evil = "/tmp/$(touch x)`touch y`;touch z&'\"\\ \n";
    const end = endOf({ service: "tcp", target: evil, key: { file: evil } }, evil);
    const line = bodyOf("spiped", end);
    const words = execFileSync("/bin/sh", ["-c", `printf '%s\\0' ${line}`], { encoding: "utf8" })
      .split("\0")
      .slice(0, -1);
    const plain = evil.replace("\n", " ");
    assert.deepEqual(words, ["spiped", "-d", "-s", plain, "-t", plain, "-k", `/etc/spiped/${end.keyName}.key`, "-g"]);
  });
});

describe("every form of the far end", () => {
  for (const form of SERVER_FORMS) {
    it(`(${form}) says how to bring the key to the server, and has its fingerprint to compare`, () => {
      const text = textOf(form);
      for (const part of [
        "never by mail, chat or git",
        "tunneld keys export team-redis ./team-redis.key",
        "scp -p ./team-redis.key cache.example.com:team-redis.key",
        "600",
        FINGERPRINT,
      ]) {
        assert.ok(text.includes(part), part);
      }
    });

    it(`(${form}) does not suggest a command that prints a secret computed from the key`, () => {
      assert.doesNotMatch(textOf(form), /^\S+ {2}.*sha256sum/m);
    });

    it(`(${form}) has a comment mark on every line before the text, even if a translation has line breaks`, () => {
      const broken: Translate = (text, ...args) => `${t(text, ...args)}\nrm -rf /`;
      const lines = serverText(form, endOf(), broken).text.split("\n");
      assert.deepEqual(
        lines.filter((line) => line.includes("rm -rf") && !/^(?:#|\/\/) /.test(line)),
        [],
      );
    });

    it(`(${form}) warns when the encrypted port is the service's own`, () => {
      assert.match(textOf(form, endOf({ target: "cache.example.com:6379" })), /Attention: the service listens at 6379 itself/);
      assert.doesNotMatch(textOf(form), /Attention/);
    });

    it(`(${form}) has a label`, () => {
      const { label, detail } = formLabel(form, t);
      assert.ok(label.length > 3 && detail.length > 3);
    });
  }

  it("collides with a service only at the same port of the same machine", () => {
    const collides = (target: string, backend: string): boolean => portsCollide(endOf({ service: "tcp", target }, backend));
    assert.deepEqual(
      [collides("h:1000", "127.0.0.1:1000"), collides("h:1000", "localhost:1000"), collides("h:1000", "10.0.0.1:1000"), collides("h:1000", "127.0.0.1:1001")],
      [true, true, false, false],
    );
  });
});

describe("the unit for spiped", () => {
  it("runs the same arguments in the foreground, with the key as a credential", () => {
    const unit = bodyOf("spiped-unit");
    assert.equal(
      lineStarting(unit, "ExecStart="),
      "ExecStart=/usr/bin/spiped -F -d -s [0.0.0.0]:6479 -t 127.0.0.1:6379 -k $" + "{CREDENTIALS_DIRECTORY}/key -g",
    );
    assert.equal(lineStarting(unit, "LoadCredential="), "LoadCredential=key:/etc/spiped/team-redis.key");
  });

  it("passes specifiers and variables of systemd literally", () => {
    const unit = bodyOf("spiped-unit", endOf({ service: "tcp" }, "/run/%i $HOME.sock"));
    assert.ok(lineStarting(unit, "ExecStart=").includes('-t "/run/%%i $$HOME.sock"'));
    assert.ok(lineStarting(unit, "Description=").includes("/run/%%i"));
  });
});

describe("the unit for tunneld serve", () => {
  it("is the same as the example in the documentation", () => {
    const example = readFileSync(new URL("../../../../../docs/examples/tunneld.service", import.meta.url), "utf8");
    const directives = (text: string): string[] => text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    assert.deepEqual(directives(bodyOf("serve-unit")), directives(example));
  });

  it("is installed by docs/SERVER.md at the paths that the unit names", () => {
    const guide = readFileSync(new URL("../../../../../docs/SERVER.md", import.meta.url), "utf8");
    const commands = /^```sh\nsudo useradd[\s\S]*?^```$/m.exec(guide)?.[0] ?? "";
    const [program, config] = lineStarting(textOf("serve-unit"), "ExecStart=").match(/\/usr\/local\S+|\/etc\S+/g) ?? [];
    assert.ok(program && commands.includes(` tunneld.cjs ${program}\n`), commands);
    assert.match(commands, /^sudo install -d -m 700 -o tunneld -g tunneld \/etc\/tunneld$/m);
    assert.match(commands, /^sudo install -m 600 -o tunneld -g tunneld tunnels\.json .*\.key \/etc\/tunneld\/$/m);
    assert.equal(config, "/etc/tunneld/tunnels.json");
  });
});

describe("the configuration for tunneld serve", () => {
  for (const [what, more] of [
    ["an entry as it usually is", {}],
    ["forward secrecy that is off and another limit", { forwardSecrecy: "off", maxConnections: 7 }],
    ["an IPv6 target", { target: "[2001:db8::1]:6479" }],
    ["a socket as target", { target: "/run/far.sock" }],
  ] as const) {
    it(`is valid for ${what}, and is its far end`, () => {
      const end = endOf(more);
      const { entries, problems } = parseTunnelsText(textOf("serve", end), { path: "/etc/tunneld/tunnels.json", platform: "linux" });
      assert.deepEqual(problems, []);
      const entry = entries.get("cache");
      assert.deepEqual(
        [entry?.role, entry?.service, entry?.target, entry?.key, entry?.forwardSecrecy, entry?.maxConnections],
        ["server", "redis", "127.0.0.1:6379", { file: "/etc/tunneld/team-redis.key" }, end.forwardSecrecy, end.maxConnections],
      );
    });
  }
});

describe("the far end of a service with TLS", () => {
  it("mentions TLS in the entry for tunneld serve, which diagnoses use, and in a comment of the Compose file", () => {
    const end = endOf({ tls: true });
    const { entries } = parseTunnelsText(textOf("serve", end), { path: "/etc/tunneld/tunnels.json", platform: "linux" });
    assert.equal(entries.get("cache")?.tls, true);
    assert.match(textOf("compose", end), /# .*the service speaks TLS/);
  });
});

describe("the Compose file", () => {
  it("leads to the service's container, and has the key as a secret file", () => {
    const compose = bodyOf("compose");
    assert.equal(
      lineStarting(compose, "command:").trim(),
      'command: ["spiped", "-F", "-d", "-s", "[0.0.0.0]:6479", "-t", "redis:6379", "-k", "/run/secrets/team-redis", "-g"]',
    );
    assert.match(compose, /secrets:\n {2}"team-redis":\n {4}file: ".\/team-redis\.key"/);
  });

  it("does not publish the service's port", () => {
    const service = bodyOf("compose").split("\n  redis:\n")[1] ?? "";
    assert.match(service, /image: redis/);
    assert.doesNotMatch(service, /ports/);
  });
});

describe("quoting", () => {
  it("makes one word for a shell, and leaves plain words as they are", () => {
    assert.deepEqual([shellWord("a.b-c/d"), shellWord("a b"), shellWord(""), shellQuote("it's")], ["a.b-c/d", "'a b'", "''", "'it'\\''s'"]);
  });

  it("does not let a line break end a word", () => {
    for (const quote of [shellQuote, systemdQuote, composeQuote]) assert.doesNotMatch(quote("a\nb\rc\0d"), /[\n\r\0]/);
  });

  it("leaves nothing for systemd or Compose to replace", () => {
    assert.equal(systemdQuote('a"b\\$c%d'), '"a\\"b\\\\$$c%%d"');
    assert.equal(composeQuote("$HOME"), '"$$HOME"');
  });
});
