// The page of the history: what prompts were improved, how well, and by what.

import { chips } from "./chips.js";
import { h, put, say } from "./dom.js";
import { filters } from "./facets.js";
import { count, several } from "./format.js";
import { health } from "./history-health.js";
import { countedBy, FILTERS, fetchPage, fetchOverview, filtered, parameters, read, SIZE } from "./history-query.js";
import { reader } from "./history-reader.js";
import { row } from "./history-row.js";
import { strip } from "./history-strip.js";
import { listing } from "./listing.js";
import { pager } from "./pager.js";
import { panel } from "./panel.js";
import { clear, empty, report } from "./parts.js";
import { address, go } from "./route.js";
import { searchField } from "./search.js";

const FACETS = [
  { name: "provider", label: "Provider", single: true },
  { name: "model", label: "Model", single: true },
  { name: "backend", label: "Backend", single: true },
];
/** Milliseconds after which what is new is asked for, while the first page is looked at. */
const OLD = 10_000;

export const history = {
  name: "history",
  title: "History",

  open(root, { live, keys }) {
    let now = read(new URLSearchParams());
    let asked = null;
    let at = 0;
    let took = 0;
    let counted = null;
    let last = null;
    let total = null;
    let opened = null;

    const where = (change) => address("history", parameters({ ...now, ...change }));
    const turn = (change) => go(where({ cursor: null, offset: 0, id: null, ...change }));

    const summary = h("p", { class: "summary" });
    const field = searchField({
      label: "Search ideas and prompts",
      search: (q, replace) => go(where({ q, cursor: null, offset: 0, id: null }), { replace }),
      down: () => list.focus(),
    });
    const dates = ["from", "to"].map((name) => h("input", { type: "date", class: "small", "aria-label": name === "from" ? "From day" : "To day", onchange: (event) => turn({ [name]: event.target.value || null }) }));
    const days = h("fieldset", { class: "between" }, h("legend", {}, "Days"), dates.map((each, n) => h("label", {}, h("span", {}, ["from", "to"][n]), each)));
    const facets = filters({ facets: FACETS, change: turn, more: days });
    const wrong = health();
    const numbers = strip({ where: (change) => where({ cursor: null, offset: 0, id: null, ...change }) });
    const list = listing({ row, where });
    const set = chips({ filters: FILTERS, turn });
    const pages = pager({ where, size: SIZE });
    const results = h("section", { class: "listing", "aria-label": "Prompts" }, h("div", { class: "search" }, field.element), set.element, list.element, pages.element);
    const split = h("div", { class: "split with-facets" }, facets.element, results);
    put(root, h("header", { class: "head" }, h("div", {}, h("h1", {}, "History"), summary)), wrong.element, numbers.element, split);

    const side = panel({ split, label: "Prompt", keys, close: () => go(where({ id: null })), origin: () => list.row(opened) ?? field.input });
    const page = reader({ side, gone });

    /** `same` takes the numbers that are shown: those of another page are no others. */
    async function load({ same = false } = {}) {
      asked?.abort();
      const mine = (asked = new AbortController());
      at = Date.now();
      results.ariaBusy = "true";
      try {
        const by = countedBy(now);
        const counts = same && by === counted ? Promise.resolve(last) : fetchOverview(now, mine.signal);
        counts.catch(() => {});
        const found = await fetchPage(now, mine.signal);
        if (mine !== asked) return;
        clear("history");
        draw(found);
        // To count takes longer than to find.
        last = await counts;
        if (mine !== asked) return;
        counted = by;
        took = Date.now() - at;
        numbers.update(now, last.statistics, last.days);
        facets.update(now, last.facets);
      } catch (problem) {
        if (mine !== asked || problem.name === "AbortError") return;
        if (problem.status === 404) none();
        else if (problem.status === 422 && now.cursor) go(where({ cursor: null }), { replace: true });
        else report("history", problem, () => load());
      } finally {
        if (mine === asked) results.removeAttribute("aria-busy");
      }
    }

    function draw(found) {
      const narrowed = filtered(now);
      if (!narrowed) total = found.total;
      say(summary, narrowed ? `${several(found.total, "prompt")} found${total === null ? "" : ` of ${count(total)}`}` : several(found.total, "prompt"));
      set.update(now, address("history", { q: now.q }));
      list.update(found.items);
      if (!found.items.length) list.put(narrowed || now.offset ? nothing() : nobody());
      pages.update(found, now.offset);
    }

    function nothing() {
      return empty(
        "Nothing found",
        h("p", {}, now.q ? `No prompt has “${now.q}” under these filters.` : "No prompt has all of these."),
        h("a", { class: "button plain", href: address("history") }, "Clear the filters"),
      );
    }

    function nobody() {
      return empty("No prompts yet", h("p", {}, "What a service saves in its history shows here."));
    }

    function none() {
      for (const each of [split, numbers.element]) each.hidden = true;
      say(summary, "");
      root.append(
        empty(
          "There is no history here",
          h("p", {}, "It shows the prompts that a service has improved. Give them to its router:"),
          h("pre", {}, "router(db, history=HoldfastRepository(db))"),
        ),
      );
    }

    function gone(id) {
      opened = list.beside(id);
      go(where({ id: null }));
      load();
    }

    function update(query) {
      const before = now;
      now = read(query);
      field.show(now.q);
      dates.forEach((each, n) => (each.value = now[["from", "to"][n]] ?? ""));
      if (now.id !== null) {
        opened = now.id;
        list.mark(now.id);
        page.open(now.id);
      } else {
        list.mark(null);
        page.shut();
      }
      const listed = (one) => where({ ...one, id: null });
      if (counted === null || listed(before) !== listed(now)) {
        if (before.offset !== now.offset) window.scrollTo(0, 0);
        load({ same: true });
      } else {
        list.link();
      }
    }

    if (live.latest) wrong.update(live.latest.history);
    const isFirst = () => !now.cursor && !now.offset;
    const ends = [
      live.on("again", () => load()),
      live.on("stats", (stats) => wrong.update(stats.history)),
      live.on("stats", () => isFirst() && !document.hidden && counted === countedBy(now) && Date.now() - at > Math.max(OLD, 20 * took) && load()),
    ];
    return {
      update,
      close() {
        asked?.abort();
        field.cancel();
        page.shut();
        for (const end of ends) end();
      },
    };
  },
};
