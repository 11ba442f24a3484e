// How far a file has come from the old schema to the new one, and what comes next.

import { h, put } from "./dom.js";
import { count, several, time } from "./format.js";
import { address } from "./route.js";

const STEPS = [
  ["before", "Old tables alone", "Nothing writes to the new ones yet."],
  ["dual", "Both are written", "In one transaction, and compared."],
  ["cutover", "New tables alone", "The old ones are read-only."],
];
const TABLES = { consensus_artifacts: "Artifacts", consensus_synthesis: "Syntheses" };

export function migration() {
  const element = h("div", { class: "migration" });
  return {
    element,
    update(found) {
      const tables = Object.entries(found.tables);
      const phase = found.phase ?? "before";
      if (!tables.length) return void put(element, h("p", { class: "muted" }, "This file has no tables of the old schema: there is nothing to move."));
      const at = STEPS.findIndex(([key]) => key === phase);
      put(
        element,
        h("ol", { class: "steps" }, STEPS.map(([key, title, text], n) =>
          h("li", { "aria-current": key === phase ? "step" : null, class: n < at ? "done" : null }, h("strong", {}, title), h("span", { class: "note" }, key === "cutover" && found.cutover_at ? ["Since ", time(found.cutover_at), ". ", text] : text)),
        )),
        h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Rows" }, h(
          "table",
          {},
          h("thead", {}, h("tr", {}, ["Rows of the old tables", "all", "copied", "not yet", "cannot be"].map((each, n) => h("th", { scope: "col", class: n ? "number" : null }, each)))),
          h("tbody", {}, tables.map(([name, each]) => h("tr", {}, h("th", { scope: "row" }, TABLES[name] ?? name), [each.rows, each.copied, each.missing, each.unmapped].map((value) => h("td", { class: "number" }, count(value)))))),
        )),
        h("p", { class: "next" }, next(found)),
        found.verified?.finished_at && h("p", { class: "muted" }, `All ${several(found.verified.checked, "row")} were compared `, time(found.verified.finished_at), `, with ${several(found.verified.mismatches, "mismatch", "mismatches")}.`),
        found.unmapped.length > 0 && unmapped(found.unmapped, tables.reduce((sum, [, each]) => sum + each.unmapped, 0)),
      );
    },
  };
}

function next({ next: step, tables, mismatches }) {
  const all = (name) => Object.values(tables).reduce((sum, each) => sum + each[name], 0);
  const command = (name) => h("code", {}, `holdfast runs ${name}`);
  if (step === "backfill") return [`${several(all("missing"), "row waits", "rows wait")} to be copied: `, command("backfill"), " copies some at a time, while others write."];
  if (step === "mend") return [`${several(all("unmapped"), "row", "rows")} cannot be copied: mend or delete what is listed below, then `, command("backfill"), "."];
  if (step === "repair") return [h("a", { href: address("runs", { view: "mismatches" }) }, `${several(mismatches, "mismatch is", "mismatches are")} open`), ": ", command("backfill --repair"), " makes the new tables follow the old ones."];
  if (step) return ["Nothing is in the way that is known: ", command("verify"), " compares all rows, and ", command("cutover"), " moves reads and writes to the new tables."];
  return ["All is done. What other tools still write to the old tables is refused there, and named."];
}

function unmapped(rows, total) {
  return h(
    "section",
    {},
    h("h2", {}, several(total, "row that cannot be copied", "rows that cannot be copied")),
    h("ul", { class: "problems" }, rows.map(({ legacy_table: table, legacy_id: id, reason }) => h("li", {}, h("code", {}, `${table} ${id}`), h("span", {}, reason)))),
    total > rows.length && h("p", { class: "muted" }, `… and ${count(total - rows.length)} more`),
  );
}
