/** Which groups this process is in: an orchestrator mounts files for the members of a group. */

/** The groups that this process is in; none on Windows. */
export function ownGroups(): readonly number[] {
  const { getgid, getegid, getgroups } = process;
  return [...new Set([...(getgid ? [getgid()] : []), ...(getegid ? [getegid()] : []), ...(getgroups?.() ?? [])])];
}
