/**
 * Proof that the corpus of variables is real: each tool of this machine is started with a variable that a tunnels.json
 * might set, and does what the variable says, which leaves a mark. The rule refuses that name. Where a tool is not on the
 * machine, the test's title says so and only the rule is tested.
 */
import assert from "node:assert/strict";
import { accessSync, chmodSync, constants, existsSync, mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { delimiter, dirname, join } from "node:path";
import { envNameKind } from "../../shared/contract/env-rules.ts";
import { run } from "../support/process/run.ts";
import { stageForEach } from "../support/stage.ts";

/** What a canary works with: a folder of its own. */
interface Cage {
  readonly folder: string;
  /** The file that appears when the variable was obeyed. */
  readonly mark: string;
  /** A program that leaves the mark. */
  readonly script: string;
  /** Writes a file of the folder; returns its path. */
  readonly file: (name: string, text: string) => string;
  /** Writes a program of this name that leaves the mark. */
  readonly program: (name: string) => void;
}

/** A tool, the variables that it is given, and how it is started. */
interface Canary {
  readonly tool: string;
  /** Makes nothing: only its names are used, before there is a folder. */
  readonly env: (cage: Cage) => Readonly<Record<string, string>>;
  /** Makes the file that the variable leads to. */
  readonly prepare?: (cage: Cage) => void;
  readonly args: (cage: Cage) => readonly string[];
  /** Text that the tool prints when it has obeyed; left out: the mark's file shows it. */
  readonly says?: string;
  /** Written to its standard input. */
  readonly input?: string;
  /** Started first, without the variables. */
  readonly first?: (cage: Cage) => readonly [string, ...string[]];
  /** Keeps the user's own home, because a toolchain is installed there. */
  readonly atHome?: boolean;
}

const SAID = "canary-was-here";
const PACKAGE = `{"name":"x","version":"1.0.0","scripts":{"x":"true"}}`;
const ESBUILD = createRequire(import.meta.url).resolve("esbuild");

const CANARIES: readonly Canary[] = [
  { tool: "bash", env: ({ script }) => ({ BASH_ENV: script }), args: ({ file }) => [file("x.sh", ":")] },
  { tool: "bash", env: ({ script }) => ({ PROMPT_COMMAND: script }), args: () => ["--norc", "-i"], input: "exit\n" },
  { tool: "dash", env: ({ script }) => ({ ENV: script }), args: () => ["-i"], input: "exit\n" },
  {
    tool: "node",
    env: ({ file, mark }) => ({ NODE_OPTIONS: `--require=${file("r.cjs", `require("fs").writeFileSync(${JSON.stringify(mark)}, "")`)}` }),
    args: () => ["-e", "0"],
  },
  {
    tool: "node",
    env: ({ script }) => ({ ESBUILD_BINARY_PATH: script }),
    args: () => ["-e", `try { require(${JSON.stringify(ESBUILD)}).transformSync("1") } catch {}`],
  },
  {
    tool: "npm",
    env: ({ script }) => ({ npm_config_script_shell: script }),
    args: ({ file }) => ["run", "x", "--prefix", dirname(file("package.json", PACKAGE))],
  },
  {
    tool: "python3",
    prepare: ({ file, mark }) => void file("sitecustomize.py", `open(${JSON.stringify(mark)}, "w")`),
    env: ({ folder }) => ({ PYTHONPATH: folder }),
    args: () => ["-c", "0"],
  },
  { tool: "python3", env: ({ file, mark }) => ({ PYTHONSTARTUP: file("s.py", `open(${JSON.stringify(mark)}, "w")`) }), args: () => ["-i"], input: "exit()\n" },
  { tool: "python3", env: ({ script }) => ({ BROWSER: script }), args: () => ["-m", "webbrowser", "http://127.0.0.1:1"] },
  { tool: "pytest", env: ({ mark }) => ({ PYTEST_ADDOPTS: `--junitxml=${mark}` }), args: ({ folder }) => [folder] },
  {
    tool: "pip",
    env: ({ file }) => ({ PIP_CONFIG_FILE: file("pip.conf", `[global]\nindex-url = http://${SAID}\n`) }),
    args: () => ["config", "list"],
    says: SAID,
  },
  { tool: "git", env: ({ script }) => ({ GIT_SSH_COMMAND: script }), args: () => ["ls-remote", "ssh://nowhere.invalid/x"] },
  { tool: "git", env: ({ script }) => ({ GIT_CONFIG_COUNT: "1", GIT_CONFIG_KEY_0: "alias.x", GIT_CONFIG_VALUE_0: `!${script}` }), args: () => ["x"] },
  { tool: "git", env: ({ script }) => ({ EDITOR: script }), args: ({ file }) => ["config", "--edit", "--file", file("c", "")] },
  {
    tool: "perl",
    prepare: ({ file, mark }) => void file("Canary.pm", `open(my $f, ">", ${JSON.stringify(mark)}); 1;`),
    env: ({ folder }) => ({ PERL5LIB: folder, PERL5OPT: "-MCanary" }),
    args: () => ["-e", "1"],
  },
  { tool: "make", env: ({ file, script }) => ({ MAKEFILES: file("m", `X := $(shell ${script})\n`) }), args: () => ["-f", "/dev/null"] },
  {
    tool: "gcc",
    prepare: ({ program }) => program("cc1"),
    env: ({ folder }) => ({ COMPILER_PATH: folder }),
    args: ({ file }) => ["-c", file("x.c", "int x;"), "-o", "/dev/null"],
  },
  {
    tool: "cmake",
    env: ({ file, mark }) => ({ CMAKE_TOOLCHAIN_FILE: file("t.cmake", `file(WRITE ${mark} "")`) }),
    prepare: ({ file }) => void file("CMakeLists.txt", "cmake_minimum_required(VERSION 3.21)\nproject(x NONE)\n"),
    args: ({ folder }) => ["-S", folder, "-B", join(folder, "b")],
  },
  {
    tool: "cargo",
    atHome: true,
    env: ({ script }) => ({ RUSTC_WRAPPER: script }),
    prepare: ({ file }) => void file("src/main.rs", "fn main() {}"),
    args: ({ file }) => ["check", "--offline", "--manifest-path", file("Cargo.toml", '[package]\nname = "x"\nversion = "1.0.0"\n')],
  },
  { tool: "java", env: ({ mark }) => ({ JAVA_TOOL_OPTIONS: `-Xlog:gc:file=${mark}` }), args: () => ["-version"] },
  { tool: "java", env: ({ mark }) => ({ JDK_JAVA_OPTIONS: `-Xlog:gc:file=${mark}` }), args: () => ["-version"] },
  { tool: "mvn", env: ({ mark }) => ({ MAVEN_OPTS: `-Xlog:gc:file=${mark}` }), args: () => ["--version"] },
  {
    tool: "tclsh",
    prepare: ({ file, mark }) => void file("init.tcl", `close [open {${mark}} w]`),
    env: ({ folder }) => ({ TCL_LIBRARY: folder }),
    args: () => [],
    input: "exit\n",
  },
  { tool: "less", env: ({ script }) => ({ LESSOPEN: `|${script} %s` }), args: ({ file }) => [file("text", "x\n")] },
  {
    tool: "groff",
    prepare: ({ program }) => program("troff"),
    env: ({ folder }) => ({ GROFF_BIN_PATH: folder }),
    args: ({ file }) => ["-Tascii", file("text", "x\n")],
  },
  { tool: "apt-config", env: ({ file }) => ({ APT_CONFIG: file("apt.conf", `Acquire::http::Proxy "http://${SAID}";\n`) }), args: () => ["dump"], says: SAID },
  {
    tool: "ssh-keygen",
    first: ({ folder }) => ["ssh-keygen", "-q", "-N", "secret", "-f", join(folder, "k")],
    env: ({ script }) => ({ SSH_ASKPASS: script, SSH_ASKPASS_REQUIRE: "force" }),
    args: ({ folder }) => ["-y", "-f", join(folder, "k")],
  },
  {
    tool: "curl",
    prepare: ({ file, mark }) => void file(".curlrc", `output = "${mark}"\n`),
    env: ({ folder }) => ({ CURL_HOME: folder }),
    args: ({ file }) => [`file://${file("text", "x\n")}`],
  },
  {
    tool: "wget",
    env: ({ file, script }) => ({ WGETRC: file("wgetrc", `use_askpass = ${script}\n`) }),
    args: () => ["--tries=1", "--timeout=1", "http://127.0.0.1:1/"],
  },
  {
    tool: "gdb",
    prepare: ({ file, script }) => void file("gdb/gdbinit", `shell ${script}\n`),
    env: ({ folder }) => ({ XDG_CONFIG_HOME: folder }),
    args: () => ["-batch"],
  },
  { tool: "vim", env: ({ script }) => ({ VIMINIT: `silent !${script}` }), args: () => ["--not-a-term", "-c", "qa!"] },
  { tool: "tar", env: ({ script }) => ({ TAR_OPTIONS: `--checkpoint=1 --checkpoint-action=exec=${script}` }), args: ({ folder }) => ["-cf", "-", folder] },
  { tool: "zip", env: ({ script }) => ({ ZIPOPT: `-T -TT ${script}` }), args: ({ folder, file }) => [join(folder, "x.zip"), file("text", "x\n")] },
  { tool: "bc", env: ({ file }) => ({ BC_ENV_ARGS: file("x.bc", `print "${SAID}\\n"\n`) }), args: () => ["-q"], input: "quit\n", says: SAID },
  { tool: "valgrind", env: ({ mark }) => ({ VALGRIND_OPTS: `--tool=none --log-file=${mark}` }), args: () => ["true"] },
  {
    tool: "gpg",
    prepare: ({ folder }) => void mkdirSync(join(folder, SAID), { mode: 0o700 }),
    env: ({ folder }) => ({ GNUPGHOME: join(folder, SAID) }),
    args: () => ["--list-keys"],
    says: SAID,
  },
  { tool: "docker", prepare: ({ program }) => program("cli-plugins/docker-canary"), env: ({ folder }) => ({ DOCKER_CONFIG: folder }), args: () => ["canary"] },
  { tool: "kubectl", env: ({ file, script }) => ({ KUBECONFIG: file("config", kubeConfig(script)) }), args: () => ["get", "pods", "--request-timeout=1s"] },
  {
    tool: "mariadb",
    prepare: ({ file }) => void file("my.cnf", `[client]\nuser=${SAID}\n`),
    env: ({ folder }) => ({ MYSQL_HOME: folder, MARIADB_HOME: folder }),
    args: () => ["--print-defaults"],
    says: SAID,
  },
  { tool: "true", env: () => ({ LD_PRELOAD: `/nowhere/${SAID}.so` }), args: () => [], says: SAID },
];

function kubeConfig(script: string): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    "current-context": "c",
    contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server: "https://127.0.0.1:1" } }],
    users: [{ name: "u", user: { exec: { apiVersion: "client.authentication.k8s.io/v1", command: script, interactiveMode: "Never" } } }],
  });
}

