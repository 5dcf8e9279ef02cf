/**
 * The RPC between the daemon and its clients (VS Code windows, the command
 * line): every request and notification with its parameters and result, in one
 * place. JSON-RPC 2.0 with LSP framing, over a unix socket or named pipe.
 * docs/RPC.md is checked against this table. Rules of change: new fields are
 * optional, unknown ones are ignored, nothing is renamed.
 */
import * as z from "zod";
import { ERROR_CODES } from "../errors.ts";
import { diagnosisProgressSchema, diagnosisSchema } from "./diagnosis.ts";
import { daemonSchema, failureSchema, reasonSchema, tunnelSchema } from "./state.ts";
import { entrySchema } from "./tunnels-file.ts";

/** A message may be this long; a longer one is refused before it is parsed. */
export const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;

const none = z.object({});
const configPath = z.string().max(4_096).describe("Absolute path of the tunnels.json.");
const name = z.string().max(64).describe("Name of the tunnel in that file.");
/** A client's path must be absolute: the daemon's own folder is no place to look from. POSIX, and Windows with a drive or a share. */
const absoluteConfigPath = configPath.refine((path) => /^(?:\/|[A-Za-z]:[\\/]|\\\\)/.test(path), { error: "must be an absolute path" });
const tunnelRef = z.object({ configPath: absoluteConfigPath, name });
const logEntry = z.object({
  atMs: z.number(),
  level: z.enum(["debug", "info", "warn", "error"]),
  message: z.string(),
  tunnel: z.string().optional().describe("Name of the tunnel it is about."),
  configPath: z.string().optional().describe("The tunnels.json of that tunnel: tells two of one name apart."),
  code: z.string().optional().describe("Failure code, where there is one."),
});
const problem = z.object({
  code: z.string(),
  message: z.string(),
  text: reasonSchema.optional().describe("What `message` says, as template and arguments."),
  path: z.string().describe("The file."),
  offset: z.int().min(0).describe("Where it begins, in UTF-16 units."),
  length: z.int().min(0),
  line: z.int().min(1),
  column: z.int().min(1),
});
const keyName = z.string().max(64).describe("Name of the key.");
const keyForm = z
  .object({
    ends: z.enum(["none", "lf", "crlf", "cr"]),
    hasBom: z.boolean().describe("It begins with a byte order mark."),
    variants: z
      .array(z.object({ how: z.enum(["no-line-end", "lf", "crlf", "no-bom"]), fingerprint: z.string() }))
      .describe("The keys that other copies of the text are."),
  })
  .optional()
  .describe("Where the key file is text, whose line end is part of the key.");
const namedFault = z.object({
  name: z.string(),
  code: z.string(),
  message: z.string().describe("One sentence: cause and cure."),
  reason: failureSchema.shape.reason,
  hint: failureSchema.shape.hint,
});
const approvalFacts = z.object({
  configPath,
  name,
  digest: z.string().describe("What is approved: changes when anything below does."),
  role: z.string(),
  listen: z.string().describe("The resolved address."),
  beyondLoopback: z.boolean().describe("Other machines could connect to it."),
  target: z.string(),
  bind: z.string().optional(),
  keys: z.array(z.object({ source: z.string(), fingerprint: z.string(), shared: z.boolean().optional().describe("A key file that others may read.") })),
  forwardSecrecy: z.enum(["require", "prefer", "off"]).optional().describe("off: whoever gets the key later can read recorded traffic."),
  wire: z.enum(["spiped", "native"]).optional().describe("The only wire that is spoken; left out: whichever both ends know."),
  backend: z.string().optional().describe("Client: the far end's backend that is asked for."),
  targets: z.record(z.string(), z.string()).optional().describe("Server: further services by name."),
  allow: z.array(z.string()).optional().describe("Server: addresses that clients may ask for."),
  env: z.record(z.string(), z.string()),
  tls: z.boolean().optional().describe("The service speaks TLS, and so do the URLs that programs get."),
  user: z.string().optional(),
  database: z.string().optional(),
  approvedBefore: z.boolean().describe("An earlier form of this entry was approved."),
});

