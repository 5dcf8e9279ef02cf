/**
 * Which environment variables a tunnels.json may set. The file comes from a
 * repository, so it must not be able to make a program that the user runs load
 * code, run another program, or trust another server. Pure.
 */
import { type Message, message } from "../message.ts";
import { quote } from "../plain-text.ts";

/** Placeholders in values. */
export const ENV_PLACEHOLDERS = ["url", "host", "port", "name"] as const;

const PLACEHOLDER_LIST = ENV_PLACEHOLDERS.map((name) => `\${${name}}`).join(", ");

/** Our choice: more variables than this for one tunnel are a mistake. */
export const MAX_ENV_VARIABLES = 100;

/** POSIX.1-2017, 8.1, with lower case; what every shell can use. */
const NAME_PATTERN = /^[A-Za-z_][A-Za-z0-9_]*$/;

/** What shells, loaders and the programs in every path look at; compared without regard to case. */
const DENIED = new Set(
  [
    // Shells: start-up files, prompts and mail messages, in which commands are carried out, and what runs in their place.
    `PATH PATHEXT HOME SHELL IFS ENV BASH_ENV SHELLOPTS BASHOPTS PROMPT_COMMAND PS0 PS1 PS2 PS3 PS4 PROMPT PROMPT2 PROMPT3 PROMPT4 RPROMPT RPROMPT2
     RPS1 RPS2 SPROMPT NULLCMD READNULLCMD MAIL MAILPATH FCEDIT BASH_LOADABLES_PATH CDPATH FPATH ZDOTDIR ZSH ZSH_CUSTOM INPUTRC HISTFILE STARSHIP_CONFIG`,
    `TERM TERMCAP TERMINFO TERMINFO_DIRS TMPDIR TMP TEMP EDITOR VISUAL PAGER BROWSER DISPLAY SYSTEMD_LESS MANOPT SCREENRC TMUX TMUX_TMPDIR
     COMSPEC SYSTEMROOT WINDIR PSMODULEPATH USERPROFILE APPDATA LOCALAPPDATA PROGRAMDATA PROGRAMFILES COMMONPROGRAMFILES`,
    // The C library, and libraries that load others.
    `GCONV_PATH LOCPATH NLSPATH HOSTALIASES LOCALDOMAIN RES_OPTIONS RESOLV_HOST_CONF GETCONF_DIR TZDIR GI_TYPELIB_PATH SASL_PATH SASL_CONF_PATH
     VK_ICD_FILENAMES VK_LAYER_PATH LIBGL_DRIVERS_PATH ALSA_CONFIG_PATH FONTCONFIG_FILE FONTCONFIG_PATH MAGICK_CONFIGURE_PATH GS_LIB SSLKEYLOGFILE KRB5CCNAME`,
    // Compilers, build tools and languages.
    `CC CXX CPP LD CFLAGS CXXFLAGS CPPFLAGS LDFLAGS GCC_EXEC_PREFIX COMPILER_PATH LIBRARY_PATH CPATH C_INCLUDE_PATH CPLUS_INCLUDE_PATH
     MAKEFLAGS GNUMAKEFLAGS MFLAGS MAKEFILES CMAKE_TOOLCHAIN_FILE CLASSPATH JAVA_HOME JAVACMD MAVEN_ARGS MAVEN_HOME M2_HOME GRADLE_USER_HOME GRADLE_HOME ANT_ARGS
     ANT_HOME GOFLAGS GOPROXY GOROOT GOPATH GOENV GOWORK GOBIN GOTOOLCHAIN GOTOOLDIR GOSUMDB GOINSECURE GODEBUG PHPRC PHP_INI_SCAN_DIR COMPOSER COMPOSER_HOME
     ERL_FLAGS ERL_ZFLAGS ERL_AFLAGS ERL_LIBS ERL_INETRC MIX_HOME HEX_HOME R_HOME R_PROFILE R_PROFILE_USER R_ENVIRON R_ENVIRON_USER R_LIBS R_LIBS_USER R_LIBS_SITE
     TCLLIBPATH TCL_LIBRARY TK_LIBRARY GUILE_LOAD_PATH GUILE_LOAD_COMPILED_PATH IPYTHONDIR VIRTUAL_ENV NIX_PATH`,
    // Clients of databases and directories: what they read, load and write. Where they connect to (MYSQL_HOST) is what a tunnel is for.
    `MYSQL_HOME MYSQL_TEST_LOGIN_FILE MYSQL_HISTFILE MYSQL_GROUP_SUFFIX MYSQL_DEBUG REDISCLI_RCFILE REDISCLI_HISTFILE SQLITE_HISTORY PSQLRC PSQL_HISTORY
     PGSYSCONFDIR PGSERVICEFILE PGPASSFILE PGOPTIONS PGSSLROOTCERT PGSSLCERT PGSSLKEY PGSSLCRL PGSSLCRLDIR ODBCINI ODBCINSTINI ODBCSYSINI ORACLE_HOME TNS_ADMIN
     FREETDS FREETDSCONF LDAPRC LDAPCONF LDAPTLS_CACERT`,
    // Editors, and tools that run others.
    `EMACSLOADPATH EMACSPATH VIM VIMINIT VIMRUNTIME GVIMINIT MYVIMRC EXINIT NVIM_APPNAME GNUPGHOME HG HGMERGE HGRCPATH CVS_RSH SVN_SSH TIGRC_USER WGETRC
     RIPGREP_CONFIG_PATH BAT_CONFIG_PATH BAT_CONFIG_DIR HTTPIE_CONFIG_DIR GH_CONFIG_DIR GH_BROWSER GH_PATH VALGRIND_LIB`,
    // Clouds and containers.
    `KUBECONFIG CONTAINERS_CONF CONTAINER_HOST BUILDX_CONFIG TF_CLI_CONFIG_FILE TF_DATA_DIR TF_PLUGIN_CACHE_DIR REQUESTS_CA_BUNDLE AWS_CONFIG_FILE AWS_CA_BUNDLE
     AWS_SHARED_CREDENTIALS_FILE AWS_WEB_IDENTITY_TOKEN_FILE AWS_CONTAINER_CREDENTIALS_FULL_URI AZURE_CONFIG_DIR AZURE_EXTENSION_DIR
     GOOGLE_APPLICATION_CREDENTIALS GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES`,
    "__PROTO__",
  ].flatMap((names) => names.trim().split(/\s+/)),
);

