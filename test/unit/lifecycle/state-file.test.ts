/** What outlives the daemon: kept whole, never lost silently, never in the way. */
import assert from "node:assert/strict";
import * as fs from "node:fs";
import { StateFile, type StateFileOptions, type StateProblem } from "../../../daemon/lifecycle/state-file.ts";
import { FakeTime } from "../../support/lifecycle/fake-time.ts";
import { until } from "../../support/process/until.ts";
import { stageForEach } from "../../support/stage.ts";

describe("the state file", () => {
  const stage = stageForEach();
  let time: FakeTime;
  let problems: StateProblem[];
  const path = (): string => stage.path("state.json");

  beforeEach(() => {
    time = new FakeTime();
    problems = [];
  });

  function open(options: Partial<StateFileOptions<number>> = {}): StateFile<number> {
    return new StateFile<number>({
      path: path(),
      uid: process.geteuid?.(),
      parse: (value) => {
        if (typeof value !== "number") throw new Error("not a number");
        return value;
      },
      initial: () => 0,
      onProblem: (problem) => problems.push(problem),
      wallMs: () => time.wallMs(),
      timers: time,
      ...options,
    });
  }

  async function keep(...values: readonly number[]): Promise<void> {
    for (const value of values) {
      const file = open();
      file.set(value);
      await file.close();
    }
  }

  const texts = (): readonly string[] =>
    problems.map((problem) => (problem.kind === "writable-again" ? problem.kind : `${problem.error.code} ${problem.error.message}`));
  const names = (): readonly string[] => fs.readdirSync(stage.folder).sort();

  it("starts with the initial value, and writes nothing by that", () => {
    assert.equal(open().value, 0);
    assert.deepEqual([names(), problems], [[], []]);
  });

  it("keeps the value 0600, and the one before as .bak", async () => {
    await keep(1, 2);
    assert.equal(open().value, 2);
    assert.deepEqual(names(), ["state.json", "state.json.bak"]);
    assert.equal(fs.readFileSync(`${path()}.bak`, "utf8"), "1\n");
    assert.equal(fs.statSync(path()).mode & 0o777, 0o600);
  });

  it("writes one at a time, and the newest last", async () => {
    const written: string[] = [];
    let running = 0;
    const file = open({
      write: async (_, text) => {
        running += 1;
        assert.equal(running, 1);
        await new Promise((resolve) => setImmediate(resolve));
        running -= 1;
        written.push(text.trim());
      },
    });
    for (const value of [1, 2, 3, 4]) file.set(value);
    assert.equal(await file.flush(), true);
    assert.deepEqual(written, ["1", "4"]);
  });

  it("sets a corrupt file aside, says so and uses the backup", async () => {
    await keep(1, 2);
    fs.writeFileSync(path(), '{"half');
    assert.equal(open().value, 1);
    const aside = `${path()}.unusable-${time.wallMs()}`;
    assert.equal(fs.readFileSync(aside, "utf8"), '{"half');
    assert.match(texts()[0] ?? "", new RegExp(`^CONFIG_INVALID .*kept as ${aside}`));
    assert.equal(problems.length, 1);
  });

  it("sets aside a file whose value is of another kind, and a backup too, and starts afresh", async () => {
    await keep(1, 2);
    fs.writeFileSync(path(), '"text"');
    fs.writeFileSync(`${path()}.bak`, "");
    assert.equal(open().value, 0);
    assert.equal(problems.length, 2);
    assert.deepEqual(names(), [`state.json.bak.unusable-${time.wallMs()}`, `state.json.unusable-${time.wallMs()}`]);
  });

  it("uses the backup when a crash came between the renames", async () => {
    await keep(1, 2);
    fs.unlinkSync(path());
    assert.equal(open().value, 1);
    assert.deepEqual(problems, []);
  });

  it("sets aside a file that others could have written", async () => {
    await keep(1);
    fs.chmodSync(path(), 0o666);
    assert.equal(open().value, 0);
    assert.match(texts()[0] ?? "", /other users may open it/);
  });

  it("goes on in memory on a full disk, says so once, and writes when there is room again", async () => {
    let full = true;
    const written: string[] = [];
    const write = async (_: string, text: string): Promise<void> => {
      if (full) throw Object.assign(new Error("acted"), { code: "ENOSPC" });
      written.push(text.trim());
    };
    const file = open({ write });
    file.set(1);
    assert.equal(await file.flush(), false);
    file.set(2);
    assert.equal(await file.flush(), false);
    assert.equal(file.value, 2);
    full = false;
    time.pass(30_000);
    await until(() => written.length > 0, { what: "it had tried again by itself" });
    assert.equal(await file.flush(), true);
    assert.deepEqual(written, ["2"]);
    assert.deepEqual(texts(), [`DAEMON_UNREACHABLE can't write ${path()}: the disk is full: free some space`, "writable-again"]);
  });

  it("leaves the old file whole when a write fails", async () => {
    await keep(1);
    const file = open();
    fs.renameSync(stage.folder, `${stage.folder}-away`);
    file.set(2);
    const done = await file.flush();
    fs.renameSync(`${stage.folder}-away`, stage.folder);
    assert.equal(done, false);
    assert.deepEqual([fs.readFileSync(path(), "utf8"), names()], ["1\n", ["state.json"]]);
  });

  it("writes nothing after it was closed: a successor owns the file", async () => {
    const file = open();
    file.set(1);
    await file.close();
    file.set(2);
    await file.flush();
    assert.deepEqual([file.value, fs.readFileSync(path(), "utf8"), time.pending], [2, "1\n", 0]);
  });
});