/** Requests, client to daemon. */
export const METHODS = {
  hello: {
    about: "First message of every client.",
    params: z.object({
      protocol: z.int().describe("Protocol version the client speaks."),
      client: z.object({ kind: z.string().max(32), name: z.string().max(256), pid: z.int().min(0), version: z.string().max(64) }),
      capabilities: z.array(z.string().max(64)).max(64).optional(),
    }),
    result: daemonSchema,
  },
  "tunnels/set": {
    about: "States the tunnels this client wants for a scope; replaces what it stated for it before. The daemon reconciles; leases end with the connection.",
    params: z.object({ scope: z.string().max(4_096), configPath: absoluteConfigPath, names: z.array(z.string().max(64)).max(1_000) }),
    result: z.object({ tunnels: z.array(tunnelSchema), problems: z.array(problem) }),
  },
  "tunnels/list": {
    about: "All tunnels the daemon knows, with full state.",
    params: z.object({}),
    result: z.object({ daemon: daemonSchema, tunnels: z.array(tunnelSchema) }),
  },
  "tunnel/open": {
    about: "Takes a lease on one tunnel, and opens it even if the user closed it before. With `probe`, makes one connection to verify it.",
    params: tunnelRef.extend({ scope: z.string().max(4_096).optional(), probe: z.boolean().optional() }),
    result: tunnelSchema,
  },
  "tunnel/close": {
    about: "Gives up this client's lease and closes the tunnel for all, until it is opened again. When others use it, nothing changes without `force`.",
    params: tunnelRef.extend({
      force: z.boolean().optional(),
      cut: z.boolean().optional().describe("Also cuts the connections that would go on to their end."),
    }),
    result: z.object({ closed: z.boolean(), othersUsing: z.array(z.object({ kind: z.string(), name: z.string(), pid: z.int() })) }),
  },
  "tunnel/restart": {
    about: "Closes and opens one tunnel; its connections are cut. Refused, and nothing is cut, when it could not be opened again.",
    params: tunnelRef,
    result: tunnelSchema,
  },
  "tunnel/probe": {
    about: "Makes one connection through the tunnel and reports what it showed.",
    params: tunnelRef,
    result: tunnelSchema.extend({
      probed: z
        .object({
          code: z.enum(ERROR_CODES).nullable().describe("null: it works."),
          message: z.string().describe("One sentence, empty when it works."),
          advice: z.string().optional().describe("It works, and clients have to know this."),
        })
        .optional()
        .describe("What this very connection showed, whatever others did meanwhile; missing when none was made."),
    }),
  },
  "tunnel/diagnose": {
    about: "Looks at one tunnel stage by stage and says what is wrong; nothing is sent for an entry that is not approved. Sends diagnosis/progress meanwhile.",
    params: tunnelRef.extend({
      named: z.boolean().optional().describe("The user named this file on a command line: its server entries are looked at without an approval."),
    }),
    result: diagnosisSchema,
  },
  "pin/add": { about: "Keeps a tunnel open whatever clients come and go, also after a restart of the daemon.", params: tunnelRef, result: tunnelSchema },
  "pin/remove": { about: "Takes a pin back.", params: tunnelRef, result: z.object({ removed: z.boolean() }) },
  "keys/put": {
    about: "Supplies a key for this session only: it is kept in memory and never written.",
    params: z.object({ name: z.string().max(64), key: z.string().max(100_000).describe("The key file's bytes, base64.") }),
    result: z.object({ fingerprint: z.string() }),
  },
  "keys/list": {
    about: "The keys by name and fingerprint; never a key itself.",
    params: none,
    result: z.object({
      keys: z.array(z.object({ name: z.string(), fingerprint: z.string(), stored: z.enum(["folder", "session"]), form: keyForm })),
      faults: z.array(namedFault).optional().describe("Keys of the folder that can't be used, and why."),
    }),
  },
  "keys/forget": {
    about: "Forgets a key of this session, or removes one of the key folder for good.",
    params: z.object({ name: z.string().max(64), stored: z.enum(["session", "folder"]).optional().describe("Which one; session when left out.") }),
    result: z.object({ forgotten: z.boolean() }),
  },
  "keys/generate": {
    about: "Makes a key of 32 random bytes in the key folder; refused when there is one of this name.",
    params: z.object({ name: keyName }),
    result: z.object({ fingerprint: z.string() }),
  },
  "keys/import": {
    about: "Takes a key into the key folder; refused when there is one of this name.",
    params: z.object({
      name: keyName,
      form: z.enum(["bytes", "base64", "hex"]).describe("bytes: a key file as it is; base64, hex: text that somebody pasted."),
      data: z
        .string()
        .max(160 * 1024)
        .describe("bytes: the file's bytes, base64; else the text, white space allowed."),
    }),
    result: z.object({ fingerprint: z.string() }),
  },
  "keys/export": {
    about: "Writes a key of the key folder to a new file that only the user can read; never overwrites.",
    params: z.object({ name: keyName, path: z.string().max(4_096).describe("Absolute path of the new file.") }),
    result: z.object({ path: z.string() }),
  },
  "approvals/list": {
    about: "What each entry of a file would do, and whether that is approved.",
    params: z.object({ configPath: absoluteConfigPath, names: z.array(z.string().max(64)).max(1_000).optional() }),
    result: z.object({
      pending: z.array(approvalFacts),
      approved: z.array(
        z.object({
          name: z.string(),
          digest: z.string(),
          entry: z
            .looseObject(entrySchema.shape)
            .optional()
            .describe("The entry that has this digest, with its defaults: whoever uses an entry's words uses these, not what the file says by then."),
        }),
      ),
      problems: z.array(problem),
      unplannable: z
        .array(namedFault)
        .optional()
        .describe("Entries of a right form that can't be opened all the same, and why: their key is missing, for example."),
    }),
  },
  "approvals/grant": {
    about: "Approves exactly what has this digest; refused when the entry has changed meanwhile.",
    params: tunnelRef.extend({ digest: z.string().max(128) }),
    result: z.object({ granted: z.boolean() }),
  },
  "approvals/revoke": { about: "Takes an approval back; the tunnel closes.", params: tunnelRef, result: z.object({ revoked: z.boolean() }) },
  "log/subscribe": {
    about: "Sends log/entry from now on; the last `replay` entries first.",
    params: z.object({ replay: z.int().min(0).max(10_000).optional(), level: z.enum(["debug", "info", "warn", "error"]).optional() }),
    result: z.object({ replayed: z.array(logEntry) }),
  },
  "log/unsubscribe": { about: "Ends log/entry.", params: none, result: none },
  "stats/subscribe": {
    about: "Sends stats/sample at this rate.",
    params: z.object({ intervalMs: z.int().min(100).max(60_000) }),
    result: none,
  },
  "stats/unsubscribe": { about: "Ends stats/sample.", params: none, result: none },
  "daemon/drain": {
    about: "Opens nothing new and ends with the last connection, or at the deadline.",
    params: z.object({ deadlineMs: z.int().min(0).optional() }),
    result: none,
  },
  "daemon/shutdown": { about: "Cuts everything and ends.", params: none, result: none },
  "daemon/replace": {
    about: "Upgrade: starts the program at this path as successor and hands it the listeners; open connections stay with the old process until they end.",
    params: z.object({ program: z.string().max(4_096).describe("Absolute path of the newer tunneld.cjs.") }),
    result: z.object({ pid: z.int() }),
  },
} as const;

