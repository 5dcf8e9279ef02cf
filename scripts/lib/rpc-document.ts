/**
 * Makes docs/RPC.md from the contract itself: methods, notifications, types,
 * bounds and codes. Pure; scripts/rpc-docs.mjs writes the file, and a test fails
 * when file and contract differ.
 */
import * as z from "zod";
import { HELLO_TIMEOUT_MS, MAX_CLIENTS, MAX_REQUESTS, MAX_UNREAD_BYTES } from "../../daemon/rpc/limits.ts";
import { MAX_LEASES, MAX_PINS } from "../../daemon/tunnels/leases.ts";
import { MAX_HEADER_BYTES } from "../../shared/contract/frame-decoder.ts";
import { MAX_MESSAGE_BYTES, METHODS, NOTIFICATIONS } from "../../shared/contract/methods.ts";
import { connectionSchema, daemonSchema, failureSchema, reasonSchema, tunnelSchema, userSchema } from "../../shared/contract/state.ts";
import { PROTOCOL_VERSION } from "../../shared/contract/version.ts";
import { ERROR_CODES } from "../../shared/errors.ts";

/** The part of JSON Schema that zod makes from the contract. */
interface Schema {
  readonly type?: string;
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly enum?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly $ref?: string;
  readonly allOf?: readonly Schema[];
  readonly anyOf?: readonly Schema[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly maxItems?: number;
}

/** Objects that occur more than once are described once, under this name. */
const TYPES: Readonly<Record<string, z.ZodType>> = {
  Daemon: daemonSchema,
  Tunnel: tunnelSchema,
  Connection: connectionSchema,
  Failure: failureSchema,
  Reason: reasonSchema,
  User: userSchema,
  Problem: NOTIFICATIONS["config/problems"].params.shape.problems.element,
  Approval: NOTIFICATIONS["approval/needed"].params,
  LogEntry: NOTIFICATIONS["log/entry"].params,
};

/** JSON-RPC's own numbers, as the daemon uses them. */
const JSON_RPC_CODES: readonly (readonly [number, string, string])[] = [
  [-32_600, "`DAEMON_VERSION`", "a request before `hello`"],
  [-32_601, "`DAEMON_VERSION`", "a method this daemon does not know: it is older than its client"],
  [-32_602, "`CONFIG_INVALID`", "parameters that are not valid; the message names the field"],
  [-32_603, "none", "a fault inside the daemon; its log says more"],
  [-32_000, "any of the codes below", "everything else; the message is one sentence with cause and cure"],
];

/** The whole of docs/RPC.md. */
export function rpcDocument(): string {
  const parts = [
    introduction(),
    "## Requests\n",
    ...Object.entries(METHODS).map(([name, { about, params, result }]) =>
      section(`### \`${name}\``, [about, block("Parameters", schemaOf(params, "input")), block("Result", schemaOf(result, "output"))]),
    ),
    "## Notifications\n\nFrom the daemon to every client that has said hello; `log/entry` and `stats/sample` only to those that subscribed.\n",
    ...Object.entries(NOTIFICATIONS).map(([name, { about, params }]) => section(`### \`${name}\``, [about, block("Parameters", schemaOf(params, "output"))])),
    "## Types\n",
    ...Object.entries(TYPES).map(([name, type]) => section(`### ${name}`, [table(schemaOf(type, "output", name))])),
    errors(),
  ];
  return `${parts.join("\n").trimEnd()}\n`;
}

function introduction(): string {
  const example = '{"jsonrpc":"2.0","id":1,"method":"keys/list","params":{}}';
  return `# The daemon's RPC

<!-- Made from shared/contract/ by: node --import tsx scripts/rpc-docs.mjs -->

How VS Code windows, the command line and anything else talk to \`tunneld daemon\`. Protocol version **${PROTOCOL_VERSION}**.
This file is made from the contract in \`shared/contract/methods.ts\`; don't edit it, run \`node --import tsx scripts/rpc-docs.mjs\`.

## Transport

A unix socket (0600 in a 0700 folder, both the user's; a client checks that before it connects), on Windows a named pipe. JSON-RPC 2.0 with
the framing of the Language Server Protocol, UTF-8:

    Content-Length: ${Buffer.byteLength(example)}\\r\\n
    \\r\\n
    ${example}

Where the socket is: \`/run/user/UID/tunneld/\` on Linux (else \`/tmp/tunneld-UID/\`, or \`~/.local/state/encrypted-tunnels/run/\` where another user has that), \`~/Library/Application Support/encrypted-tunnels/run/\` on
macOS, \`DIR/run/\` with \`--state-dir DIR\`. A file beside it, of the same name and ending in \`.json\`, says who listens.

## Rules

- The first request is \`hello\`, once, within ${HELLO_TIMEOUT_MS / 1000} s. A daemon of another protocol version refuses it with \`DAEMON_VERSION\`.
- What a client wants of the daemon (leases, subscriptions) ends with its connection; tunnels then linger (60 s for a window, not at all for commands).
- Parameters are objects. Unknown fields are ignored, new fields are optional, nothing is renamed: what was sent once is understood for ever.
- Requests may overlap; answers come as they are ready. \`$/cancelRequest\` and other notifications from a client are ignored: every request is answered.
- Times are milliseconds since the Unix epoch (\`…AtMs\`, \`sinceMs\`), durations milliseconds, sizes bytes.
- A daemon that says \`daemon/closing\` with another reason than \`replaced\` ends on purpose: don't start it again unasked.
- What changes the daemon's memory (pins, approvals, what is open or closed) waits while the daemon hands over. Once it has, it says
  \`daemon/closing\` and refuses with \`DAEMON_UNREACHABLE\`: nothing was done, ask its successor.
- A change is answered when it is on the disk. One that can't be written is answered with \`STATE_NOT_SAVED\`: what gives something (an approval,
  a pin, a tunnel opened again) is then as it was; what takes something away (revoked, unpinned, closed) holds until the daemon ends, which tries
  to write it again. Asked again, it says so again, until it is written.

| Bound | | Beyond it |
|---|---|---|
| a message | ${MAX_MESSAGE_BYTES} bytes | refused by its header, before it is read; the connection is closed |
| a message's header | ${MAX_HEADER_BYTES} bytes | the connection is closed |
| clients at once | ${MAX_CLIENTS} | the newcomer is turned away |
| leases of one client, each tunnel counted for each scope | ${MAX_LEASES} | the request is refused: \`LIMIT_REACHED\` |
| pins | ${MAX_PINS} | the request is refused: \`LIMIT_REACHED\` |
| requests of one client under way | ${MAX_REQUESTS} | no more is read until some are answered |
| bytes that wait for a client that does not read | ${MAX_UNREAD_BYTES} | the connection is closed |

A message that is not JSON, a batch, a response nobody asked for or an id that is in use close the connection as well. Each is logged; other clients are not disturbed.
`;
}

function errors(): string {
  const rows = JSON_RPC_CODES.map(([code, data, when]) => `| ${code} | ${data} | ${when} |`);
  return `## Errors

\`error.data.code\` is a failure code of this project, where there is one; \`error.code\` is JSON-RPC's. \`error.data.hint\`, if it is there, is the end of
the message that is of use in a terminal only; \`error.data.reason\` ([Reason](#reason)) is the rest of it as template and arguments, to be said in
another language.

| \`error.code\` | \`error.data.code\` | when |
|---|---|---|
${rows.join("\n")}

Failure codes, the same in states, logs and counters ([what each means and its cure](CODES.md)):
${ERROR_CODES.map((code) => `\`${code}\``).join(" · ")}
`;
}

function section(heading: string, paragraphs: readonly string[]): string {
  return `${[heading, ...paragraphs].join("\n\n")}\n`;
}

/** A type of {@link TYPES} becomes a link; an object without fields becomes a word. */
function block(title: string, schema: Schema): string {
  if (schema.$ref !== undefined) return `${title}: ${typeOf(schema)}`;
  if (Object.keys(schema.properties ?? {}).length === 0) return `${title}: none`;
  return `${title}:\n\n${table(schema)}`;
}

function table(schema: Schema): string {
  return ["| Field | Type | |", "|---|---|---|", ...rows(schema, "")].join("\n");
}

function rows(schema: Schema, prefix: string): readonly string[] {
  return Object.entries(schema.properties ?? {}).flatMap(([name, field]) => {
    const path = `${prefix}${name}`;
    const optional = schema.required?.includes(name) ? "" : "?";
    const inner = field.properties ? rows(field, `${path}.`) : field.items?.properties ? rows(field.items, `${path}[].`) : [];
    return [`| \`${path}${optional}\` | ${typeOf(field)} | ${cell(field.description ?? "")} |`, ...inner];
  });
}

