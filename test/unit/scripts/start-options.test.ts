import assert from "node:assert/strict";
import { startOptions } from "../../../scripts/lib/start-options.mjs";

describe("options of npm start", () => {
  it("are those after --", () => {
    assert.deepEqual(startOptions([], {}), { mysql: false, vscode: false, once: false });
    assert.deepEqual(startOptions(["--once", "--mysql"], {}), { mysql: true, vscode: false, once: true });
    assert.deepEqual(startOptions(["--vscode"], {}), { mysql: false, vscode: true, once: false });
  });

  for (const [what, args, env, line] of [
    ["alone", [], { npm_config_once: "true" }, "npm keeps --once for itself: write npm start -- --once"],
    ["beside another", [], { npm_config_once: "true", npm_config_mysql: "true" }, "npm keeps --mysql --once for itself: write npm start -- --mysql --once"],
    ["before --", ["--once"], { npm_config_mysql: "true" }, "npm keeps --mysql for itself: write npm start -- --once --mysql"],
  ] as const)
    it(`cause an error when npm kept them: ${what}`, () => {
      assert.throws(() => startOptions(args, env), { name: "Failure", message: line });
    });

  it("count when they are on both sides", () => {
    assert.equal(startOptions(["--once"], { npm_config_once: "true" }).once, true);
  });

  it("are refused when they exclude one another", () => {
    for (const other of ["--mysql", "--once"]) assert.throws(() => startOptions(["--vscode", other], {}), /^Failure: --vscode goes with no other option/);
  });

  it("are refused when they are unknown", () => {
    for (const unknown of ["--redis", "once", "-once"]) assert.throws(() => startOptions([unknown], {}), /^Failure: Unknown option/);
  });
});
