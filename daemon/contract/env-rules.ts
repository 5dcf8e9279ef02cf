/**
 * Which environment variables a tunnels.json may set. The file comes from a
 * repository, so it must not be able to make a program that the user runs load
 * code, run another program, or trust another server. Pure.
 */
import { type Message, message } from "./message.ts";
import { quote } from "./plain-text.ts";

/** Placeholders in values. */
export const ENV_PLACEHOLDERS = ["url", "host", "port", "name"] as const;

const PLACEHOLDER_LIST = ENV_PLACEHOLDERS.map((name) => `\${${name}}`).join(", ");

/** Our choice: more variables than this for one tunnel are a mistake. */
export const MAX_ENV_VARIABLES = 100;

/** POSIX.1-2017, 8.1, with lower case; what every shell can use. */
const NAME_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What shells, loaders and the programs in every path look at; compared without regard to case. */
const DENIED = new Set(
  `PATH PATHEXT HOME SHELL IFS ENV BASH_ENV SHELLOPTS BASHOPTS PROMPT_COMMAND PS0 PS1 PS2 PS3 PS4 CDPATH FPATH ZDOTDIR INPUTRC HISTFILE
   TERM TERMCAP TERMINFO TERMINFO_DIRS TMPDIR TMP TEMP EDITOR VISUAL PAGER BROWSER DISPLAY LESSOPEN LESSCLOSE LESSKEY
   COMSPEC SYSTEMROOT WINDIR PSMODULEPATH USERPROFILE APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES COMMONPROGRAMFILES
   GCONV_PATH LOCPATH NLSPATH HOSTALIASES LOCALDOMAIN RES_OPTIONS RESOLV_HOST_CONF GETCONF_DIR TZDIR CC CXX LD MAKEFLAGS CLASSPATH JAVA_HOME
   VIRTUAL_ENV KUBECONFIG REQUESTS_CA_BUNDLE AWS_CONFIG_FILE AWS_CA_BUNDLE MYSQL_HOME MYSQL_TEST_LOGIN_FILE REDISCLI_RCFILE
   REDISCLI_HISTFILE GOFLAGS GOPROXY GOROOT GOPATH PHPRC PHP_INI_SCAN_DIR ERL_FLAGS ERL_ZFLAGS ERL_AFLAGS EMACSLOADPATH VIMINIT EXINIT
   GNUPGHOME HGRCPATH RSYNC_RSH WGETRC SVN_SSH PGSYSCONFDIR PGSERVICEFILE RIPGREP_CONFIG_PATH TF_CLI_CONFIG_FILE FZF_DEFAULT_COMMAND __PROTO__`.split(/\s+/),
);

const DENIED_PREFIXES = [
  ...["LD_", "DYLD_", "NODE_", "NPM_", "YARN_", "PNPM_", "BUN_", "DENO_", "PYTHON", "PIP_", "UV_", "CONDA_", "PERL", "RUBY", "GEM_", "BUNDLE_", "LUA_"],
  ...["GIT_", "SSH_", "SUDO_", "XDG_", "DBUS_", "BASH_FUNC_", "GLIBC_", "MALLOC_", "ELECTRON_", "VSCODE_", "CHROME_", "TUNNELD_"],
  ...["DOTNET_", "CORECLR_", "COR_", "COMPLUS_", "CARGO_", "RUST", "OPENSSL_", "SSL_", "CURL_", "DOCKER_", "LIBMYSQL_"],
];

const DENIED_SUFFIXES = ["_OPTIONS", "_OPTS", "PRELOAD", "PAGER", "_PROXY", "EDITOR", "ASKPASS"];

/** What is wrong with a variable's name, with its mend; undefined when nothing is. */
export function envNameFault(name: string): Message | undefined {
  if (!NAME_PATTERN.test(name))
    return message("{0} is no name of an environment variable: use letters, digits and underscores, and no digit first", quote(name));
  if (!isDenied(name)) return undefined;
  return message("a tunnel may not set {0}, which changes what programs run or trust: use a variable of your own application", quote(name));
}

function isDenied(name: string): boolean {
  const upper = name.toUpperCase();
  return DENIED.has(upper) || DENIED_PREFIXES.some((prefix) => upper.startsWith(prefix)) || DENIED_SUFFIXES.some((suffix) => upper.endsWith(suffix));
}

/** What is wrong with the value of the variable `name`, with its mend; undefined when nothing is. */
export function envValueFault(name: string, value: string): Message | undefined {
  for (const match of value.matchAll(/\$\{([^}]*)(\}?)/g)) {
    const [, inside = "", end] = match;
    if (end === "") return message('{0} has a "$" and "{" without the "}": there are {1}', quote(name), PLACEHOLDER_LIST);
    if (ENV_PLACEHOLDERS.some((known) => known === inside)) continue;
    return message("{0} has an unknown placeholder {1}: there are {2}", quote(name), quote(`\${${inside}}`), PLACEHOLDER_LIST);
  }
  return undefined;
}
