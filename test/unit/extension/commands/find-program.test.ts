/** Which file on PATH a program's name means. */
import assert from "node:assert/strict";
import { findProgram, type ProgramSearch } from "../../../../extension/commands/find-program.ts";

/** A search in which only these files exist; `asked` lists every file that was checked. */
function search(files: readonly string[], more: Partial<ProgramSearch> = {}): ProgramSearch & { readonly asked: string[] } {
  const asked: string[] = [];
  const isExecutable = (file: string): Promise<boolean> => {
    asked.push(file);
    return Promise.resolve(files.includes(file));
  };
  return { path: "/usr/local/bin:/usr/bin", pathExt: undefined, platform: "linux", isExecutable, asked, ...more };
}

describe("a program", () => {
  it("is found in the first folder of PATH that has it", async () => {
    assert.equal(await findProgram(["redis-cli"], search(["/usr/bin/redis-cli", "/usr/local/bin/redis-cli"])), "/usr/local/bin/redis-cli");
  });

  it("is the first of the names that can be found", async () => {
    assert.equal(await findProgram(["mariadb", "mysql"], search(["/usr/local/bin/mysql", "/usr/bin/mariadb"])), "/usr/bin/mariadb");
    assert.equal(await findProgram(["mariadb", "mysql"], search(["/usr/bin/mysql"])), "/usr/bin/mysql");
  });

  it("is missing when no folder has it, or there is no PATH", async () => {
    assert.equal(await findProgram(["mysql"], search([])), undefined);
    assert.equal(await findProgram(["mysql"], search(["/usr/bin/mysql"], { path: undefined })), undefined);
  });

  it("is never looked for in the current folder or another relative one", async () => {
    const looking = search([], { path: ".:bin::/usr/bin:./node_modules/.bin" });
    await findProgram(["mysql"], looking);
    assert.deepEqual(looking.asked, ["/usr/bin/mysql"]);
  });

  it("is never looked for by a name that is a path", async () => {
    const looking = search([]);
    await findProgram(["../mysql", "a/b", "C:x", ""], looking);
    assert.deepEqual(looking.asked, []);
  });

  it("is looked for in a bounded number of folders", async () => {
    const looking = search([], { path: Array.from({ length: 10_000 }, (_, index) => `/bin${index}`).join(":") });
    await findProgram(["mysql"], looking);
    assert.equal(looking.asked.length, 200);
  });

  it("has an extension of PATHEXT on Windows, and is never a script for a command interpreter", async () => {
    const windows = { platform: "win32", path: 'C:\\tools;"C:\\my programs"', pathExt: ".COM;.EXE;.BAT;.CMD" } as const;
    assert.equal(
      await findProgram(["mysql"], search(["C:\\my programs\\mysql.exe", "C:\\tools\\mysql.cmd", "C:\\tools\\mysql"], windows)),
      "C:\\my programs\\mysql.exe",
    );
    assert.equal(await findProgram(["mysql"], search(["C:\\tools\\mysql.exe"], { ...windows, pathExt: undefined })), "C:\\tools\\mysql.exe");
  });
});
