// What the old schema and the new one do not agree on, with both sides.

import { h, put } from "./dom.js";
import { count, several, time } from "./format.js";
import { marked } from "./listing.js";
import { empty } from "./parts.js";

const KINDS = { differs: "differs", "missing in new": "missing in the new tables", "missing in legacy": "missing in the old tables" };

/** The list; `where({resolved, cursor})` is the address of another part of it. */
export function mismatches({ where }) {
  const element = h("div", { class: "mismatches" });
  return {
    element,
    update({ items, open, cursor }, now) {
      const all = now.resolved;
      put(
        element,
        h(
          "div",
          { class: "heading" },
          h("p", { class: "muted" }, open ? `${several(open, "mismatch", "mismatches")} open` : "Nothing is open: both schemas agree, as far as they were compared."),
          h("a", { class: "button plain small", href: where({ resolved: !all, cursor: null }) }, all ? "Only those that are open" : "Also those that were resolved"),
        ),
        items.map((each) => mismatch(each, where)),
        !items.length && empty("No mismatches", h("p", {}, "Each write to both schemas is compared, and ", h("code", {}, "holdfast runs verify"), " compares all rows.")),
        (now.cursor || cursor !== null) &&
          h(
            "nav",
            { class: "pager", "aria-label": "Pages of the list" },
            now.cursor && h("a", { class: "button plain", href: where({ cursor: null }) }, "Newest"),
            cursor !== null && h("a", { class: "button plain", rel: "next", href: where({ cursor }) }, "Older"),
          ),
      );
    },
  };
}

function mismatch(found, where) {
  const differing = found.pairs.filter(({ differs }) => differs);
  const others = found.pairs.filter(({ differs }) => !differs);
  const one = found.kind === "differs" ? null : found.pairs;
  return h(
    "article",
    { class: "mismatch", "aria-label": `Mismatch ${found.id}` },
    h(
      "header",
      {},
      h("h3", {}, h("span", { class: "state", dataset: { state: found.resolved_at ? "resolved" : "failed" } }, h("span", { class: "dot", "aria-hidden": "true" }), KINDS[found.kind] ?? found.kind)),
      h("code", {}, row(found.legacy_table, found.legacy_id)),
      h("code", {}, row(found.new_table, found.new_id)),
      found.run_id !== null && h("a", { href: where({ view: null, id: found.run_id }) }, `Run ${found.run_id}`),
      h("span", { class: "note" }, `found by a ${found.found_by}, `, time(found.first_seen_at), found.times_seen > 1 && [`, seen ${count(found.times_seen)} times, last `, time(found.last_seen_at)], found.resolved_at && [", resolved ", time(found.resolved_at)]),
    ),
    found.remarks.map((each) => h("p", { class: "notice" }, each)),
    one ? details("What there is", one) : [differing.length > 0 && table(differing), others.length > 0 && details(several(others.length, "further column"), others)],
  );
}

function row(name, id) {
  return name === null ? "–" : id === null ? name : `${name} ${id}`;
}

function details(title, pairs) {
  return h("details", { class: "matter" }, h("summary", {}, title), table(pairs));
}

function table(pairs) {
  return h(
    "div",
    { class: "pairs", role: "table" },
    h("div", { class: "pair pair-head", role: "row" }, ["Column", "Old", "New"].map((each) => h("span", { role: "columnheader" }, each))),
    pairs.map((each) =>
      h(
        "div",
        { class: "pair", role: "row", dataset: { differs: each.differs } },
        h("span", { role: "rowheader" }, names(each), each.differs && h("span", { class: "note" }, "differs")),
        side("Old", each.legacy),
        side("New", each.new),
      ),
    ),
  );
}

function names({ legacy_column: old, new_column: new_ }) {
  return old === null || new_ === null || old === new_ ? (old ?? new_) : `${old}, ${new_}`;
}

function side(label, fragments) {
  return h("span", { role: "cell", class: "side", dataset: { label } }, fragments === null ? h("span", { class: "muted" }, "–") : marked(fragments));
}
