/**
 * Debian's and Ubuntu's packages, two ways. As root: `apt-get install`, with a policy that starts no service; it never
 * removes a package. As an ordinary user: downloads the same packages and the missing libraries, unpacks them into a
 * folder, and does not touch the system; missing or outdated package lists are fetched into that folder too. Never
 * uses sudo.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { Failure } from "./failure.mjs";
import { withLock } from "./lock.mjs";
import { announce } from "./output.mjs";
import { lastLine, removeFolder, run, undoLater } from "./own.mjs";

const POLICY = "/usr/sbin/policy-rc.d";
const POLICY_ASIDE = `${POLICY}.set-aside-by-encrypted-tunnels`;
/** We recognise our policy by its text: after a killed run it must not keep packages from starting services for ever. */
const POLICY_TEXT = "#!/bin/sh\n# encrypted-tunnels: no service is started while its packages are installed; may be removed.\nexit 101\n";
const SYSTEM_LOCK = "/run/encrypted-tunnels-apt.lock";
/** Unpacking another libc beside the system's loader breaks every program that uses that libc. */
const NEVER_UNPACK = new Set(["libc6", "libc-bin"]);
const PATIENCE = ["DPkg::Lock::Timeout=600", "Acquire::Retries=2", "Acquire::http::Timeout=30", "Acquire::https::Timeout=30"];

export function hasApt() {
  return existsSync("/usr/bin/apt-get") && existsSync("/usr/bin/dpkg-deb");
}

/** Installs the packages for the whole system; needs root. */
export function installPackages(packages) {
  return withLock(SYSTEM_LOCK, {
    onWait: (pid) => announce(`another run (process ${pid}) is installing packages; waiting for it`),
    body: () =>
      withoutServices(async () => {
        const install = async () => {
          const names = await resolveNames(packages, []);
          if (names === null) return { code: 100, stdout: "", stderr: "the package lists are missing" };
          const flags = ["install", "-y", "-q", "--no-install-recommends", "--no-remove"];
          return apt([...flags, ...names], []);
        };
        announce(`apt-get install ${packages.join(" ")}`);
        const result = await refreshAndRetry(install, []);
        if (result.code !== 0)
          throw new Failure(`apt-get could not install ${packages.join(", ")} (${aptCause(result)}): check the network and apt's sources.`);
      }),
  });
}

/** Downloads the packages and their missing dependencies and unpacks them to `folder`, whole or not at all. */
export async function unpackPackages(packages, folder) {
  const workshop = join(dirname(folder), `.${basename(folder)}.${process.pid}`);
  const forget = undoLater(() => removeFolder(workshop));
  const archives = join(workshop, "archives");
  const tree = join(workshop, "tree");
  mkdirSync(archives, { recursive: true });
  mkdirSync(tree);
  try {
    const options = [];
    const download = async () => {
      const names = await missingPackages(packages, options);
      if (names === null) return { code: 100, stdout: "", stderr: "the package lists are missing" };
      announce(`downloading for this user only${await sizeOf(names, options)}: ${names.join(" ")}`);
      return apt(["download", "-q", ...names], options, archives);
    };
    const result = await refreshAndRetry(download, options, join(workshop, "apt"));
    if (result.code !== 0) throw new Failure(`apt-get could not download ${packages.join(", ")} (${aptCause(result)}): check the network and apt's sources.`);
    for (const archive of readdirSync(archives).filter((name) => name.endsWith(".deb"))) {
      const unpacked = await run("dpkg-deb", ["-x", join(archives, archive), tree]);
      if (unpacked.code !== 0) throw new Failure(`${archive} can't be unpacked: ${lastLine(unpacked.stderr)}.`);
    }
    rmSync(folder, { recursive: true, force: true });
    renameSync(tree, folder);
  } finally {
    forget();
  }
}

/** Tries once with the present lists, and a second time after an update: of our own copy of the lists if `ownLists` is given. */
async function refreshAndRetry(attempt, options, ownLists) {
  const first = await attempt();
  if (first.code === 0) return first;
  announce("updating the package lists");
  if (ownLists !== undefined) options.push(...useOwnLists(ownLists));
  // A third-party source that doesn't answer must not stop us: the second attempt shows whether that source was needed.
  await apt(["update", "-q"], options);
  return attempt();
}