/** A canary that is used only for its names. */
const NOWHERE: Cage = { folder: "/nowhere", mark: "/nowhere", script: "/nowhere", file: () => "/nowhere", program: () => {} };

describe("a variable that makes a tool do something else", () => {
  const stage = stageForEach();

  for (const canary of CANARIES) {
    const program = find(canary.tool);
    const names = Object.keys(canary.env(NOWHERE));
    const where = program === undefined ? " (which is not on this machine: this case rests on the corpus alone)" : "";
    it(`is refused: ${names.join(", ")} of ${canary.tool}${where}`, () => {
      for (const name of names) assert.equal(envNameKind(name), "refused", name);
    });
    if (program === undefined) continue;
    it(`is obeyed: ${names.join(", ")} by the ${canary.tool} of this machine`, async () => {
      const cage = cageIn(stage.path("cage"));
      const env = { PATH: process.env["PATH"], TERM: "dumb", HOME: canary.atHome ? process.env["HOME"] : cage.folder };
      const options = { cwd: cage.folder, input: canary.input ?? "" };
      if (canary.first) await run(stage, canary.first(cage), { ...options, env });
      canary.prepare?.(cage);
      const { stdout, stderr } = await run(stage, [program, ...canary.args(cage)], { ...options, env: { ...env, ...canary.env(cage) } });
      const said = `${stdout}${stderr}`;
      if (canary.says === undefined) assert.ok(existsSync(cage.mark), said);
      else assert.ok(said.includes(canary.says), said);
    });
  }
});

function cageIn(folder: string): Cage {
  const mark = join(folder, "mark");
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
    return path;
  };
  const program = (name: string): string => {
    const path = file(name, `#!/bin/sh\n: > ${mark}\n`);
    chmodSync(path, 0o755);
    return path;
  };
  return { folder, mark, file, script: program("script"), program };
}

/** The tool's absolute path; undefined: it is not on this machine. */
function find(tool: string): string | undefined {
  return (process.env["PATH"] ?? "")
    .split(delimiter)
    .map((folder) => join(folder, tool))
    .find((path) => {
      try {
        accessSync(path, constants.X_OK);
        return true;
      } catch {
        return false;
      }
    });
}
