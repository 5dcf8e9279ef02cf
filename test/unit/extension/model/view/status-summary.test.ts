/** The one item of the status bar. */
import assert from "node:assert/strict";
import { english } from "../../../../../extension/model/translate.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";
import { type StatusSummary, statusSummary, TOOLTIP_COMMANDS } from "../../../../../extension/model/view/status-summary.ts";
import { isTroubled } from "../../../../../extension/model/view/tunnel-row.ts";
import { tunnelItem } from "../../../../support/tunnel-item.ts";

const open = (name = "cache"): TunnelItem => tunnelItem({ name, status: { state: "verified" } });
const closed = (name = "orders"): TunnelItem => tunnelItem({ name, status: null });
const broken = (name = "broken"): TunnelItem => tunnelItem({ name, status: { state: "degraded" } });

function summary(...items: readonly TunnelItem[]): StatusSummary {
  const made = statusSummary(items, english);
  assert.ok(made);
  return made;
}

describe("the status bar's item", () => {
  it("is absent in a window without tunnels", () => {
    assert.equal(statusSummary([], english), undefined);
  });

  it("counts the open tunnels", () => {
    assert.equal(summary(open(), open("other"), closed()).text, "$(lock) 2");
  });

  it("is shown when no tunnel is open", () => {
    assert.equal(summary(closed()).text, "$(lock) 0");
  });

  it("spins while a tunnel opens", () => {
    assert.equal(summary(open(), tunnelItem({ name: "x", status: null, more: { busy: true } })).text, "$(sync~spin) 1");
  });

  it("spins while one waits for the network, which is neither open nor a warning", () => {
    const { text, isWarning, accessibleLabel, tooltipMarkdown } = summary(
      open(),
      tunnelItem({ name: "x", status: { state: "reconnecting", openConnections: 3 } }),
    );
    assert.deepEqual([text, isWarning], ["$(sync~spin) 1", false]);
    assert.equal(accessibleLabel, "Encrypted tunnels: 1 of 2 open, 1 reconnecting");
    assert.match(tooltipMarkdown, /\$\(sync\) reconnecting, 3 connected/);
  });

  it("warns when one that is wanted does not work, and counts it apart from those that work", () => {
    const { isWarning, text } = summary(open(), open("other"), broken(), broken("b"), broken("c"), closed());
    assert.deepEqual([isWarning, text], [true, "$(lock) 2 $(warning) 3"]);
  });

  it("has the same number of warnings as the view's badge: what is closed for a reason is one of them", () => {
    const refused = tunnelItem({ status: { state: "closed", lastFailure: { code: "DNS_FAILED", message: "", atMs: 1, count: 1 } } });
    assert.equal(summary(refused).text, "$(lock) 0 $(warning) 1");
    assert.equal(isTroubled(refused), true);
  });

  it("of a window that has asked nobody claims no number", () => {
    const { text, accessibleLabel, tooltipMarkdown } = summary(tunnelItem({ status: null, more: { isUnknown: true, wanted: false } }));
    assert.deepEqual([text, accessibleLabel], ["$(lock) ?", "Encrypted tunnels: unknown (Restricted Mode)"]);
    assert.doesNotMatch(tooltipMarkdown, /closed/);
  });

  it("does not warn about a tunnel that this window does not want, or that is opening or closed", () => {
    const items = [{ ...broken(), wanted: false }, { ...broken("b"), busy: true }, closed()];
    assert.equal(summary(...items).isWarning, false);
  });

  it("says the same to a screen reader, in words", () => {
    const busy = tunnelItem({ name: "x", status: null, more: { busy: true } });
    assert.equal(summary(open(), closed(), broken(), busy).accessibleLabel, "Encrypted tunnels: 1 of 4 open, 1 opening, 1 not working");
  });

  it("does not change with traffic, so that its tooltip does not flicker", () => {
    const later = tunnelItem({ status: { state: "verified", plainInBytes: 9, backendVerifiedAtMs: 5, sinceMs: 7 } });
    assert.deepEqual(summary(later), summary(open()));
  });
});

