/**
 * The requests about keys: those of the key folder and those of this session.
 * A key goes in and never comes out, but to a file of the user's. Parameters
 * have been validated by the session, which logs none of their values. What a
 * request's text was can't be wiped in JavaScript; every decoded copy is.
 */
import { isAbsolute } from "node:path";
import type { Result } from "../../shared/contract/methods.ts";
import { TunnelError } from "../../shared/errors.ts";
import { plainText } from "../../shared/plain-text.ts";
import type { KeyFolder } from "../keys/key-folder.ts";
import type { SessionKeys } from "../keys/session-keys.ts";
import type { Manager } from "../tunnels/manager.ts";
import type { Handlers } from "./session.ts";

/** What these requests act on. */
export interface KeyHandlerContext {
  readonly manager: Pick<Manager, "refresh">;
  readonly keyFolder: KeyFolder;
  readonly sessionKeys: SessionKeys;
}

type KeyMethod = "keys/put" | "keys/list" | "keys/forget" | "keys/generate" | "keys/import" | "keys/export";

/** Their handlers. Whatever waits for a key is looked at again after each change. */
export function keyHandlers({ manager, keyFolder, sessionKeys }: KeyHandlerContext): Pick<Handlers, KeyMethod> {
  const changed = async <T>(result: T): Promise<T> => {
    await manager.refresh(() => true);
    return result;
  };
  return {
    "keys/put": (_, { name, key }) => changed({ fingerprint: sessionKeys.put(name, { form: "base64", text: key }) }),
    "keys/list": () => listKeys(keyFolder, sessionKeys),
    "keys/forget": (_, { name, stored = "session" }) => changed({ forgotten: stored === "folder" ? keyFolder.forget(name) : sessionKeys.forget(name) }),
    "keys/generate": (_, { name }) => changed({ fingerprint: keyFolder.generate(name) }),
    "keys/import": (_, { name, form, data }) =>
      changed({ fingerprint: form === "bytes" ? importFile(keyFolder, name, data) : keyFolder.importKey(name, { form, text: data }) }),
    "keys/export": (_, { name, path }) => {
      if (!isAbsolute(path)) throw new TunnelError("CONFIG_INVALID", `${plainText(path)} is not an absolute path: name the whole path of the new file`);
      keyFolder.exportKey(name, path).fill(0);
      return { path };
    },
  };
}

/** A file's bytes come as base64, JSON has none; nobody wrote this by hand, so it is base64 to the letter. */
function importFile(keyFolder: KeyFolder, name: string, data: string): string {
  const bytes = Buffer.from(data, "base64");
  try {
    if (bytes.toString("base64") !== data) throw new TunnelError("CONFIG_INVALID", "the bytes of the key file are not base64: the client is faulty, update it");
    return keyFolder.importKey(name, { form: "bytes", bytes });
  } finally {
    bytes.fill(0);
  }
}

function listKeys(keyFolder: KeyFolder, sessionKeys: SessionKeys): Result<"keys/list"> {
  const keys: Result<"keys/list">["keys"] = sessionKeys.list().map((key) => ({ ...key, stored: "session" }));
  const faults: NonNullable<Result<"keys/list">["faults"]> = [];
  for (const { name, fingerprint, fault } of keyFolder.list()) {
    if (fingerprint !== undefined) keys.push({ name, fingerprint, stored: "folder" });
    else if (fault) faults.push({ name, code: fault.code, message: fault.message });
  }
  return faults.length > 0 ? { keys, faults } : { keys };
}