/** Notifications, daemon to client. */
export const NOTIFICATIONS = {
  "tunnel/changed": { about: "A tunnel came into another state, or something worth showing changed.", params: tunnelSchema },
  "tunnel/removed": { about: "A tunnel is gone.", params: z.object({ id: z.string() }) },
  "config/problems": { about: "What is wrong with a file now; empty when nothing is.", params: z.object({ configPath, problems: z.array(problem) }) },
  "approval/needed": { about: "An entry that is wanted is not approved in its present form.", params: approvalFacts },
  "diagnosis/progress": { about: "How far a diagnosis has come; only to the client that asked for it.", params: diagnosisProgressSchema },
  "log/entry": { about: "One line of the log.", params: logEntry },
  "stats/sample": { about: "All tunnels, at the subscribed rate.", params: z.object({ atMs: z.number(), tunnels: z.array(tunnelSchema) }) },
  "daemon/closing": { about: "The daemon is about to end.", params: z.object({ reason: z.enum(["idle", "drain", "shutdown", "replaced"]) }) },
} as const;

/** A request's name. */
export type MethodName = keyof typeof METHODS;
/** A notification's name. */
export type NotificationName = keyof typeof NOTIFICATIONS;
/** Parameters of a request, as the client may send them. */
export type Params<M extends MethodName> = z.input<(typeof METHODS)[M]["params"]>;
/** Result of a request. */
export type Result<M extends MethodName> = z.output<(typeof METHODS)[M]["result"]>;
/** Parameters of a notification. */
export type NotificationParams<N extends NotificationName> = z.output<(typeof NOTIFICATIONS)[N]["params"]>;
/** One line of the log. */
export type LogEntry = z.output<typeof logEntry>;
/** One thing that is wrong with a file, and where. */
export type Problem = z.output<typeof problem>;
/** What the user is asked to approve. */
export type ApprovalFacts = z.output<typeof approvalFacts>;
