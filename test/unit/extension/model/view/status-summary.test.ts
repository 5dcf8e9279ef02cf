/** The one item of the status bar. */
import assert from "node:assert/strict";
import { english } from "../../../../../extension/model/translate.ts";
import type { TunnelItem } from "../../../../../extension/model/tunnel-item.ts";
import { type StatusSummary, statusSummary } from "../../../../../extension/model/view/status-summary.ts";
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
  it("is not there in a window without tunnels", () => {
    assert.equal(statusSummary([], english), undefined);
  });

  it("counts the tunnels that are open", () => {
    assert.equal(summary(open(), open("other"), closed()).text, "$(lock) 2");
  });

  it("is there when none is open", () => {
    assert.equal(summary(closed()).text, "$(lock) 0");
  });

  it("spins while one opens", () => {
    assert.equal(summary(open(), tunnelItem({ name: "x", status: null, more: { busy: true } })).text, "$(sync~spin) 1");
  });

  it("warns when one that is wanted does not work", () => {
    const { isWarning, text } = summary(open(), broken());
    assert.deepEqual([isWarning, text], [true, "$(warning) 2"]);
  });

  it("does not warn of one that this window does not want, or is being opened, or is closed", () => {
    const items = [{ ...broken(), wanted: false }, { ...broken("b"), busy: true }, closed()];
    assert.equal(summary(...items).isWarning, false);
  });

  it("says the same to a screen reader, in words", () => {
    const busy = tunnelItem({ name: "x", status: null, more: { busy: true } });
    assert.equal(summary(open(), closed(), broken(), busy).accessibleLabel, "Encrypted tunnels: 2 of 4 open, 1 opening, 1 not working");
  });

  it("is the same however much traffic there is, so that its tooltip stays still", () => {
    const later = tunnelItem({ status: { state: "verified", plainInBytes: 9, backendVerifiedAtMs: 5, sinceMs: 7 } });
    assert.deepEqual(summary(later), summary(open()));
  });
});

describe("the status bar's tooltip", () => {
  it("is a table of the tunnels", () => {
    assert.equal(
      summary(open()).tooltipMarkdown,
      ["| Tunnel | Here | Leads to | State |", "| --- | --- | --- | --- |", "| `cache` | `127.0.0.1:6579` | `cache.example.com:6479` | verified |"].join("\n"),
    );
  });

  it("has the ones that don't work when there are too many for all", () => {
    const many = Array.from({ length: 30 }, (_, index) => open(`t${index}`));
    const { tooltipMarkdown } = summary(...many, broken());
    assert.match(tooltipMarkdown, /`broken`/);
    assert.match(tooltipMarkdown, /\n\nand 11 more$/);
  });

  it("lets no text of a file out of its cell and its code span", () => {
    const evil = "`](command:evil) | $(bug) \\| <b>\u202e\nnext";
    const item = tunnelItem({ status: { state: "verified", target: evil, listen: evil }, more: { name: evil } });
    const [, , row = ""] = summary(item).tooltipMarkdown.split("\n");
    assert.equal(summary(item).tooltipMarkdown.split("\n").length, 3);
    assert.match(row, /^\| (`[^`]*` \| ){3}[^|`]* \|$/);
    assert.equal(row.match(/(?<!\\)\|/g)?.length, 5);
  });
});