function typeOf(schema: Schema): string {
  const [inherited] = schema.allOf ?? [];
  const ref = schema.$ref ?? inherited?.$ref;
  // A type within itself: only a reason is.
  if (ref === "#") return "[Reason](#reason)";
  if (ref !== undefined) {
    const name = ref.slice(ref.lastIndexOf("/") + 1);
    return `[${name}](#${name.toLowerCase()})`;
  }
  if (schema.enum) return schema.enum.length > 12 ? "a failure code" : schema.enum.map((value) => `\`"${value}"\``).join(", ");
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.items) return `array of ${typeOf(schema.items)}${schema.maxItems === undefined ? "" : `, at most ${schema.maxItems}`}`;
  if (typeof schema.additionalProperties === "object" && !schema.properties) return `object of ${typeOf(schema.additionalProperties)}`;
  return `${schema.type ?? "any"}${range(schema)}`;
}

function range({ minimum, maximum, maxLength }: Schema): string {
  const low = minimum !== undefined && minimum > Number.MIN_SAFE_INTEGER ? `from ${minimum}` : "";
  const high = maximum !== undefined && maximum < Number.MAX_SAFE_INTEGER ? `to ${maximum}` : "";
  const length = maxLength === undefined ? "" : `at most ${maxLength} characters`;
  const all = [low, high, length].filter((part) => part !== "").join(" ");
  return all === "" ? "" : `, ${all}`;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

/** `self`: the type that is being described; it must not become a reference to itself. */
function schemaOf(type: z.ZodType, io: "input" | "output", self?: string): Schema {
  const ids = new Map(Object.entries(TYPES).flatMap(([id, known]) => (id === self ? [] : [[known, id]])));
  // This registry decides which types become references; the descriptions are in zod's global registry.
  const get = (one: z.ZodType): object | undefined => (ids.has(one) ? { ...z.globalRegistry.get(one), id: ids.get(one) } : z.globalRegistry.get(one));
  return z.toJSONSchema(type, { io, metadata: { get, has: (one: z.ZodType) => get(one) !== undefined } as never }) as Schema;
}