const DENIED_PREFIXES = [
  ...["LD_", "DYLD_", "NODE_", "NPM_", "YARN_", "PNPM_", "BUN_", "DENO_", "PYTHON", "PIP_", "PIPENV_", "POETRY_", "JUPYTER_", "UV_", "CONDA_", "PERL"],
  ...["RUBY", "GEM_", "BUNDLE_", "LUA_", "JULIA_", "PYENV_", "RBENV_", "NVM_", "ASDF_", "MISE_", "VOLTA_", "SDKMAN_", "DIRENV_", "FISH_", "FZF_", "LESS"],
  ...["GIT_", "SSH_", "SUDO_", "XDG_", "DBUS_", "BASH_FUNC_", "GLIBC_", "MALLOC_", "ELECTRON_", "VSCODE_", "CHROME_", "TUNNELD_", "GTK_", "GIO_", "GDK_"],
  ...["GST_", "QT_", "DOTNET_", "CORECLR_", "COR_", "COMPLUS_", "NUGET_", "MSBUILD", "CARGO_", "RUST", "PKG_CONFIG", "OPENSSL_", "SSL_", "KRB5_", "CURL_"],
  ...["RSYNC_", "DOCKER_", "COMPOSE_", "KUBECTL_", "HELM_", "TF_CLI_", "ANSIBLE_", "CLOUDSDK_", "LIBMYSQL_", "MARIADB_"],
];

const DENIED_SUFFIXES = ["_OPTIONS", "_OPTS", "PRELOAD", "PAGER", "_PROXY", "EDITOR", "ASKPASS"];

/** Where an application finds its database: no client of MariaDB looks at these. */
const ALLOWED = new Set("MARIADB_HOST MARIADB_PORT MARIADB_USER MARIADB_PASSWORD MARIADB_DATABASE MARIADB_URL".split(" "));

/** What is wrong with a variable's name, with its mend; undefined when nothing is. */
export function envNameFault(name: string): Message | undefined {
  if (!NAME_PATTERN.test(name))
    return message("{0} is no name of an environment variable: use letters, digits and underscores, and no digit first", quote(name));
  if (!isDenied(name)) return undefined;
  return message("a tunnel may not set {0}, which changes what programs run or trust: use a variable of your own application", quote(name));
}

function isDenied(name: string): boolean {
  const upper = name.toUpperCase();
  if (ALLOWED.has(upper)) return false;
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
