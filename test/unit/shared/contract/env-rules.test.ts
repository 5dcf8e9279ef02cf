import assert from "node:assert/strict";
import { envNameFault, envValueFault } from "../../../../shared/contract/env-rules.ts";
import { formatMessage, type Message } from "../../../../shared/message.ts";

const textOf = (fault: Message | undefined): string => (fault ? formatMessage(fault) : "");

describe("environment variables of a tunnel", () => {
  const denied = `PATH Path path LD_PRELOAD LD_LIBRARY_PATH ld_preload DYLD_INSERT_LIBRARIES NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS BASH_ENV ENV
    PYTHONPATH PYTHONSTARTUP PERL5LIB PERL5OPT RUBYOPT RUBYLIB GIT_SSH_COMMAND GIT_CONFIG_COUNT JAVA_TOOL_OPTIONS _JAVA_OPTIONS MAVEN_OPTS IFS SHELL HOME
    PROMPT_COMMAND PS1 PS4 ZDOTDIR BASH_FUNC_ls EDITOR VISUAL PAGER MANPAGER GIT_PAGER LESSOPEN SSH_AUTH_SOCK SSH_ASKPASS SUDO_ASKPASS HTTP_PROXY https_proxy ALL_PROXY
    NPM_CONFIG_SCRIPT_SHELL npm_config_node_options COMSPEC PATHEXT PSModulePath SystemRoot TMPDIR TEMP GCONV_PATH HOSTALIASES ELECTRON_RUN_AS_NODE VSCODE_IPC_HOOK
    TUNNELD_STATE_DIR TUNNELD_CRYPTO SSL_CERT_FILE OPENSSL_CONF DOTNET_STARTUP_HOOKS CORECLR_PROFILER RUSTC_WRAPPER CARGO_HOME XDG_CONFIG_HOME DBUS_SESSION_BUS_ADDRESS
    LESS LESSEDIT LESSKEYIN less PSQLRC MYSQL_HISTFILE MYSQL_GROUP_SUFFIX MARIADB_PLUGIN_DIR MARIADB_HOME ANSIBLE_LIBRARY CLOUDSDK_PYTHON AWS_SHARED_CREDENTIALS_FILE
    MAVEN_ARGS JAVACMD R_PROFILE R_PROFILE_USER R_ENVIRON GRADLE_USER_HOME MAILPATH PROMPT NULLCMD MAKEFILES PGPASSFILE ODBCSYSINI COMPOSE_FILE KUBECTL_EXTERNAL_DIFF
    GTK_MODULES QT_PLUGIN_PATH JULIA_LOAD_PATH RSYNC_CONNECT_PROG SSLKEYLOGFILE KRB5_CONFIG AZURE_EXTENSION_DIR GOOGLE_APPLICATION_CREDENTIALS BASH_LOADABLES_PATH
    REDISCLI_RCFILE MYSQL_TEST_LOGIN_FILE AWS_CONFIG_FILE KUBECONFIG CLASSPATH GOFLAGS MAKEFLAGS TERMINFO __proto__`.split(/\s+/);
  for (const name of denied) {
    it(`may not include ${name}`, () => {
      assert.match(textOf(envNameFault(name)), /may not set/);
    });
  }

  const allowed = `DATABASE_URL DB_PORT REDIS_URL REDISCLI_AUTH redis_host APP_ENV MYSQL_HOST MYSQL_TCP_PORT MYSQL_UNIX_PORT MYSQL_PWD MYSQL_DATABASE
    MARIADB_HOST MARIADB_DATABASE PGHOST PGPORT _x constructor toString`.split(/\s+/);
  for (const name of allowed) {
    it(`may include ${name}`, () => {
      assert.equal(envNameFault(name), undefined);
    });
  }

  for (const name of ["", "1A", "A-B", "A B", "A=B", "BASH_FUNC_x%%", "Ä", "A\n", "A\u0000"]) {
    it(`may not have the name ${JSON.stringify(name)}`, () => {
      assert.match(textOf(envNameFault(name)), /no name/);
    });
  }

  it("accept the four placeholders, and a dollar sign without a brace", () => {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: placeholders of tunnels.json
    assert.equal(envValueFault("A", "${url} ${host}:${port}/${name} $5 $HOME {x}"), undefined);
  });

  for (const value of ["$" + "{env:AWS_SECRET}", "$" + "{}", "$" + "{URL}", "$" + "{url", "$" + "{url$" + "{host}"]) {
    it(`may not have the value ${value}`, () => {
      assert.notEqual(envValueFault("A", value), undefined);
    });
  }
});
