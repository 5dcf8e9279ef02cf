/** Option lists as spiped's getopt reads them. */
import assert from "node:assert/strict";
import { type OptionTable, parseOptions } from "../../../daemon/programs/options.ts";
import { codeOf } from "../../support/wire/codes.ts";

const TABLE: OptionTable = { "-d": "flag", "-F": "flag", "-n": "value", "-k": "value", "--syslog": "flag", "--name": "value" };

const read = (...args: readonly string[]) => {
  const { flags, values, operands } = parseOptions(args, TABLE);
  return { flags: [...flags], values: [...values], operands };
};

describe("parseOptions", () => {
  for (const [what, args, wanted] of [
    ["nothing", [], { flags: [], values: [], operands: [] }],
    ["flags apart", ["-d", "-F"], { flags: ["-d", "-F"], values: [], operands: [] }],
    ["flags packed together", ["-dF"], { flags: ["-d", "-F"], values: [], operands: [] }],
    ["a value after its option", ["-n", "5"], { flags: [], values: [["-n", "5"]], operands: [] }],
    ["a value attached to its option", ["-n5"], { flags: [], values: [["-n", "5"]], operands: [] }],
    ["a value attached behind packed flags", ["-dFn5"], { flags: ["-d", "-F"], values: [["-n", "5"]], operands: [] }],
    ["a value apart behind packed flags", ["-dFn", "5"], { flags: ["-d", "-F"], values: [["-n", "5"]], operands: [] }],
    ["an attached value that looks like options", ["-kdF"], { flags: [], values: [["-k", "dF"]], operands: [] }],
    ["a value that looks like an option", ["-k", "-d"], { flags: [], values: [["-k", "-d"]], operands: [] }],
    ["a value that is --", ["-k", "--", "-d"], { flags: ["-d"], values: [["-k", "--"]], operands: [] }],
    ["standard input as a value", ["-k", "-"], { flags: [], values: [["-k", "-"]], operands: [] }],
    ["an empty value", ["-k", ""], { flags: [], values: [["-k", ""]], operands: [] }],
    ["a long flag", ["--syslog"], { flags: ["--syslog"], values: [], operands: [] }],
    ["a long option and its value", ["--name", "x"], { flags: [], values: [["--name", "x"]], operands: [] }],
    ["a long option with =", ["--name=x=y"], { flags: [], values: [["--name", "x=y"]], operands: [] }],
    ["a long option with an empty value", ["--name="], { flags: [], values: [["--name", ""]], operands: [] }],
    ["operands", ["a", "-d", "b"], { flags: ["-d"], values: [], operands: ["a", "b"] }],
    ["a single dash as an operand", ["-"], { flags: [], values: [], operands: ["-"] }],
    ["everything behind -- as operands", ["-d", "--", "-F", "--", "-n"], { flags: ["-d"], values: [], operands: ["-F", "--", "-n"] }],
  ] as const) {
    it(`reads ${what}`, () => assert.deepEqual(read(...args), wanted));
  }

  for (const [what, args] of [
    ["an unknown option", ["-x"]],
    ["an unknown option packed behind known ones", ["-dx"]],
    ["an unknown long option", ["--nothing"]],
    ["an unknown long option with a value", ["--nothing=1"]],
    ["a long option cut short", ["--sys"]],
    ["the name of an object's own property", ["--constructor"]],
    ["a flag given twice", ["-d", "-d"]],
    ["a flag given twice in one word", ["-dd"]],
    ["a value given twice", ["-n", "5", "-n6"]],
    ["a missing value", ["-n"]],
    ["a missing value behind packed flags", ["-dFn"]],
    ["a missing value of a long option", ["--name"]],
    ["a value for a long flag", ["--syslog=yes"]],
  ] as const) {
    it(`refuses ${what}`, () =>
      assert.equal(
        codeOf(() => read(...args)),
        "CONFIG_INVALID",
      ));
  }
});
