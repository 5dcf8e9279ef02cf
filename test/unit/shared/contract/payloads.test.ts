/**
 * Rules of change: payloads that were once sent are still read, and unknown fields
 * are ignored.
 */
import assert from "node:assert/strict";
import { METHODS, type MethodName, NOTIFICATIONS, type NotificationName } from "../../../../shared/contract/methods.ts";
import { PAYLOADS, withUnknownFields } from "../../../support/rpc/payloads.ts";

const methods = Object.keys(METHODS) as MethodName[];
const notifications = Object.keys(NOTIFICATIONS) as NotificationName[];

describe("payloads of protocol 1", () => {
  it("are recorded for every request and notification of the contract", () => {
    assert.deepEqual([Object.keys(PAYLOADS.requests).sort(), Object.keys(PAYLOADS.notifications).sort()], [[...methods].sort(), [...notifications].sort()]);
  });

  for (const [name, { params, result }] of Object.entries(PAYLOADS.requests) as [MethodName, (typeof PAYLOADS.requests)[MethodName]][]) {
    it(`${name}: its parameters are read whole`, () => assert.deepEqual(METHODS[name].params.parse(params), params));
    it(`${name}: its result is read whole`, () => assert.deepEqual(METHODS[name].result.parse(result), result));
    it(`${name}: unknown fields are tolerated and dropped`, () => {
      assert.deepEqual([METHODS[name].params.parse(withUnknownFields(params)), METHODS[name].result.parse(withUnknownFields(result))], [params, result]);
    });
  }

  for (const [name, { params, result }] of Object.entries(PAYLOADS.extended) as [MethodName, { params: object; result: object }][]) {
    it(`${name}: fields that came later are read`, () => {
      assert.deepEqual([METHODS[name].params.parse(params), METHODS[name].result.parse(result)], [params, result]);
    });
  }

  for (const [name, params] of Object.entries(PAYLOADS.leastParams) as [MethodName, object][]) {
    it(`${name}: optional fields may be left out`, () => assert.deepEqual(METHODS[name].params.parse(params), params));
  }

  for (const [name, params] of Object.entries(PAYLOADS.notifications) as [NotificationName, object][]) {
    it(`${name}: the notification is read whole, unknown fields tolerated`, () => {
      assert.deepEqual([NOTIFICATIONS[name].params.parse(params), NOTIFICATIONS[name].params.parse(withUnknownFields(params))], [params, params]);
    });
  }
});
