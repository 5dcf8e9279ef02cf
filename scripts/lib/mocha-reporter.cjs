/**
 * Mocha's own spec reporter, and a summary file for scripts/test.mjs, which adds up several mocha processes.
 * CommonJS, because mocha loads a reporter with require().
 */
const { writeFileSync } = require("node:fs");
const { reporters } = require("mocha");

module.exports = class SummaryReporter extends reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    this.summary = { passed: 0, failed: [], skipped: [], passedIn: {} };
    this.summaryPath = options.reporterOptions.summary;
    runner.on("pass", ({ file }) => {
      this.summary.passed += 1;
      this.summary.passedIn[file] = (this.summary.passedIn[file] ?? 0) + 1;
    });
    runner.on("fail", (test, error) => this.summary.failed.push({ title: test.fullTitle(), message: String(error?.message ?? error), file: test.file }));
    runner.on("pending", (test) => this.summary.skipped.push(test.fullTitle()));
  }

  done(failures, callback) {
    writeFileSync(this.summaryPath, JSON.stringify(this.summary));
    callback(failures);
  }
};