function useOwnLists(folder) {
  for (const part of ["state/lists/partial", "cache/archives/partial"]) mkdirSync(join(folder, part), { recursive: true });
  return [
    `Dir::State=${join(folder, "state")}`,
    `Dir::State::lists=${join(folder, "state", "lists")}`,
    "Dir::State::status=/var/lib/dpkg/status",
    `Dir::Cache=${join(folder, "cache")}`,
  ];
}

function apt(args, options, cwd) {
  const flags = [...PATIENCE, ...options].flatMap((option) => ["-o", option]);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive", LC_ALL: "C" };
  // Never killed outright: dpkg must finish the package it is unpacking.
  return run("apt-get", [...flags, ...args], { env, lastSignal: "SIGTERM", ...(cwd === undefined ? {} : { cwd }) });
}

async function aptCache(args, options) {
  const flags = options.flatMap((option) => ["-o", option]);
  const { stdout } = await run("apt-cache", [...flags, ...args], { env: { ...process.env, LC_ALL: "C" } });
  return stdout;
}

function aptCause({ stdout, stderr }) {
  const errors = stderr.split("\n").filter((line) => line.startsWith("E: "));
  return (errors[0]?.slice(3) ?? lastLine(stderr || stdout)).trim().replace(/\.$/, "");
}

/** The packages' names on this system (older Ubuntu has versions in some: mariadb-server-core-10.6), or null if any is unknown. */
async function resolveNames(packages, options) {
  const names = [];
  for (const name of packages) {
    const relatives = (await aptCache(["pkgnames", name], options)).split("\n");
    const versioned = relatives.filter((other) => other.startsWith(`${name}-`) && /^[\d.]+$/.test(other.slice(name.length + 1)));
    const candidates = [name, ...versioned.sort((a, b) => b.localeCompare(a, "en", { numeric: true }))];
    const found = await firstAvailable(candidates, options);
    if (found === undefined) return null;
    names.push(found);
  }
  return names;
}

async function firstAvailable(names, options) {
  for (const name of names) {
    if (/Candidate: (?!\(none\))/.test(await aptCache(["policy", name], options))) return name;
  }
  return undefined;
}

/** The packages and all others that installing them would add; null if any is unknown. */
async function missingPackages(packages, options) {
  const names = await resolveNames(packages, options);
  if (names === null) return null;
  const plan = await apt(["-s", "install", "--no-install-recommends", ...names], options);
  const planned = [...plan.stdout.matchAll(/^Inst (\S+)/gm)].map((match) => match[1]);
  return [...new Set([...names, ...planned])].filter((name) => !NEVER_UNPACK.has(name.split(":")[0]));
}

/** `, 12 MB`, from the package lists; empty when they have no size. */
async function sizeOf(names, options) {
  const { stdout } = await apt(["download", "-q", "--print-uris", ...names], options);
  const bytes = [...stdout.matchAll(/^'[^']*' \S+ (\d+) /gm)].reduce((sum, match) => sum + Number(match[1]), 0);
  return bytes === 0 ? "" : `, ${Math.ceil(bytes / 1e6)} MB`;
}

/** Runs `body` while no package may start a service. An existing policy that forbids services is not changed. */
async function withoutServices(body) {
  // A run was killed with SIGKILL: first restore the machine's own policy, if it has one.
  if (existsSync(POLICY_ASIDE)) renameSync(POLICY_ASIDE, POLICY);
  else if (existsSync(POLICY) && readFileSync(POLICY, "utf8") === POLICY_TEXT) rmSync(POLICY);
  if (existsSync(POLICY)) {
    const verdict = await run(POLICY, ["redis-server", "start"]);
    if (verdict.code === 101) return body();
    renameSync(POLICY, POLICY_ASIDE);
  }
  const restore = undoLater(() => {
    if (existsSync(POLICY_ASIDE)) renameSync(POLICY_ASIDE, POLICY);
    else rmSync(POLICY, { force: true });
  });
  try {
    writeFileSync(POLICY, POLICY_TEXT);
    chmodSync(POLICY, 0o755);
    return await body();
  } finally {
    restore();
  }
}
