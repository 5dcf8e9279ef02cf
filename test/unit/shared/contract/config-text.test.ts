import assert from "node:assert/strict";
import { CONFIG_PATH, entryText, faultsOf, fileText, oneEntry, onlyProblem, parse } from "../../../support/tunnels-json.ts";

const GOOD = entryText({ listen: 7000 });

describe("a tunnels.json without mistakes", () => {
  it("gives its entries with their defaults, in order", () => {
    const { entries, problems, broken } = parse(fileText({ b: entryText({ listen: 1 }), a: entryText({ listen: 2 }) }));
    assert.deepEqual([...entries.keys()], ["b", "a"]);
    assert.deepEqual(entries.get("a"), {
      service: "tcp",
      role: "client",
      listen: 2,
      target: "cache.example.com:6479",
      key: "team",
      autoOpen: false,
      forwardSecrecy: "require",
      maxConnections: 100,
      timeoutSeconds: 5,
      keepAlive: true,
      dnsRefreshSeconds: 60,
      confirm: false,
      keepOpen: false,
    });
    assert.deepEqual([problems, broken], [[], false]);
  });

  it("may have comments, trailing commas, a byte order mark and CRLF", () => {
    const text = `\ufeff// ours\r\n{ "version": 1, /* all */ "tunnels": { "cache": ${GOOD}, }, }\r\n`;
    assert.deepEqual(parse(text).problems, []);
    assert.ok(parse(text).entries.has("cache"));
  });

  it("says where each entry stands, so that an editor can show something above it", () => {
    const place = parse(fileText({ cache: GOOD })).places.get("cache");
    assert.deepEqual(place, { path: CONFIG_PATH, offset: 37, length: 7, line: 4, column: 5 });
  });

  it("may list several keys for a server", () => {
    assert.deepEqual(faultsOf({ role: "server", key: ["team", "team-2026", { file: "~/keys/x" }] }), []);
  });

  it("treats names that every object has as ordinary names", () => {
    const { entries, problems } = parse(fileText({ constructor: entryText({ listen: 1 }), toString: entryText({ listen: 2 }) }));
    assert.deepEqual([problems, [...entries.keys()]], [[], ["constructor", "toString"]]);
  });
});

