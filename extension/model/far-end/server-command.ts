/**
 * The far end of a tunnel, ready to paste: spiped's command line, units, a Compose
 * file, or our own `tunneld serve`. Comments above each text say how to bring the
 * key to the server and how to check that it is the right key. No text contains the
 * key. docs/SERVER.md has general instructions. Pure.
 */
import { plainText } from "../../../shared/plain-text.ts";
import type { Translate } from "../translate.ts";
import { composeQuote, shellQuote, shellWord, systemdQuote } from "./quoting.ts";
import { portsCollide, type ServerEnd, spipedAddress } from "./server-end.ts";
import { SERVE_UNIT, SPIPED_HARDENING } from "./server-units.ts";

/** The forms, in the order in which they are offered. */
export const SERVER_FORMS = ["spiped", "spiped-unit", "compose", "serve", "serve-unit"] as const;

/** One of {@link SERVER_FORMS}. */
export type ServerForm = (typeof SERVER_FORMS)[number];

/** A text and how an editor should show it. */
export interface ServerText {
  readonly text: string;
  /** VS Code's language id. */
  readonly language: "shellscript" | "ini" | "yaml" | "jsonc";
}

/** The form's name and purpose. */
export function formLabel(form: ServerForm, t: Translate): { readonly label: string; readonly detail: string } {
  switch (form) {
    case "spiped":
      return { label: t("spiped command"), detail: t("One line for a shell on the server.") };
    case "spiped-unit":
      return { label: t("systemd unit for spiped"), detail: t("Starts with the server, as a user of its own.") };
    case "compose":
      return { label: t("Docker Compose file"), detail: t("spiped in a container beside the service.") };
    case "serve":
      return {
        label: t("Configuration for tunneld serve"),
        detail: t("This extension's own far end: any number of targets, a reason for every failure, metrics."),
      };
    case "serve-unit":
      return { label: t("systemd unit for tunneld serve"), detail: t("Runs the configuration for tunneld serve.") };
  }
}

/** Makes one form. */
export function serverText(form: ServerForm, end: ServerEnd, t: Translate): ServerText {
  switch (form) {
    case "spiped":
      return { language: "shellscript", text: join(commented(spipedNotes(end, t), "#"), spipedLine(end, spipedKey(end))) };
    case "spiped-unit":
      return { language: "ini", text: join(commented(spipedUnitNotes(end, t), "#"), spipedUnit(end)) };
    case "compose":
      return { language: "yaml", text: join(commented(composeNotes(end, t), "#"), compose(end)) };
    case "serve":
      return { language: "jsonc", text: join(commented(serveNotes(end, t), "//"), serveConfig(end)) };
    case "serve-unit":
      return { language: "ini", text: join(commented(serveUnitNotes(end, t), "#"), SERVE_UNIT) };
  }
}

/** spiped's command line alone, with the key at `keyPath`. */
export function spipedLine(end: ServerEnd, keyPath: string): string {
  // The addresses are in quotes: brackets are a pattern in a shell.
  const [source, target] = spipedAddresses(end).map(shellQuote);
  return ["spiped", "-d", "-s", source, "-t", target, "-k", shellWord(keyPath), ...spipedOptions(end)].join(" ");
}

/** The values for -s and -t. */
function spipedAddresses(end: ServerEnd, backend = end.backend): readonly [string, string] {
  const source = end.listen.kind === "unix" ? end.listen.path : spipedAddress(end.listen.host, end.listen.port);
  return [source, backend];
}

/** The options that differ from spiped's defaults. */
function spipedOptions(end: ServerEnd): string[] {
  const secrecy = { require: ["-g"], prefer: [], off: ["-f"] }[end.forwardSecrecy];
  // 100 is spiped's own limit; a higher limit here would be useless if the far end kept the lower one.
  const limit = end.maxConnections > 100 ? ["-n", String(end.maxConnections)] : [];
  return [...secrecy, ...limit];
}

function spipedKey({ keyName }: ServerEnd): string {
  return `/etc/spiped/${keyName}.key`;
}

function serveKey({ keyName }: ServerEnd): string {
  return `/etc/tunneld/${keyName}.key`;
}

