/** The recordings in test/vectors, split into the steps of spiped's DESIGN.md. */
import { readdirSync, readFileSync } from "node:fs";
import type { ForwardSecrecy } from "../../../daemon/protocol/handshake.ts";
import type { Role } from "../../../daemon/protocol/wire.ts";
import { fromHex } from "./bytes.ts";

const FOLDER = new URL("../../vectors/", import.meta.url);
const NONCE_END = 32;
const DH_END = NONCE_END + 256;
const HANDSHAKE_END = DH_END + 32;

/** Everything one end sent. */
interface RecordedSide {
  readonly wire: Uint8Array;
  readonly nonce: Uint8Array;
  readonly dhPublic: Uint8Array;
  readonly handshake: Uint8Array;
  readonly packets: Uint8Array;
  readonly plain: Uint8Array;
  /** "off" if the end ran with -f. */
  readonly forwardSecrecy: ForwardSecrecy;
}

export interface Transcript {
  readonly name: string;
  readonly keyFile: Uint8Array;
  readonly sides: Readonly<Record<Role, RecordedSide>>;
}

function field(json: Readonly<Record<string, unknown>>, name: string): unknown {
  if (!(name in json)) throw new RangeError(`a vector has no ${name}`);
  return json[name];
}

function side(json: Readonly<Record<string, unknown>>, names: { readonly wire: string; readonly plain: string; readonly flags: string }): RecordedSide {
  const wire = fromHex(String(field(json, names.wire)));
  const flags = field(json, names.flags);
  return {
    wire,
    nonce: wire.slice(0, NONCE_END),
    dhPublic: wire.slice(NONCE_END, DH_END),
    handshake: wire.slice(0, HANDSHAKE_END),
    packets: wire.slice(HANDSHAKE_END),
    plain: fromHex(String(field(json, names.plain))),
    forwardSecrecy: Array.isArray(flags) && flags.includes("-f") ? "off" : "prefer",
  };
}

function load(file: string): Transcript {
  const json = JSON.parse(readFileSync(new URL(file, FOLDER), "utf8")) as Record<string, unknown>;
  return {
    name: String(field(json, "name")),
    keyFile: fromHex(String(field(json, "keyFileHex"))),
    sides: {
      client: side(json, { wire: "clientToServerHex", plain: "clientPlaintextHex", flags: "encryptFlags" }),
      server: side(json, { wire: "serverToClientHex", plain: "serverPlaintextHex", flags: "decryptFlags" }),
    },
  };
}

export const TRANSCRIPTS: readonly Transcript[] = readdirSync(FOLDER)
  .filter((file) => file.endsWith(".json"))
  .map(load);
