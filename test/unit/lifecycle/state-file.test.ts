/** State that outlives the daemon: kept whole, never lost silently, never a reason to fail. */
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
      void file.update(() => value);
      await file.close();
    }
  }

  const texts = (): readonly string[] =>
    problems.map((problem) => (problem.kind === "writable-again" ? problem.kind : `${problem.error.code} ${problem.error.message}`));
  const names = (): readonly string[] => fs.readdirSync(stage.folder).sort();

  it("starts with the initial value without writing it", () => {
    assert.equal(open().value, 0);
    assert.deepEqual([names(), problems], [[], []]);
  });

  it("keeps the value with mode 0600, and the previous value as .bak", async () => {
    await keep(1, 2);
    assert.equal(open().value, 2);
    assert.deepEqual(names(), ["state.json", "state.json.bak"]);
    assert.equal(fs.readFileSync(`${path()}.bak`, "utf8"), "1\n");
    assert.equal(fs.statSync(path()).mode & 0o777, 0o600);
  });

  it("makes one write at a time, and writes the newest value last", async () => {
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
    for (const value of [1, 2, 3, 4]) void file.update(() => value);
    assert.equal(await file.flush(), true);
    assert.deepEqual(written, ["1", "4"]);
  });

  it("never brings a removed value back from its backup", async () => {
    await keep(1);
    const file = open();
    assert.equal(await file.update(() => 2, { isTaken: true }), undefined);
    await file.close();
    assert.deepEqual([fs.readFileSync(`${path()}.bak`, "utf8"), names()], ["2\n", ["state.json", "state.json.bak"]]);
    assert.notEqual(fs.statSync(path()).ino, fs.statSync(`${path()}.bak`).ino, "what spoils the file leaves the backup");
    fs.writeFileSync(path(), "spoiled");
    assert.equal(open().value, 2);
  });

  it("removes that value from its backup with the first write that succeeds, however late", async () => {
    const backups: (string | undefined)[] = [];
    let full = true;
    const file = open({
      write: async (_, __, options) => {
        if (full) throw Object.assign(new Error("acted"), { code: "ENOSPC" });
        backups.push(options?.backup);
      },
    });
    assert.equal((await file.update(() => 1, { isTaken: true }))?.code, "STATE_NOT_SAVED");
    full = false;
    await file.update(() => 2);
    await file.update(() => 3);
    assert.deepEqual(backups, ["same", "before"]);
  });

  it("sets a corrupt file aside, reports it and uses the backup", async () => {
    await keep(1, 2);
    fs.writeFileSync(path(), '{"half');
    assert.equal(open().value, 1);
    const aside = `${path()}.unusable-${time.wallMs()}`;
    assert.equal(fs.readFileSync(aside, "utf8"), '{"half');
    assert.match(texts()[0] ?? "", new RegExp(`^CONFIG_INVALID .*kept as ${aside}`));
    assert.equal(problems.length, 1);
  });

  it("sets aside a file with a value of another type, and such a backup too, and starts afresh", async () => {
    await keep(1, 2);
    fs.writeFileSync(path(), '"text"');
    fs.writeFileSync(`${path()}.bak`, "");
    assert.equal(open().value, 0);
    assert.equal(problems.length, 2);
    assert.deepEqual(names(), [`state.json.bak.unusable-${time.wallMs()}`, `state.json.unusable-${time.wallMs()}`]);
  });

  it("uses the backup after a crash between the renames", async () => {
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

  it("goes on in memory on a full disk, reports it once, and writes when there is room again", async () => {
    let full = true;
    const written: string[] = [];
    const write = async (_: string, text: string): Promise<void> => {
      if (full) throw Object.assign(new Error("acted"), { code: "ENOSPC" });
      written.push(text.trim());
    };
    const file = open({ write });
    void file.update(() => 1);
    assert.equal(await file.flush(), false);
    void file.update(() => 2);
    assert.equal(await file.flush(), false);
    assert.equal(file.value, 2);
    full = false;
    time.pass(30_000);
    await until(() => written.length > 0, { what: "it had tried again by itself" });
    assert.equal(await file.flush(), true);
    assert.deepEqual(written, ["2"]);
    assert.deepEqual(texts(), [`STATE_NOT_SAVED can't write ${path()}: the disk is full: free some space`, "writable-again"]);
  });

  it("leaves the old file whole when a write fails", async () => {
    await keep(1);
    const file = open();
    fs.renameSync(stage.folder, `${stage.folder}-away`);
    void file.update(() => 2);
    const done = await file.flush();
    fs.renameSync(`${stage.folder}-away`, stage.folder);
    assert.equal(done, false);
    assert.deepEqual([fs.readFileSync(path(), "utf8"), names()], ["1\n", ["state.json"]]);
  });

  it("writes nothing after it was closed: a successor owns the file", async () => {
    const file = open();
    void file.update(() => 1);
    await file.close();
    void file.update(() => 2);
    await file.flush();
    assert.deepEqual([file.value, fs.readFileSync(path(), "utf8"), time.pending], [2, "1\n", 0]);
  });

  describe("with a writer that fails", () => {
    const full = (): never => {
      throw Object.assign(new Error("acted"), { code: "ENOSPC" });
    };

    it("drops a committed change, and says why", async () => {
      const file = open({ write: async () => full() });
      const outcome = await file.commit(() => 1);
      assert.match(`${outcome?.code} ${outcome?.message}`, /^STATE_NOT_SAVED can't write .*: the disk is full/);
      assert.deepEqual([file.value, file.unsaved], [0, undefined]);
    });

    it("holds an update in memory, and says each time that it is not on the disk", async () => {
      const file = open({ write: async () => full() });
      const outcomes = [await file.update(() => 1), await file.update((value) => (value === 1 ? value : 1))];
      assert.deepEqual(
        outcomes.map((outcome) => outcome?.code),
        ["STATE_NOT_SAVED", "STATE_NOT_SAVED"],
      );
      assert.deepEqual([file.value, file.unsaved?.code], [1, "STATE_NOT_SAVED"]);
    });

    it("undoes only the committed changes of a failed write", async () => {
      const writes: { readonly text: string; readonly end: (error?: Error) => void }[] = [];
      const write = (_: string, text: string): Promise<void> =>
        new Promise((resolve, reject) => writes.push({ text, end: (error) => (error ? reject(error) : resolve()) }));
      const file = open({ write });
      const first = file.commit((value) => value + 1);
      const second = file.commit((value) => value + 10);
      const third = file.update((value) => value + 100);
      assert.equal(file.value, 100, "only the update counts before it is written");
      writes[0]?.end(Object.assign(new Error("acted"), { code: "ENOSPC" }));
      assert.equal((await first)?.code, "STATE_NOT_SAVED");
      assert.deepEqual([file.value, writes[1]?.text], [100, "110\n"]);
      writes[1]?.end();
      assert.deepEqual([await second, await third, file.value], [undefined, undefined, 110]);
    });

    it("need not write a value that is on the disk already", async () => {
      await keep(1);
      const file = open({ write: async () => full() });
      assert.deepEqual([await file.commit((value) => value), await file.update((value) => value)], [undefined, undefined]);
    });

    it("no longer trusts the disk's content after an error of the device itself", async () => {
      await keep(1);
      let broken = true;
      const file = open({
        write: async () => {
          if (broken) throw Object.assign(new Error("acted"), { code: "EIO" });
        },
      });
      assert.equal((await file.commit(() => 2))?.code, "STATE_NOT_SAVED");
      assert.equal((await file.update((value) => value))?.code, "STATE_NOT_SAVED");
      broken = false;
      assert.deepEqual([await file.update((value) => value), file.value, file.unsaved], [undefined, 1, undefined]);
    });
  });

  it("answers a change only after a write that includes it", async () => {
    const writes: { readonly text: string; readonly end: () => void }[] = [];
    const file = open({ write: (_, text) => new Promise((end) => writes.push({ text, end })) });
    const answered: number[] = [];
    const changes = [1, 2, 3].map((one) => file.commit((value) => value + one).then(() => answered.push(one)));
    assert.deepEqual(
      writes.map(({ text }) => text),
      ["1\n"],
    );
    writes[0]?.end();
    await changes[0];
    assert.deepEqual([answered, writes.map(({ text }) => text)], [[1], ["1\n", "6\n"]]);
    writes[1]?.end();
    await Promise.all(changes);
    assert.deepEqual(answered, [1, 2, 3]);
  });

  it("can undo a change that is still being written", async () => {
    const writes: { readonly text: string; readonly end: () => void }[] = [];
    const file = open({ write: (_, text) => new Promise((end) => writes.push({ text, end })) });
    const given = file.commit(() => 1);
    const taken = file.update((value) => (value === 0 ? value : 0));
    writes[0]?.end();
    await given;
    writes[1]?.end();
    assert.deepEqual([await taken, file.value, writes[1]?.text], [undefined, 0, "0\n"]);
  });

  it("leaves no file of its own behind when a write fails", async () => {
    await keep(1);
    fs.mkdirSync(`${path()}.bak`);
    fs.writeFileSync(`${path()}.bak/x`, "");
    const file = open();
    assert.equal((await file.commit(() => 2))?.code, "STATE_NOT_SAVED");
    assert.deepEqual([fs.readFileSync(path(), "utf8"), names()], ["1\n", ["state.json", "state.json.bak"]]);
  });
});
