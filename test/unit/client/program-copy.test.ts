import assert from "node:assert/strict";
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { copyProgram, type ProgramCopyOptions } from "../../../daemon/client/program-copy.ts";
import { writeDiscovery } from "../../../daemon/lifecycle/door/discovery.ts";
import { modeOf, scratchFolder } from "../../support/folder.ts";
import { codeOf, errorOf } from "../../support/wire/codes.ts";

const PROGRAM = "console.log('a daemon');\n";
const DAY_MS = 24 * 3_600_000;
const NOW_MS = 1_800_000_000_000;

describe("the copy of the program", () => {
  const scratch = scratchFolder();
  const options = (change: Partial<ProgramCopyOptions> = {}): ProgramCopyOptions => ({
    from: join(scratch.path, "extension", "dist", "tunneld.cjs"),
    version: "1.2.3",
    programDir: join(scratch.path, "state", "program"),
    uid: process.geteuid?.(),
    wallMs: () => NOW_MS,
    ...change,
  });
  const build = (text = PROGRAM) => scratch.file("extension/dist/tunneld.cjs", text);
  const unused = (copy: string, days: number) => utimesSync(copy, (NOW_MS - days * DAY_MS) / 1000, (NOW_MS - days * DAY_MS) / 1000);

  it("has the bytes of the original, in a folder for its version that only the user may enter", () => {
    build();
    const copy = copyProgram(options());
    assert.equal(readFileSync(copy, "utf8"), PROGRAM);
    assert.match(copy, /\/state\/program\/1\.2\.3-[0-9a-f]{8}\/tunneld\.cjs$/);
    if (process.platform !== "win32") assert.deepEqual([dirname(dirname(copy)), dirname(copy)].map(modeOf), [0o700, 0o700]);
    assert.deepEqual(readdirSync(dirname(copy)), ["tunneld.cjs"]);
  });

  it("is not changed when it is right", () => {
    build();
    const copy = copyProgram(options());
    chmodSync(copy, 0o400);
    assert.equal(copyProgram(options()), copy);
    assert.equal(modeOf(copy), 0o400);
  });

  it("is a different one for another build of the same version", () => {
    build();
    const first = copyProgram(options());
    build("console.log('another');\n");
    const second = copyProgram(options());
    assert.notEqual(first, second);
    assert.equal(readFileSync(first, "utf8"), PROGRAM);
  });

  for (const [what, damage] of [
    ["is cut short", (copy: string) => writeFileSync(copy, PROGRAM.slice(1))],
    ["has the same length and other bytes", (copy: string) => writeFileSync(copy, PROGRAM.toUpperCase())],
    ["can be written by others", (copy: string) => chmodSync(copy, 0o666)],
  ] as const) {
    it(`is replaced when it ${what}`, () => {
      build();
      const copy = copyProgram(options());
      damage(copy);
      assert.equal(copyProgram(options()), copy);
      assert.equal(readFileSync(copy, "utf8"), PROGRAM);
      if (process.platform !== "win32") assert.equal(modeOf(copy), 0o600);
    });
  }

  it("replaces a link that somebody put in its place, and keeps the link's target", () => {
    build();
    const copy = copyProgram(options());
    const other = scratch.file("other.cjs", "not ours");
    rmSync(copy);
    symlinkSync(other, copy);
    copyProgram(options());
    assert.deepEqual([readFileSync(copy, "utf8"), readFileSync(other, "utf8")], [PROGRAM, "not ours"]);
  });

  it("replaces a folder in its place", () => {
    build();
    const copy = copyProgram(options());
    rmSync(copy);
    mkdirSync(copy);
    assert.equal(readFileSync(copyProgram(options()), "utf8"), PROGRAM);
  });

  it("can't be made without the original, and says what to do", () => {
    const error = errorOf(() => copyProgram(options()));
    assert.deepEqual([error.code, error.message], ["DAEMON_UNREACHABLE", "the extension's dist/tunneld.cjs is missing: reinstall the extension"]);
  });

  it("is not made in a folder that others may enter", function () {
    if (process.platform === "win32") this.skip(); // Modes mean nothing there.
    build();
    const copy = copyProgram(options());
    chmodSync(dirname(copy), 0o755);
    assert.equal(
      codeOf(() => copyProgram(options())),
      "DAEMON_UNREACHABLE",
    );
  });

  it("is removed when it is of another version and nobody has used it for 30 days", () => {
    build();
    const [old, recent] = ["1.0.0", "1.1.0"].map((version) => copyProgram(options({ version }))) as [string, string];
    unused(old, 31);
    unused(recent, 29);
    copyProgram(options());
    assert.deepEqual([existsSync(dirname(old)), existsSync(recent)], [false, true]);
  });

  it("is kept, however old, when it is that of the running daemon", () => {
    build();
    const old = copyProgram(options({ version: "1.0.0" }));
    unused(old, 400);
    const discoveryFile = join(scratch.path, "tunneld.json");
    writeDiscovery(discoveryFile, { socket: "/s", pid: 1, instanceId: "i", version: "1.0.0", protocol: 1, startedAtMs: 1 });
    const door = { folder: scratch.path, socketPath: "/s", discoveryFile };
    copyProgram(options({ running: { door, otherDoors: [] } }));
    assert.ok(existsSync(old));
  });

  it("counts as used each time a client asks for it", () => {
    build();
    const old = copyProgram(options({ version: "1.0.0" }));
    unused(old, 31);
    copyProgram(options({ version: "1.0.0" }));
    copyProgram(options());
    assert.ok(existsSync(old));
  });
});
