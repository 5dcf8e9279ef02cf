/** Which names a request for metrics may use for the server: those that a web page can't take over. */
import assert from "node:assert/strict";
import { type HostCheck, metricsHosts } from "../../../daemon/programs/metrics-hosts.ts";
import { codeOf } from "../../support/wire/codes.ts";

const OURS = ["127.0.0.1", "127.0.0.1:9479", "localhost", "LocalHost.:1", "127.9.9.9", "[::1]", "[::1]:9479", "[0:0:0:0:0:0:0:1]"];
const FOREIGN = [
  "evil.example",
  "evil.example:9479",
  "127.0.0.1.evil.example",
  "localhost.evil.example",
  "localhost@evil.example",
  "evil.example/localhost",
  "",
  ".",
  ":80",
  "[",
  "localhost:x",
];

describe("a server of metrics on loopback", () => {
  const isOurs = metricsHosts({ given: "127.0.0.1", listensAt: "127.0.0.1", also: undefined });
  for (const name of OURS) it(`is called ${name}`, () => assert.equal(isOurs(name), true));
  for (const name of [...FOREIGN, "192.0.2.1", "[2001:db8::1]"]) it(`is not called ${JSON.stringify(name)}`, () => assert.equal(isOurs(name), false));
  it("accepts a request without a name, as in HTTP/1.0", () => assert.equal(isOurs(undefined), true));
});

describe("a server of metrics beyond loopback", () => {
  const isOurs = metricsHosts({ given: "0.0.0.0", listensAt: "0.0.0.0", also: undefined });
  for (const name of [...OURS, "192.0.2.1:9479", "[2001:db8::1]:9479"]) it(`is called ${name}`, () => assert.equal(isOurs(name), true));
  for (const name of FOREIGN) it(`is not called ${JSON.stringify(name)}`, () => assert.equal(isOurs(name), false));
});

describe("more names for metrics", () => {
  it("are the name that was given as address and the allowed names, in upper or lower case and with any port", () => {
    const isOurs: HostCheck = metricsHosts({ given: "Metrics.internal", listensAt: "192.0.2.7", also: "tunneld, db1.example.com" });
    for (const name of ["metrics.internal:9479", "TUNNELD:1", "db1.example.com."]) assert.equal(isOurs(name), true, name);
    assert.equal(isOurs("db2.example.com"), false);
  });

  for (const also of ["", "a,", "a:9479", "[::1]:9479", "http://a", "a/b", "*"]) {
    it(`can't be ${JSON.stringify(also)}`, () =>
      assert.equal(
        codeOf(() => metricsHosts({ given: "127.0.0.1", listensAt: "127.0.0.1", also })),
        "CONFIG_INVALID",
      ));
  }
});
