/**
 * The requests about keys: those of the key folder and those of this session. A
 * key goes in and never comes out, except to a file of the user. Parameters have
 * been validated by the session, which logs none of their values. JavaScript can't
 * wipe the text of a request; every decoded copy is wiped.
 */
import { isAbsolute } from "node:path";
import type { Result } from "../../shared/contract/methods.ts";
import { TunnelError, wordsOf } from "../../shared/errors.ts";
import { message } from "../../shared/message.ts";
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

/** Their handlers. Tunnels that wait for a key are looked at again after each change. */
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
      if (!isAbsolute(path))
        throw new TunnelError("CONFIG_INVALID", message("{0} is not an absolute path: name the whole path of the new file", plainText(path)));
      keyFolder.exportKey(name, path).fill(0);
      return { path };
    },
  };
}

/** A file's bytes come as base64, because JSON has no bytes; nobody wrote this base64 by hand, so it must be exact. */
function importFile(keyFolder: KeyFolder, name: string, data: string): string {
  const bytes = Buffer.from(data, "base64");
  try {
    if (bytes.toString("base64") !== data)
      throw new TunnelError("CONFIG_INVALID", message("the bytes of the key file are not base64: the client is faulty, update it"));
    return keyFolder.importKey(name, { form: "bytes", bytes });
  } finally {
    bytes.fill(0);
  }
}

function listKeys(keyFolder: KeyFolder, sessionKeys: SessionKeys): Result<"keys/list"> {
  const keys: Result<"keys/list">["keys"] = sessionKeys.list().map((key) => ({ ...key, stored: "session" }));
  const faults: NonNullable<Result<"keys/list">["faults"]> = [];
  for (const { name, fingerprint, form, fault } of keyFolder.list()) {
    if (fingerprint !== undefined) keys.push({ name, fingerprint, stored: "folder", ...(form && { form }) });
    else if (fault) faults.push({ name, ...wordsOf(fault) });
  }
  return faults.length > 0 ? { keys, faults } : { keys };
}