describe("a mistake in tunnels.json", () => {
  it("in one entry leaves the others usable", () => {
    const { entries, faults, broken } = parse(fileText({ bad: '{ "listen": true }', good: GOOD }));
    assert.deepEqual([[...entries.keys()], [...faults.keys()], broken], [["good"], ["bad"], false]);
  });

  it("in a property's name is shown at the name, with the nearest known one, and once", () => {
    const problem = onlyProblem(fileText({ cache: entryText({ listen: undefined, lisen: 6579 }) }), '"lisen"');
    assert.equal(problem.message, 'there is no property "lisen": did you mean "listen"?');
    assert.deepEqual([problem.path, problem.line, problem.column], [CONFIG_PATH, 4, 62]);
  });

  it("in a property name that is like no known one is answered with the known ones", () => {
    assert.match(faultsOf({ hunter: 1 })[0] ?? "", /remove it; there are service, role, listen/);
  });

  for (const [more, at, message] of [
    [{ service: "redi" }, '"redi"', /must be redis, redis-cluster, mysql, postgres, mongodb or tcp, not "redi": did you mean "redis"/],
    [{ listen: 70_000 }, "70000", /port number from 0 to 65535/],
    [{ listen: true }, "true", /"host:port"/],
    [{ listen: 1.5 }, "1.5", /port number/],
    [{ target: 6479 }, "6479", /text/],
    [{ target: "" }, '""', /not empty, not empty|text that is not empty/],
    [{ autoOpen: "true" }, '"true"', /true or false, not "true": write it without quotation marks/],
    [{ maxConnections: 0 }, "0", /whole number from 1 to 100000, not 0/],
    [{ maxConnections: "50" }, '"50"', /without quotation marks/],
    [{ maxConnections: 1e9 }, "1000000000", /from 1 to 100000, not 1000000000/],
    [{ timeoutSeconds: -1 }, "-1", /a number from 0.1 to 3600, not -1/],
    [{ timeoutSeconds: 0.00001 }, "0.00001", /a number from 0.1 to 3600, not 0.00001/],
    [{ timeoutSeconds: 2_147_484 }, "2147484", /a number from 0.1 to 3600/],
    [{ dnsRefreshSeconds: 0.00001 }, "0.00001", /a number from 1 to 86400, not 0.00001/],
    [{ dnsRefreshSeconds: 1e300 }, "1e+300", /a number from 1 to 86400, not 1e\+300/],
    [{ group: null }, "null", /text of 1 to 64 characters, not null/],
    [{ env: ["A"] }, '["A"]', /object of names and texts/],
    [{ env: { A: 5 } }, "5", /"A" must be text/],
    [{ forwardSecrecy: false }, "false", /require, prefer or off/],
  ] as const) {
    it(`such as ${JSON.stringify(more)} is shown at the value, with the cure`, () => {
      assert.match(onlyProblem(oneEntry(more), at).message, message);
    });
  }

  for (const property of ["listen", "target", "key"]) {
    it(`such as no ${property} is shown at the entry's name`, () => {
      assert.match(onlyProblem(oneEntry({ [property]: undefined }), '"cache"').message, new RegExp(`"${property}" is missing`));
    });
  }

  it("in an entry's name is shown at the name", () => {
    assert.match(onlyProblem(fileText({ "my cache": GOOD }), '"my cache"').message, /not allowed/);
  });

  it("that puts something else in place of an object is shown at that value", () => {
    assert.match(onlyProblem(fileText({ cache: "42" }), "42").message, /must be an object/);
  });

  it("that gives two entries one name makes neither usable", () => {
    const text = `{ "version": 1, "tunnels": { "a": ${GOOD}, "b": ${entryText()}, "a": ${GOOD} } }`;
    const { entries, faults, problems } = parse(text);
    assert.deepEqual([...entries.keys()], ["b"]);
    assert.match(faults.get("a")?.message ?? "", /twice/);
    assert.equal(problems[0]?.offset, text.lastIndexOf('"a"'));
  });

  it("that gives one property twice is shown at the second", () => {
    const text = fileText({ cache: `{ "listen": 1, "target": "a:1", "key": "k", "listen": 2 }` });
    assert.equal(parse(text).problems[0]?.offset, text.lastIndexOf('"listen"'));
    assert.equal(parse(text).entries.size, 0);
  });

  it("that gives two entries one listen address leaves the first usable", () => {
    const text = fileText({ a: entryText({ listen: 7000 }), b: entryText({ listen: "localhost:7000" }) });
    assert.match(onlyProblem(text, '"localhost:7000"').message, /taken by "a"/);
    assert.deepEqual([...parse(text).entries.keys()], ["a"]);
  });

  it("is found when one entry listens at all addresses and the other at one of them", () => {
    assert.equal(parse(fileText({ a: entryText({ listen: "0.0.0.0:7000" }), b: entryText({ listen: 7000 }) })).problems.length, 1);
  });

  it("is not found in two entries with port 0", () => {
    assert.deepEqual(parse(fileText({ a: entryText({ listen: 0 }), b: entryText({ listen: 0 }) })).problems, []);
  });

  it("is reported for a __proto__ at any level, which changes no object's prototype", () => {
    const text =
      '{ "version": 1, "__proto__": 1, "tunnels": { "__proto__": {}, "a": { "listen": 1, "target": "h:1", "key": "k", "__proto__": { "role": "server" } } } }';
    const { entries, problems } = parse(text);
    assert.deepEqual([entries.size, problems.length], [0, 6]);
    assert.equal(({} as { role?: string }).role, undefined);
  });
});

