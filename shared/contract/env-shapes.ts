/**
 * What the shape of an environment variable's name tells. A new tool appears every
 * day, so no list of names is complete: names that end like those of an
 * application's settings (DATABASE_URL) are usual, names with words that configure
 * tools (X_COMMAND, X_PLUGINS, XRC) are refused, and the user is told that all
 * others are unusual. Pure; names in capitals.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Refused wherever they stand between underscores, alone or with a plural S: X_COMMAND_URL is no address. */
const TOOL_WORDS = words(`CMD CMDLINE ARG ARGV ARGUMENT OPT OPTION ADDOPT FLAG CONF CFG CNF RCFILE INI DOTFILE AUTOLOAD AUTOEXEC
  BIN EXE SCRIPT HOOK RUNNER SPAWN INTERPRETER SHELL SUBSHELL JMX JNDI JDWP LINKER TOOLCHAIN TOOLSET DEBUGGER PROFILER ADDON SEARCHPATH PATH ASKPASS PINENTRY JAVAAGENT
  DOWNLOAD INSTALL INSTALLER MIRROR REGISTRY REGISTRIES REPO REPOSITORY REPOSITORIES UPDATER KEYLOG`);

/** The same, as the beginning of a word: CONFIG, CONFIGDIR, CONFIGURATION; and as its end: KUBECONFIG. */
const TOOL_WORD_STARTS = /^(?:COMMAND(?:S|LINE)?$|CONFIG|PLUGIN|BINAR(?:Y|IES)|EXEC|HOOK|INIT|COMPIL|PRELOAD|WRAPPER|LAUNCHER|STARTUP|PS[0-9]$)/;
const TOOL_WORD_ENDS = /(?:COMMAND|CONFIG|PLUGINS?|BINARY|EXECUTABLE|PRELOAD|WRAPPER|LAUNCHER|COMPILER|STARTUP|ASSEMBL(?:Y|IES)|ASKPASS)$/;

/** Refused unless the name ends like that of an address: PAYMENT_MODULE_URL leads to a service, X_MODULE and X_MODULE_NAME choose code. */
const CODE_WORDS = words(`RC PROFILE BOOTSTRAP SETTING SWITCHES PARAMETERS PROG PROGRAM RUNTIME LOADER ASSEMBLER EVAL EXPR EXT EXTENSION MODULE MOD PACKAGE PKG
  LIBRARY LIBRARIES LIB DLL DYLIB SO JAR CLASS CLASSES FACTORY INCLUDE CA CACERT CAFILE CAPATH CERT CERTIFICATE CERTFILE KEYFILE KEYRING TRUST TRUSTED TRUSTSTORE
  KEYSTORE INSECURE VERIFY NOVERIFY UNSAFE UPDATE UPGRADE SELFUPDATE`);

/** Refused at the end of a name, also without an underscore before: PYTHONHOME, LDFLAGS, WGETRC. */
const TOOL_ENDS = new RegExp(
  `(?:${`COMMANDS? CMDS? ARGS OPTS? OPTIONS FLAGS CONFIG CONFDIR CONF PATHS? PATHEXT HOME DIRS? DIRECTORY FOLDER FILES? ROOT LIBS? RC PAGER EDITOR SHELL PROXY
  BROWSER TERMINAL HOOKS? PRELOADS? PRELOADFILE LAUNCHER WRAPPER ASKPASS SCRIPTS? RSH PROPERTIES DLLS?`
    .trim()
    .split(/\s+/)
    .join("|")})$`,
);

/** Refused as the last word, where they name a program, or an application to load. */
const TOOL_LAST_WORDS =
  words(`CC CXX CPP LD AR AS NM RANLIB STRIP LINK PYTHON PYTHON3 PERL RUBY JAVA GIT SSH SCP SFTP BASH ZSH SUDO MAKE CMAKE GDB LLDB VALGRIND DIFF MERGE DIFFTOOL MERGETOOL
  VIEWER OPENER PLAYER APP FORMATTER LINTER FILTER DECODER HELPER AGENTLIB SANDBOX ENTRYPOINT WORKER_CLASS`);

/** How names of an application's settings end. */
const APPLICATION_LAST_WORDS =
  words(`URL URLS URI URIS HOST HOSTS HOSTNAME HOSTNAMES HOSTPORT PORT PORTS USER USERNAME LOGIN NAME NAMES DATABASE DATABASES DB DBNAME DSN
  ADDR ADDRS ADDRESS ADDRESSES ENDPOINT ENDPOINTS SERVER SERVERS NODES BROKER BROKERS SOCKET SCHEMA PASSWORD PASS PWD`);

/** The name of one of these chooses what is loaded. */
const NAMED_CODE =
  /(?:^|_)(?:DRIVER|CLASS|MODULE|LIBRARY|LIB|PACKAGE|PROG|PROGRAM|EXT|EXTENSION|FACTORY|PROFILE|LOADER|ENGINE|BACKEND|PROVIDER|ADAPTER)_NAMES?$/;

/** A proxy for one protocol, as programs read it. */
const PROXY = /^(?:HTTPS?|FTP|ALL|NO|SOCKS5?|GLOBAL_AGENT|WSS?|RSYNC)_?PROXY(?:_|$)/;

/** An index that packages are taken from. */
const PACKAGE_INDEX = /(?:^|_)INDEX(?:ES)?_URLS?$|CDN_?URL$/;

/** The registry of message schemas of a Kafka, which applications connect to. */
const SCHEMA_REGISTRY = /(?:^|_)SCHEMA_REGISTRY_(?:URL|HOST|PORT|USER|PASSWORD)$/;

/** A service that a hosting provider adds to an application, under the provider's names: MYSQL_ADDON_HOST. */
const ADDED_SERVICE = /^(?:MYSQL|POSTGRESQL|REDIS|MONGODB|ES)_ADDON_(?:URI|HOST|PORT|USER|PASSWORD|DB)$/;

/** What a shape says about a name. */
export type EnvShape = "tool" | "application" | "other";

/** The shape of a name, in capitals. A tool's shape beats an application's: X_COMMAND_URL is a tool's. */
export function envShape(name: string): EnvShape {
  const parts = name.split("_").filter((part) => part !== "");
  const last = parts.at(-1) ?? "";
  if (SCHEMA_REGISTRY.test(name) || ADDED_SERVICE.test(name)) return "application";
  if (PROXY.test(name) || PACKAGE_INDEX.test(name) || NAMED_CODE.test(name) || parts.some(isToolWord)) return "tool";
  if (parts.length > 1 && APPLICATION_LAST_WORDS.has(last)) return "application";
  return TOOL_LAST_WORDS.has(last) || TOOL_ENDS.test(last) || parts.some((part) => isOf(CODE_WORDS, part)) ? "tool" : "other";
}

function isToolWord(part: string): boolean {
  return isOf(TOOL_WORDS, part) || TOOL_WORD_STARTS.test(part) || TOOL_WORD_ENDS.test(part);
}

/** Whether a word is in the set, alone or in its plural. */
function isOf(set: ReadonlySet<string>, part: string): boolean {
  return set.has(part) || (part.endsWith("S") && set.has(part.slice(0, -1)));
}
