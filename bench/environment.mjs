/**
 * Where a result comes from: without the machine, its load and the versions, numbers in a file mean nothing.
 * The description does not name the user or the machine.
 */
import { readFileSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { run } from "../scripts/lib/own.mjs";
import { root, sha256, tunneld } from "../scripts/lib/project.mjs";

/** Machine, versions and commit, as plain data. */
export async function describeEnvironment({ spiped, redisServer }) {
  const git = async (...args) => (await run("git", args, { cwd: root })).stdout.trim();
  const version = async (command, flag) => {
    const { stdout, stderr } = await run(command, [flag]);
    return (stdout || stderr).trim().split("\n")[0];
  };
  return {
    commit: (await git("rev-parse", "HEAD")) || null,
    uncommittedChanges: (await git("status", "--porcelain", "--", "shared", "daemon", "package-lock.json")) !== "",
    bundleSha256: sha256(readFileSync(tunneld)),
    node: process.version,
    openssl: process.versions.openssl,
    spiped: await version(spiped, "-v"),
    redis: await version(redisServer, "--version"),
    kernel: release(),
    processor: cpus()[0]?.model ?? "unknown",
    processors: availableParallelism(),
    memoryBytes: totalmem(),
    loadAtStart: loadavg(),
  };
}