/** How to bring the key to `path` on the server and check that it is the same key. `install` puts it there; without it, the key is beside the text's file. */
function deliveryNotes(end: ServerEnd, { path, install, t }: { readonly path: string; readonly install?: string; readonly t: Translate }): string[] {
  const file = `${end.keyName}.key`;
  const local = localWord(end.keyFile ?? `./${file}`);
  const notes = [t("Send the key to the server over a secure channel only, never by mail, chat or git.")];
  if (end.keyFile === undefined) {
    notes.push(
      t('On this machine, write it to a file with the command "Export Key to File…", or:'),
      `  tunneld keys export ${shellWord(end.keyName)} ${local}`,
    );
  }
  notes.push(
    t("Copy the file to the server:"),
    `  scp -p ${local} ${shellWord(`${end.host}:${file}`)}`,
    t("On the server, make sure that only its user can read the file:"),
    install === undefined ? `  chmod 600 ${shellWord(path)}` : `  ${install} ${shellWord(file)} ${shellWord(path)} && rm ${shellWord(file)}`,
  );
  if (end.keyFile === undefined) notes.push(t("Remove the copy on this machine:"), `  rm ${local}`);
  notes.push(
    end.fingerprint === undefined
      ? t("The key is right if this command prints the same on both machines:")
      : t("The key is right if this command prints {0} on the server:", end.fingerprint),
    `  ${install === undefined ? "" : "sudo "}tunneld keys fingerprint ${shellWord(path)}`,
    ...(end.fingerprint === undefined ? [`  tunneld keys fingerprint ${end.keyFile === undefined ? shellWord(end.keyName) : local}`] : []),
    t("Without tunneld there, compare what sha512sum says of both files. Don't use sha256sum: it prints the very secret that spiped computes from the file."),
  );
  return notes;
}

/** A path on this machine as one word of a shell: `~/` keeps its meaning, and no path can be taken for an option. */
function localWord(path: string): string {
  if (path.startsWith("~/")) return `~/${shellWord(path.slice(2))}`;
  return shellWord(path.startsWith("-") ? `./${path}` : path);
}

function headNotes(end: ServerEnd, t: Translate): string[] {
  const notes = [t("Far end of the tunnel {0}.", plainText(end.name))];
  if (portsCollide(end)) {
    const port = end.listen.kind === "tcp" ? end.listen.port : end.listen.path;
    notes.push(t("Attention: the service listens at {0} itself. Give the encrypted end another port, here and as the tunnel's target.", port));
  }
  return notes;
}

function spipedNotes(end: ServerEnd, t: Translate): string[] {
  const path = spipedKey(end);
  return [
    ...headNotes(end, t),
    ...deliveryNotes(end, { path, install: "sudo install -D -m 600", t }),
    t("Run it as the owner of the key file (root, after the lines above). It goes into the background; with -F it stays in front."),
  ];
}

function spipedUnitNotes(end: ServerEnd, t: Translate): string[] {
  const unit = `spiped@${end.keyName}.service`;
  return [
    ...headNotes(end, t),
    t("Save as {0}. It needs systemd 247 or later, and spiped: sudo apt install spiped.", `/etc/systemd/system/${unit}`),
    ...deliveryNotes(end, { path: spipedKey(end), install: "sudo install -D -m 600", t }),
    t("Then start it, now and with the server:"),
    `  sudo systemctl daemon-reload && sudo systemctl enable --now ${shellWord(unit)}`,
  ];
}

function spipedUnit(end: ServerEnd): string {
  const key = `\${CREDENTIALS_DIRECTORY}/key`;
  const [source, target] = spipedAddresses(end).map(systemdQuote);
  const line = ["/usr/bin/spiped", "-F", "-d", "-s", source, "-t", target, "-k", key, ...spipedOptions(end)].join(" ");
  return [
    "[Unit]",
    `Description=Encrypted tunnel to ${systemdText(end.backend)} (spiped)`,
    "Documentation=man:spiped(1)",
    "After=network-online.target",
    "Wants=network-online.target",
    "",
    "[Service]",
    `ExecStart=${line}`,
    `LoadCredential=key:${spipedKey(end)}`,
    ...SPIPED_HARDENING,
    "",
    "[Install]",
    "WantedBy=multi-user.target",
    "",
  ].join("\n");
}

function systemdText(text: string): string {
  return plainText(text).replaceAll("%", "%%");
}

function composeNotes(end: ServerEnd, t: Translate): string[] {
  const file = `./${end.keyName}.key`;
  return [
    ...headNotes(end, t),
    t("Save as compose.yaml, and the key beside it. {0} is the number of the key's owner:", "SPIPED_UID"),
    "  SPIPED_UID=$(id -u) docker compose up -d",
    ...deliveryNotes(end, { path: file, t }),
    t("The service publishes no port: only spiped reaches it."),
    ...(end.tls ? [t("The entry says that the service speaks TLS: give it a certificate and turn TLS on.")] : []),
  ];
}

