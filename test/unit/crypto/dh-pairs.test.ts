/** Key pairs made ahead: each is right, is given out once, and is made in a pause. */
import assert from "node:assert/strict";
import { DhPairs } from "../../../daemon/crypto/dh-pairs.ts";
import { systemRandom } from "../../../daemon/crypto/random.ts";
import { FakeTime } from "../../support/lifecycle/fake-time.ts";
import { sameBytes } from "../../support/wire/bytes.ts";
import { SUITES } from "../../support/wire/suites.ts";

for (const suite of SUITES)
  describe(`key pairs made ahead on the ${suite.name} suite`, () => {
    const start = (): { readonly pairs: DhPairs; readonly time: FakeTime } => {
      const time = new FakeTime();
      return { pairs: new DhPairs({ suite, random: systemRandom, timers: { after: (ms, action) => time.after(ms, action) } }), time };
    };

    it("are none before the first is wanted, then as many as may wait", () => {
      const { pairs, time } = start();
      time.pass(1_000);
      assert.equal(pairs.waiting, 0);
      pairs.take();
      time.pass(4);
      assert.equal(pairs.waiting, 0);
      time.pass(1);
      assert.equal(pairs.waiting, 1, "one at a time");
      time.pass(1_000);
      assert.equal(pairs.waiting, 16);
    });

    it("are each the group's, given out once", () => {
      const { pairs, time } = start();
      const taken = [pairs.take()];
      time.pass(1_000);
      for (let count = 0; count < 20; count += 1) taken.push(pairs.take());
      for (const { privateValue, publicValue } of taken) sameBytes(publicValue, suite.dhPublic(privateValue));
      assert.equal(new Set(taken.map(({ privateValue }) => Buffer.from(privateValue).toString("hex"))).size, taken.length);
    });

    it("are made again after some were taken", () => {
      const { pairs, time } = start();
      pairs.take();
      time.pass(1_000);
      pairs.take();
      pairs.take();
      assert.equal(pairs.waiting, 14);
      time.pass(1_000);
      assert.equal(pairs.waiting, 16);
    });
  });
