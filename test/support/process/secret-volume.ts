/**
 * A folder of secrets like that of the kubelet: the visible names are links to `..data/NAME`, and `..data` is a link to
 * a folder with a time stamp. A rotation makes a new such folder, replaces `..data` by a rename and removes the old
 * folder. Kubernetes, pkg/volume/util/atomic_writer.go.
 */
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** Who may read the files. */
export interface SecretModes {
  /** The mode of the files; a Secret's `defaultMode`. */
  readonly file: number;
  /** The pod's `fsGroup`; left out: none. Only root can give a file to another group. */
  readonly gid?: number;
}

/** See the file's header. */
export class SecretVolume {
  readonly path: string;
  readonly #modes: SecretModes;
  #generation = 0;
  #current: string | undefined;

  constructor(path: string, modes: SecretModes) {
    this.path = path;
    this.#modes = modes;
    mkdirSync(path);
    this.#give(path, modes.gid === undefined ? 0o1777 : 0o3777);
  }

  /** The path to write in an entry. */
  file(name: string): string {
    return join(this.path, name);
  }

  /** Writes these secrets and replaces earlier ones; each has a name, or a path of one folder and a name. */
  write(secrets: Readonly<Record<string, Uint8Array>>): void {
    this.#generation += 1;
    const stamp = `..2026_11_26_0${this.#generation}`;
    const folder = join(this.path, stamp);
    mkdirSync(folder);
    for (const [name, bytes] of Object.entries(secrets)) {
      if (name.includes("/")) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        this.#give(dirname(join(folder, name)), this.#modes.gid === undefined ? 0o755 : 0o2755);
      }
      writeFileSync(join(folder, name), bytes);
      this.#give(join(folder, name), this.#modes.file);
    }
    this.#give(folder, this.#modes.gid === undefined ? 0o755 : 0o2755);
    symlinkSync(stamp, join(this.path, "..data_tmp"));
    renameSync(join(this.path, "..data_tmp"), join(this.path, "..data"));
    if (this.#current === undefined) for (const name of new Set(Object.keys(secrets).map(firstPart))) symlinkSync(join("..data", name), this.file(name));
    else rmSync(this.#current, { recursive: true });
    this.#current = folder;
  }

  #give(path: string, mode: number): void {
    if (this.#modes.gid !== undefined) chownSync(path, -1, this.#modes.gid);
    chmodSync(path, mode);
  }
}

/** The visible name: the first folder of a path with folders, which a volume's "items" may give. */
function firstPart(name: string): string {
  return name.split("/")[0] ?? name;
}