describe("the whole of a tunnels.json", () => {
  for (const [what, text, at, message] of [
    ["empty", "", "", /empty/],
    ["blank", " \n ", " \n ", /empty/],
    ["binary", '{ "version\0": 1 }', "\0", /not text/],
    ["a list", "[]", "[]", /one object/],
    ["a word", "nonsense", "nonsense", /not JSON/],
    ["without tunnels", '{ "version": 1 }', "{", /"tunnels" is missing/],
    ["with a list of tunnels", '{ "version": 1, "tunnels": [] }', "[]", /must be an object/],
    ["of a newer version", '{ "version": 2, "tunnels": {} }', "2", /newer/],
    ["with its version in quotes", '{ "version": "1", "tunnels": {} }', '"1"', /must be 1/],
  ] as const) {
    it(`${what} is reported, and what runs keeps running`, () => {
      const problem = onlyProblem(text, at);
      assert.match(problem.message, message);
      assert.equal(parse(text).broken, true);
    });
  }

  it("without a version is reported and read all the same", () => {
    const { entries, problems, broken } = parse(`{ "tunnels": { "a": ${GOOD} } }`);
    assert.match(problems[0]?.message ?? "", /"version" is missing/);
    assert.deepEqual([entries.size, problems.length, broken], [1, 1, false]);
  });

  it("of more than 256 KiB is not read", () => {
    assert.match(parse(`${" ".repeat(256 * 1024)}{}`).problems[0]?.message ?? "", /larger than 256 KiB/);
  });

  it("nested a hundred thousand deep is refused where it becomes too deep", () => {
    const { problems } = parse(`{ "tunnels": ${"[".repeat(100_000)}`);
    assert.match(problems[0]?.message ?? "", /nested too deeply/);
    assert.ok((problems[0]?.offset ?? 0) < 100);
  });

  it("with more mistakes than anybody reads quickly reports a bounded number", () => {
    const { problems } = parse(`{ "version": 1, "tunnels": { ${'"a": 1, '.repeat(100_000)} } }`);
    assert.ok(problems.length <= 200);
    const many = Array.from({ length: 50_000 }, (_, index) => `"p${index}": 1`).join(", ");
    assert.ok(parse(fileText({ cache: `{ ${many} }` })).problems.length <= 200);
    assert.ok(parse(oneEntry({ env: JSON.parse(`{ ${many} }`) })).problems.length <= 200);
    assert.ok(parse("1 ".repeat(500_000)).problems.length <= 200);
    assert.ok(parse(`{ ${"x ".repeat(500_000)}`).problems.length <= 200);
  });

  it("with more than two hundred and fifty tunnels is broken", () => {
    const names = Object.fromEntries(Array.from({ length: 251 }, (_, index) => [`t${index}`, entryText({ listen: index + 1 })]));
    const { entries, broken, problems } = parse(fileText(names));
    assert.deepEqual([entries.size, broken], [250, true]);
    assert.match(problems[0]?.message ?? "", /at most 250/);
  });
});

describe("broken JSON in tunnels.json", () => {
  const around = (middle: string) =>
    `{\n  "version": 1,\n  "tunnels": {\n    "first": ${GOOD},\n    "cache": ${middle},\n    "last": ${entryText({ listen: 7001 })}\n  }\n}\n`;

  for (const [what, middle, at, message] of [
    ["a missing comma", '{ "listen": 1 "target": "h:1", "key": "k" }', '"target"', /"," is expected/],
    ["a missing value", '{ "listen": , "target": "h:1", "key": "k" }', ",", /value is expected/],
    ["a missing colon", '{ "listen" 1, "target": "h:1", "key": "k" }', "1", /":" is expected/],
    ["a bare word", '{ "listen": 1, "target": "h:1", "key": team }', "team", /quotation marks/],
    ["single quotes", `{ "listen": 1, "target": "h:1", "key": 'team' }`, "'team'", /quotation marks/],
    ["a wrong escape", '{ "listen": 1, "target": "h:1", "key": "a\\q" }', '"a\\q"', /backslash/],
  ] as const) {
    it(`such as ${what} is shown where it is, and leaves the other entries usable`, () => {
      const text = around(middle);
      const { entries, faults, problems, broken } = parse(text);
      const [problem] = problems;
      assert.equal(text.slice(problem?.offset, (problem?.offset ?? 0) + (problem?.length ?? 0)), at);
      assert.match(problem?.message ?? "", message);
      assert.equal(problem?.line, 5);
      assert.deepEqual([[...entries.keys()], [...faults.keys()], broken], [["first", "last"], ["cache"], true]);
    });
  }

  it("such as a lost closing brace never makes the entries behind it part of a usable one", () => {
    const { entries, faults, broken } = parse(around('{ "listen": 1, "target": "h:1", "key": "k"'));
    assert.deepEqual([[...entries.keys()], [...faults.keys()], broken], [["first"], ["cache"], true]);
  });

  it("such as an open comment hides entries but says that the file is broken", () => {
    const { entries, broken, problems } = parse(`{ "version": 1, "tunnels": { "a": ${GOOD} /* , "b": {} } }`);
    assert.deepEqual([[...entries.keys()], broken], [["a"], true]);
    assert.match(problems[0]?.message ?? "", /comment has no end/);
  });

  it("such as a value that was cut short while an editor was writing is never used", () => {
    const whole = fileText({ cache: entryText({ confirm: true }) });
    for (let end = 1; end < whole.length - 2; end += 1) {
      const { entries, broken } = parse(whole.slice(0, end));
      assert.ok(broken, `cut at ${end}`);
      if (entries.size > 0) assert.equal(entries.get("cache")?.confirm, true);
    }
  });
});