function compose(end: ServerEnd): string {
  const image = {
    redis: "redis:7",
    "redis-cluster": "redis:7",
    mysql: "mariadb:11",
    postgres: "postgres:17",
    mongodb: "mongo:7",
    tcp: "IMAGE-OF-YOUR-SERVICE",
  }[end.service];
  const container = end.service === "tcp" ? "service" : end.service;
  const port = /:(\d+)$/.exec(end.backend)?.[1] ?? "1";
  const secret = `/run/secrets/${end.keyName}`;
  const [source, target] = spipedAddresses(end, `${container}:${port}`);
  const command = ["spiped", "-F", "-d", "-s", source, "-t", target, "-k", secret, ...spipedOptions(end)].map(composeQuote).join(", ");
  const ports = end.listen.kind === "tcp" ? [`    ports: [${composeQuote(`${end.listen.port}:${end.listen.port}`)}]`] : [];
  return [
    "services:",
    "  spiped:",
    "    image: spiped:1.6",
    `    user: "\${SPIPED_UID:?set it to the owner of the key file}"`,
    `    command: [${command}]`,
    "    init: true",
    "    read_only: true",
    "    cap_drop: [ALL]",
    '    security_opt: ["no-new-privileges:true"]',
    "    restart: unless-stopped",
    ...ports,
    `    secrets: [${composeQuote(end.keyName)}]`,
    `    depends_on: [${container}]`,
    `  ${container}:`,
    `    image: ${image}`,
    ...(end.service === "mysql" ? ["    environment:", '      MARIADB_RANDOM_ROOT_PASSWORD: "1"'] : []),
    ...(end.service === "postgres" ? ["    environment:", `      POSTGRES_PASSWORD: "\${POSTGRES_PASSWORD:?set it}"`] : []),
    "",
    "secrets:",
    `  ${composeQuote(end.keyName)}:`,
    `    file: ${composeQuote(`./${end.keyName}.key`)}`,
    "",
  ].join("\n");
}

function serveNotes(end: ServerEnd, t: Translate): string[] {
  return [
    ...headNotes(end, t),
    t("Save as {0} on the server.", "/etc/tunneld/tunnels.json"),
    t("The program is one file, which needs Node.js 20.19 or later:"),
    `  scp ${shellWord(end.program)} ${shellWord(`${end.host}:tunneld.cjs`)}`,
    ...deliveryNotes(end, { path: serveKey(end), install: "sudo install -D -m 600 -o tunneld", t }),
    t("Then, as the user tunneld, who owns the key file:"),
    "  node tunneld.cjs serve --config /etc/tunneld/tunnels.json",
  ];
}

/** The entry at the far end, with the values that differ from the defaults. */
function serveConfig(end: ServerEnd): string {
  const listen = end.listen.kind === "unix" ? end.listen.path : `${end.listen.host === "::" ? "[::]" : end.listen.host}:${end.listen.port}`;
  const entry = {
    role: "server",
    service: end.service,
    listen,
    target: end.backend,
    ...(end.tls && { tls: true }),
    key: { file: serveKey(end) },
    ...(end.forwardSecrecy !== "require" && { forwardSecrecy: end.forwardSecrecy }),
    ...(end.maxConnections !== 100 && { maxConnections: end.maxConnections }),
  };
  return `${JSON.stringify({ version: 1, tunnels: { [end.name]: entry } }, undefined, 2)}\n`;
}

function serveUnitNotes(end: ServerEnd, t: Translate): string[] {
  return [
    ...headNotes(end, t),
    t(
      "Save as {0}. It runs the configuration at {1}, which is another form of this command.",
      "/etc/systemd/system/tunneld.service",
      "/etc/tunneld/tunnels.json",
    ),
    t("It has a user of its own:"),
    "  sudo useradd --system --shell /usr/sbin/nologin tunneld",
    t("The program is one file, which needs Node.js 20.19 or later:"),
    `  scp ${shellWord(end.program)} ${shellWord(`${end.host}:tunneld.cjs`)}`,
    "  sudo install -D -m 644 tunneld.cjs /usr/local/lib/tunneld/tunneld.cjs",
    ...deliveryNotes(end, { path: serveKey(end), install: "sudo install -D -m 600 -o tunneld", t }),
    t("Then start it, now and with the server:"),
    "  sudo systemctl daemon-reload && sudo systemctl enable --now tunneld.service",
  ];
}

/** Removes line breaks: one in a translation would end the comment. */
function commented(lines: readonly string[], mark: "#" | "//"): string {
  return lines.map((line) => `${mark} ${line.replace(/[\r\n]/g, " ")}\n`).join("");
}

function join(comments: string, text: string): string {
  return `${comments}${text.endsWith("\n") ? text : `${text}\n`}`;
}
