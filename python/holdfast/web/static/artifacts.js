// The page of the artifacts: find, filter, read, sync.

import { get } from "./api.js";
import { row } from "./artifact-row.js";
import { chips } from "./chips.js";
import { filters } from "./facets.js";
import { h, put, say } from "./dom.js";
import { count, several } from "./format.js";
import { listing } from "./listing.js";
import { logs } from "./logs.js";
import { pager } from "./pager.js";
import { panel } from "./panel.js";
import { clear, empty, report, settle } from "./parts.js";
import { reader } from "./reader.js";
import { address, go } from "./route.js";
import { searchField } from "./search.js";
import { FILTERS, fetchPage, filtered, parameters, read, SIZE, SORTS } from "./query.js";
import { sync } from "./sync.js";

const FACETS = [
  { name: "type", label: "Type" },
  { name: "status", label: "Status" },
  { name: "category", label: "Category" },
  { name: "tag", label: "Tags", find: "Find a tag" },
];

export const artifacts = {
  name: "artifacts",
  title: "Artifacts",

  open(root, { live, keys }) {
    let now = read(new URLSearchParams());
    let asked = null;
    let total = null;
    let loaded = false;

    const where = (change) => address("artifacts", parameters({ ...now, ...change }));
    const turn = (change) => go(where({ cursor: null, offset: 0, id: null, ...change }));

    const summary = h("p", { class: "summary" });
    const sort = h("select", { "aria-label": "Sort", onchange: () => turn({ sort: sort.value }) });
    const field = searchField({
      label: "Search titles and texts",
      search: (q, replace) => go(where({ q, sort: null, cursor: null, offset: 0, id: null }), { replace }),
      down: () => list.focus(),
    });
    const facets = filters({ facets: FACETS, change: turn });
    const list = listing({ row, where });
    const set = chips({ filters: FILTERS, turn });
    const pages = pager({ where, size: SIZE });
    const results = h("section", { class: "listing", "aria-label": "Found" }, h("div", { class: "search" }, field.element, sort), set.element, list.element, pages.element);
    const split = h("div", { class: "split with-facets" }, facets.element, results);
    const record = logs();
    const tabs = h("nav", { class: "tabs", "aria-label": "Views of the artifacts" });
    const bar = sync({ live, reload: settle(reload, 200) });
    put(root, h("header", { class: "head" }, h("div", {}, h("h1", {}, "Artifacts"), summary), bar.element), bar.status, tabs, split, record.element);

    const side = panel({
      split,
      label: "Reader",
      keys,
      close: () => go(where({ id: null })),
      origin: () => list.row(opened) ?? field.input,
    });
    let opened = null;
    const page = reader({ side, follow: (path) => follow(path) });

    async function follow(path) {
      try {
        const { items } = await get("database/artifacts", { path, limit: 2, facets: false });
        const found = items.find((each) => each.path === path);
        if (found) go(where({ id: found.id }));
        else page.say(`${path} is not in the index.`);
      } catch (problem) {
        report("reader", problem);
      }
    }

    async function load() {
      asked?.abort();
      const mine = (asked = new AbortController());
      results.ariaBusy = "true";
      try {
        const found = await fetchPage(now, mine.signal);
        if (mine !== asked) return;
        loaded = true;
        clear("artifacts");
        draw(found);
      } catch (problem) {
        if (mine !== asked || problem.name === "AbortError") return;
        if (problem.status === 404) noIndex();
        // A cursor is no good any more once the sort is another, or its file is another.
        else if (problem.status === 422 && now.cursor) go(where({ cursor: null }), { replace: true });
        else report("artifacts", problem, load);
      } finally {
        if (mine === asked) results.removeAttribute("aria-busy");
      }
    }

    function draw(found) {
      const narrowed = filtered(now);
      if (!narrowed) total = found.total;
      say(summary, narrowed ? `${several(found.total, "artifact")} found${total === null ? "" : ` of ${count(total)}`}` : several(found.total, "artifact"));
      if (found.warning) say(summary, `Listed from the files: ${found.warning}`);
      facets.update(now, found.facets);
      set.update(now, address("artifacts", { q: now.q }));
      list.update(found.items);
      if (!found.items.length) list.put(narrowed || now.offset ? nothing() : unsynced());
      pages.update(found, now.offset);
    }

    function nothing() {
      return empty(
        "Nothing found",
        h("p", {}, now.q ? `No artifact has “${now.q}” under these filters.` : "No artifact has all of these."),
        h("a", { class: "button plain", href: address("artifacts") }, "Clear the filters"),
      );
    }

    function unsynced() {
      return empty("Nothing here yet", h("p", {}, "The index has no artifacts. Write a markdown file below its directory, and sync."));
    }

    function noIndex() {
      for (const each of [split, tabs, bar.element, bar.status, record.element]) each.hidden = true;
      say(summary, "");
      root.append(
        empty(
          "There is no index here",
          h("p", {}, "It shows the markdown files below a directory: plans, specs, reports, notes. Name one:"),
          h("pre", {}, "holdfast serve app.db --root docs"),
        ),
      );
    }

    function reload() {
      if (now.view) record.load(now.view);
      else load();
    }

    function update(query) {
      const before = now;
      now = read(query);
      put(tabs, ["", "log", "problems"].map((view) =>
        h("a", { href: address("artifacts", { view }), "aria-current": now.view === view ? "page" : null }, { "": "Browse", log: "Sync log", problems: "Problems" }[view]),
      ));
      split.hidden = Boolean(now.view);
      record.element.hidden = !now.view;
      if (now.view) {
        page.shut();
        return record.load(now.view);
      }
      field.show(now.q);
      put(sort, SORTS.filter(([key]) => key !== "relevance" || now.q).map(([key, label]) => h("option", { value: key }, label)));
      sort.value = now.sort ?? (now.q ? "relevance" : "-updated");
      if (now.id !== null) {
        opened = now.id;
        list.mark(now.id);
        page.open(now.id);
      } else {
        list.mark(null);
        page.shut();
      }
      const listed = (one) => where({ ...one, id: null });
      if (!loaded || before.view || listed(before) !== listed(now)) {
        if (before.offset !== now.offset) window.scrollTo(0, 0);
        load();
      } else {
        list.link();
      }
    }

    const ends = [live.on("again", reload)];
    return {
      update,
      close() {
        asked?.abort();
        field.cancel();
        page.shut();
        bar.close();
        for (const end of ends) end();
      },
    };
  },
};
