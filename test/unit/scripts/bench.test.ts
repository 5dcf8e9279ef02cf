/** What the bench makes of its figures: ratios within a round, what is reached, and the picture. */
import assert from "node:assert/strict";
import { pictures } from "../../../bench/picture.mjs";
import { judgeAims } from "../../../bench/report.mjs";
import { summarize } from "../../../bench/rounds.mjs";

const METRIC = { id: "redis.20.rate" };
const ENVIRONMENT = { processor: "A <fast> & cheap one", processors: 2, node: "v20", spiped: "spiped 1.6.2" };

describe("the bench", () => {
  it("takes a ratio within each round, and the median of these", () => {
    // The machine is ten times as slow in the second round.
    const [summary] = summarize([METRIC], { "redis.20.rate": { native: [120, 12, 150], spiped: [100, 10, 100] } });
    assert.deepEqual(summary?.toSpiped["native"], { median: 1.2, lowest: 1.2, highest: 1.5 });
    assert.equal(summary?.medians["native"], 120);
  });

  it("leaves out what was not measured", () => {
    const [summary, ...others] = summarize([METRIC, { id: "other" }], { "redis.20.rate": { native: [1] } });
    assert.deepEqual([summary?.toSpiped, others], [{}, []]);
    assert.deepEqual(judgeAims(summary ? [summary] : []), []);
  });

  for (const [rate, reached] of [
    [1.2, true],
    [1.19, false],
  ] as const)
    it(`says whether an aim is reached: ${rate} of spiped's`, () => {
      const summaries = summarize([METRIC], { "redis.20.rate": { native: [rate], spiped: [1] } });
      assert.deepEqual(
        judgeAims(summaries).map((aim) => [aim.value, aim.reached]),
        [[`${rate.toFixed(2)} × spiped`, reached]],
      );
    });

  it("draws longer bars for better figures, whichever way is better, and no markup of the machine's name", () => {
    const metrics = [
      ...summarize([METRIC], { "redis.20.rate": { native: [2], spiped: [1] } }),
      ...summarize([{ id: "connect.p50" }], { "connect.p50": { native: [1], spiped: [2] } }),
    ];
    for (const picture of Object.values(pictures({ metrics, environment: ENVIRONMENT, date: "2026-01-02" }))) {
      assert.equal(picture.match(/>2\.00</g)?.length, 2);
      assert.match(picture, /2026-01-02, A &lt;fast&gt; &amp; cheap one, 2 processors/);
    }
  });
});