/** The links of a tooltip: what they say, and what VS Code would run. */
function linksOf(markdown: string): { readonly text: string; readonly command: string; readonly args: unknown }[] {
  return [...markdown.matchAll(/\[([^\]]*)\]\(command:([^?)]*)(?:\?([^)]*))?\)/g)].map(([, text = "", command = "", query]) => ({
    text,
    command,
    // As VS Code does: once when it parses the address, once when it runs the command.
    args: query === undefined ? undefined : JSON.parse(decodeURIComponent(decodeURIComponent(query))),
  }));
}

describe("the status bar's tooltip", () => {
  it("is a table of the tunnels, the state first", () => {
    const [heading, , row = ""] = summary(open()).tooltipMarkdown.split("\n");
    assert.equal(heading, "| State | Tunnel | Address |  |");
    assert.match(row, /^\| \$\(pass\) verified \| \[`cache`\]\([^)]*\) \| `:6579 → cache\.example\.com` \| \[Close\]\([^)]*\) \|$/);
  });

  it("has rows that are links to what most people want next", () => {
    const links = linksOf(summary(open("a"), broken("b"), closed("c")).tooltipMarkdown);
    const ref = (name: string): unknown => [{ configPath: tunnelItem().source.configPath, name }];
    assert.deepEqual(
      links.map(({ text, command, args }) => [text, command.replace("encryptedTunnels.", ""), args]),
      [
        ["`b`", "showTunnel", ref("b")],
        ["Diagnose", "diagnose", ref("b")],
        ["`a`", "showTunnel", ref("a")],
        ["Close", "close", ref("a")],
        ["`c`", "showTunnel", ref("c")],
        ["Open", "open", ref("c")],
      ],
    );
    for (const { command } of links) assert.ok(TOOLTIP_COMMANDS.includes(command), command);
  });

  it("passes a path with any characters on as it is", () => {
    const configPath = "/home/me/100%41 (copy)/a|b'\"\\/.vscode/tunnels.json";
    const item = tunnelItem({ source: { ...tunnelItem().source, configPath } });
    const { tooltipMarkdown } = summary(item);
    assert.deepEqual(linksOf(tooltipMarkdown)[0]?.args, [{ configPath, name: "cache" }]);
    assert.equal(tooltipMarkdown.split("\n")[2]?.match(/(?<!\\)\|/g)?.length, 5);
  });

  it("has the tunnels that don't work when there are too many to show all", () => {
    const many = Array.from({ length: 30 }, (_, index) => open(`t${index}`));
    const { tooltipMarkdown } = summary(...many, broken());
    assert.match(tooltipMarkdown, /`broken`/);
    assert.match(tooltipMarkdown, /\n\n\[and 11 more\]\(command:encryptedTunnels\.showTunnels\)$/);
  });

  it("fits, however long names and targets are", () => {
    const item = tunnelItem({ name: "n".repeat(64), status: { state: "verified", target: `${"t".repeat(250)}:1` } });
    const shown = (summary(item).tooltipMarkdown.split("\n")[2] ?? "").replaceAll(/\]\([^)]*\)/g, "");
    assert.ok(shown.length < 100, shown);
  });

  it("keeps text from a file inside its cell and code span", () => {
    const evil = "`](command:evil) | $(bug) \\| <b>\u202e\nnext";
    const item = tunnelItem({ status: { state: "verified", target: evil, listen: evil }, more: { name: evil } });
    const { tooltipMarkdown } = summary(item);
    const [, , row = ""] = tooltipMarkdown.split("\n");
    assert.equal(tooltipMarkdown.split("\n").length, 3);
    assert.match(row, /^\| \$\(pass\) verified \| \[`[^`]*`\]\([^)]*\) \| `[^`]*` \| \[Close\]\([^)]*\) \|$/);
    assert.equal(row.match(/(?<!\\)\|/g)?.length, 5);
    assert.deepEqual(
      linksOf(tooltipMarkdown).map(({ command }) => command),
      ["encryptedTunnels.showTunnel", "encryptedTunnels.close"],
    );
  });
});
