import assert from "node:assert/strict";
import {
  type AdHocDraft,
  adHocEntry,
  candidateEntry,
  candidatePorts,
  draftFault,
  draftOf,
  exampleTarget,
  isAsTyped,
  listenAt,
  listenRival,
  listenValue,
  nameRival,
  savedEntry,
  suggestName,
} from "../../../../../extension/model/asking/ad-hoc.ts";
import { english } from "../../../../../extension/model/translate.ts";
import type { ApprovalFacts } from "../../../../../shared/contract/methods.ts";
import { approvedFacts } from "../../../../support/status.ts";
import { tunnelItem } from "../../../../support/tunnel-item.ts";
import { faultsOf } from "../../../../support/tunnels-json.ts";

const DRAFT: AdHocDraft = { service: "redis", target: "cache.example.com:6479", key: "team", listen: "6579", name: "cache" };
const JUDGE = { t: english, platform: "linux" } as const;

describe("an answer", () => {
  for (const answers of [
    { target: "cache.example.com:6479" },
    { target: "[2001:db8::1]:6479" },
    { listen: "6579" },
    { listen: "0" },
    { listen: "/run/x.sock" },
    { name: "my-cache.2" },
    DRAFT,
  ]) {
    it(`has no fault if it is right: ${JSON.stringify(answers)}`, () => {
      assert.equal(draftFault(answers, JUDGE), undefined);
    });
  }

  for (const [answers, fault] of [
    [{ target: "cache.example.com" }, /has no port/],
    [{ target: "redis://cache.example.com:6479" }, /is a URL/],
    [{ target: "cache.example.com:0" }, /port 0/],
    [{ listen: "99999" }, /"listen" must be/],
    [{ listen: "somewhere" }, /has no port/],
    [{ listen: "6579", target: "127.0.0.1:6579" }, /lead to itself/],
    [{ name: "my cache" }, /is not allowed/],
    [{ name: "" }, /is not allowed/],
    [{ name: "__proto__" }, /is not allowed/],
  ] as const) {
    it(`gets the validator's message if it is wrong: ${JSON.stringify(answers)}`, () => {
      assert.match(draftFault(answers, JUDGE) ?? "", fault);
    });
  }

  it("may have white space around it", () => {
    assert.equal(draftFault({ target: " cache.example.com:6479 ", listen: " 6579 ", name: " a " }, JUDGE), undefined);
  });

  it("may be the far end of every example", () => {
    for (const service of ["redis", "mysql", "tcp"] as const) assert.equal(draftFault({ service, target: exampleTarget(service) }, JUDGE), undefined);
  });

  it("may not be a port or a name that a tunnel of this window has", () => {
    const rivals = { items: [tunnelItem()], t: english };
    assert.match(listenRival("6579", rivals) ?? "", /cache/);
    assert.match(listenRival("0.0.0.0:6579", rivals) ?? "", /cache/);
    assert.equal(listenRival("6580", rivals), undefined);
    assert.match(nameRival("cache", rivals) ?? "", /choose another name/);
    assert.equal(nameRival("cache-2", rivals), undefined);
  });
});

describe("the suggestion", () => {
  it("is a port for the service that no tunnel has", () => {
    assert.deepEqual(candidatePorts("redis", []).slice(0, 2), [6579, 6580]);
    assert.equal(candidatePorts("redis", [tunnelItem()])[0], 6580);
    assert.equal(candidatePorts("mysql", [])[0], 3307);
  });

  it("is the far end's name, with a number if the name is taken", () => {
    assert.equal(suggestName(DRAFT, []), "cache");
    assert.equal(suggestName(DRAFT, [tunnelItem()]), "cache-2");
  });

  it("is the service's name if the far end has none", () => {
    assert.equal(suggestName({ service: "mysql", target: "192.0.2.1:3406" }, []), "mysql");
    assert.equal(suggestName({ service: "redis", target: "[::1]:3406" }, []), "redis");
  });
});

describe("another port", () => {
  for (const [listen, proposed] of [
    [6579, "7000"],
    ["127.0.0.1:6579", "127.0.0.1:7000"],
    ["[::1]:6579", "[::1]:7000"],
    ["/run/user/1000/cache.sock", "7000"],
  ] as const) {
    it(`is proposed as ${proposed} for ${listen}`, () => {
      assert.equal(listenAt(listen, 7000), proposed);
      assert.equal(draftFault({ listen: listenAt(listen, 7000) }, JUDGE), undefined);
    });
  }

  it("is written as a number, and an address as text", () => {
    assert.deepEqual([listenValue(" 7000 "), listenValue("127.0.0.1:7000 ")], [7000, "127.0.0.1:7000"]);
  });
});

describe("the entry", () => {
  it("has its port as a number, and no default values", () => {
    assert.deepEqual(candidateEntry(DRAFT), { service: "redis", listen: 6579, target: "cache.example.com:6479", key: "team" });
  });

  it("keeps an ad-hoc tunnel open when no window wants it, and is valid", () => {
    const entry = adHocEntry(DRAFT);
    assert.deepEqual(entry, { ...candidateEntry(DRAFT), keepOpen: true });
    assert.deepEqual(faultsOf(entry), []);
  });

  it("is just the answers again when it is saved to a file", () => {
    assert.deepEqual(savedEntry(adHocEntry(DRAFT)), candidateEntry(DRAFT));
    assert.deepEqual(draftOf("cache", savedEntry(adHocEntry(DRAFT))), DRAFT);
  });

  it("can be turned back into the answers", () => {
    assert.deepEqual(draftOf("cache", candidateEntry(DRAFT)), DRAFT);
  });

  it("can't be turned back into answers when it says more than was asked", () => {
    assert.equal(draftOf("cache", { ...candidateEntry(DRAFT), env: {} }), undefined);
  });
});

describe("what an approval covers", () => {
  const facts = approvedFacts();

  it("is what was typed when every fact is as typed", () => {
    assert.equal(isAsTyped(facts, DRAFT), true);
  });

  it("is also what was typed when port 0 has become a real port", () => {
    assert.equal(isAsTyped(approvedFacts({ listen: "127.0.0.1:41234" }), { ...DRAFT, listen: "0" }), true);
  });

  const differences: readonly (readonly [string, Partial<ApprovalFacts>])[] = [
    ["another role", { role: "server" }],
    ["another port", { listen: "127.0.0.1:6580" }],
    ["another address", { listen: "192.0.2.1:6579" }],
    ["a port that others can reach", { beyondLoopback: true }],
    ["another target", { target: "evil.example.com:6479" }],
    ["another key", { keys: [{ source: "other", fingerprint: "aaaa-bbbb" }] }],
    ["a second key", { keys: [...facts.keys, ...facts.keys] }],
    ["a variable", { env: { A: "1" } }],
    ["an outgoing address", { bind: "192.0.2.1" }],
    ["a user", { user: "me" }],
    ["a database", { database: "1" }],
    ["no forward secrecy", { forwardSecrecy: "off" }],
    ["another name", { name: "other" }],
  ];
  for (const [what, more] of differences) {
    it(`is not what was typed when there is ${what}`, () => {
      assert.equal(isAsTyped(approvedFacts(more), DRAFT), false);
    });
  }
});
