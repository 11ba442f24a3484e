// The page of the runs: how far each spec has come, what agents have put out, what does not agree.

import { get } from "./api.js";
import { chips } from "./chips.js";
import { h, put, say } from "./dom.js";
import { count, several } from "./format.js";
import { listing } from "./listing.js";
import { pager } from "./pager.js";
import { clear, empty, report } from "./parts.js";
import { address, go } from "./route.js";
import { matrix } from "./run-matrix.js";
import { migration } from "./run-migration.js";
import { mismatches } from "./run-mismatches.js";
import { runPage } from "./run-page.js";
import { row } from "./run-row.js";
import { searchField } from "./search.js";

const SIZE = 50;
const VIEWS = { "": "Specs", list: "All runs", mismatches: "Mismatches", migration: "Migration" };
/** Those that are for files with an old schema. */
const OF_OLD = ["mismatches", "migration"];
const FILTERS = [["spec", "spec"], ["stage", "stage"]];
/** What is asked for each outcome, and its count in the statistics. */
const OUTCOMES = [
  ["", "all", {}, "runs"],
  ["ok", "consensus", { consensus_ok: true }, "ok"],
  ["failed", "no consensus", { consensus_ok: false }, "failed"],
  ["degraded", "degraded", { degraded: true }, "degraded"],
];
/** Milliseconds after which what is new is asked for, while a first page is looked at. */
const OLD = 10_000;

export const runs = {
  name: "runs",
  title: "Runs",

  open(root, { live, keys }) {
    let now = read(new URLSearchParams());
    let asked = null;
    let at = 0;
    let loaded = null;
    let opened = null;
    let scrolled = 0;
    let given = null;
    let stats = null;

    const where = (change) => address("runs", parameters({ ...now, ...change }));
    const turn = (change) => go(where({ cursor: null, offset: 0, id: null, ...change }));
    const of = ({ spec = null, stage = null }) => address("runs", { view: spec || stage ? "list" : null, spec, stage });

    const summary = h("p", { class: "summary" });
    const tabs = h("nav", { class: "tabs", "aria-label": "Views of the runs" });
    const field = searchField({
      label: "Find a spec",
      search: (q, replace) => go(where({ q, cursor: null, offset: 0, id: null }), { replace }),
      down: () => grid.element.querySelector("a.cell[tabindex='0']")?.focus(),
    });
    const grid = matrix({ where, of });
    const list = listing({ row, where });
    list.element.classList.add("runs-list");
    const picks = h("div", { class: "states", role: "group", "aria-label": "Outcome" });
    const set = chips({ filters: FILTERS, turn });
    const pages = pager({ where, size: SIZE });
    const specs = h("section", { class: "listing", "aria-label": "Specs" }, h("div", { class: "search" }, field.element), grid.element);
    const all = h("section", { class: "listing", "aria-label": "Runs" }, h("div", { class: "search" }, picks), set.element, list.element);
    const differing = mismatches({ where });
    const way = migration();
    const overview = h("div", {}, h("header", { class: "head" }, h("div", {}, h("h1", {}, "Runs"), summary)), tabs, specs, all, differing.element, way.element, pages.element);
    const page = runPage({ where, of });
    put(root, overview, page.element);

    async function load() {
      asked?.abort();
      const mine = (asked = new AbortController());
      at = Date.now();
      try {
        const key = listed(now);
        const [counts, found] = await Promise.all([get("runs/stats", {}, mine.signal), fetchView(now, mine.signal)]);
        if (mine !== asked) return;
        loaded = key;
        stats = counts;
        clear("runs");
        drawTabs();
        draw(found);
      } catch (problem) {
        if (mine !== asked || problem.name === "AbortError") return;
        if (problem.status === 404) none();
        else if (problem.status === 422 && now.cursor) go(where({ cursor: null }), { replace: true });
        else report("runs", problem, load);
      }
    }

    function drawTabs() {
      const shown = Object.entries(VIEWS).filter(([view]) => !OF_OLD.includes(view) || view === now.view || stats?.old_tables || stats?.mismatches);
      const focused = tabs.contains(document.activeElement) ? document.activeElement.dataset.view : null;
      put(tabs, shown.map(([view, word]) =>
        h("a", { href: address("runs", { view }), dataset: { view }, "aria-current": now.view === view ? "page" : null }, word, view === "mismatches" && stats?.mismatches > 0 && h("span", { class: "count alarm" }, count(stats.mismatches))),
      ));
      if (focused !== null) tabs.querySelector(`[data-view="${focused}"]`)?.focus({ preventScroll: true });
      const current = tabs.querySelector("[aria-current]");
      // On a phone there may be more of them than it is wide.
      if (current && tabs.scrollWidth > tabs.clientWidth) tabs.scrollLeft = current.offsetLeft - tabs.offsetLeft;
    }

    function draw(found) {
      say(summary, `${several(stats.runs, "run")} of ${several(stats.specs, "spec")}, ${several(stats.outputs, "output")} of ${several(Object.keys(stats.agents).length, "agent")}`);
      if (now.view === "mismatches") differing.update(found, now);
      else if (now.view === "migration") way.update(found);
      else if (now.view === "list") {
        drawPicks();
        set.update(now, address("runs", { view: "list" }));
        list.update(found.items);
        if (!found.items.length) list.put(stats.runs ? nothing("No run is like that.") : nobody());
      } else {
        grid.update(found);
        if (!found.items.length) grid.put(stats.runs ? nothing(`No spec has “${now.q}” in its name.`) : nobody());
      }
      if (!OF_OLD.includes(now.view)) pages.update(found, now.offset);
    }

    function drawPicks() {
      const narrowed = now.spec || now.stage;
      const focused = picks.contains(document.activeElement) ? document.activeElement.dataset.outcome : null;
      put(picks, OUTCOMES.map(([outcome, word, , counted]) =>
        h("button", { type: "button", class: "pick", "aria-pressed": String(now.outcome === outcome), dataset: { outcome }, onclick: () => turn({ outcome }) }, word, !narrowed && h("span", { class: "count" }, count(stats[counted]))),
      ));
      if (focused !== null) picks.querySelector(`[data-outcome="${focused}"]`)?.focus({ preventScroll: true });
    }

    function nothing(text) {
      return empty("Nothing found", h("p", {}, text), h("a", { class: "button plain", href: address("runs", { view: now.view }) }, "Clear the filters"));
    }

    function nobody() {
      return empty("No runs yet", h("p", {}, "What a tool writes of its agents shows here:"), h("pre", {}, 'runs.upsert_consensus_run("SPEC-1", "plan")'));
    }

    function none() {
      for (const each of [tabs, specs, all, differing.element, way.element, pages.element]) each.hidden = true;
      say(summary, "");
      overview.append(empty("There are no runs here", h("p", {}, "They are kept for tools that ask several agents. Give them to the router:"), h("pre", {}, "router(db, runs=RunStore(db))")));
    }

    /** One run has the page for itself. */
    function show() {
      if (now.id === null) {
        page.shut();
        const back = overview.hidden;
        overview.hidden = false;
        given?.();
        given = null;
        if (back) {
          window.scrollTo(0, scrolled);
          (now.view === "list" ? list.row(opened) : grid.row(opened))?.focus({ preventScroll: true });
        }
        return;
      }
      if (!overview.hidden) scrolled = window.scrollY;
      opened = now.id;
      overview.hidden = true;
      given ??= keys.onEscape(() => go(where({ id: null, raw: null })));
      page.open(now.id, now.raw);
    }

    function update(query) {
      const before = now;
      now = read(query);
      field.show(now.q);
      drawTabs();
      for (const [view, element] of [["", specs], ["list", all], ["mismatches", differing.element], ["migration", way.element]]) element.hidden = now.view !== view;
      pages.element.hidden ||= OF_OLD.includes(now.view);
      show();
      if (now.id !== null) return;
      // Whoever comes back from a run sees what came meanwhile.
      if (loaded !== listed(now) || before.id !== null) {
        if (before.offset !== now.offset) window.scrollTo(0, 0);
        load();
      }
    }

    const again = () => {
      if (document.hidden || Date.now() - at < OLD) return;
      if (now.id === null) return void (fresh() && load());
      at = Date.now();
      page.refresh();
    };
    const fresh = () => !now.cursor && !now.offset && loaded === listed(now);
    const ends = [live.on("again", () => now.id === null && load()), live.on("stats", again)];
    return {
      update,
      close() {
        asked?.abort();
        field.cancel();
        page.shut();
        given?.();
        for (const end of ends) end();
      },
    };
  },
};

function read(query) {
  const number = (name) => (/^-?\d{1,16}$/.test(query.get(name) ?? "") ? Number(query.get(name)) : null);
  const one = (name, known) => known.find((each) => each === query.get(name)) ?? "";
  return {
    view: one("view", Object.keys(VIEWS)),
    q: query.get("q") ?? "",
    spec: query.get("spec"),
    stage: query.get("stage"),
    resolved: query.get("resolved") === "1",
    outcome: one("outcome", OUTCOMES.map(([key]) => key)),
    offset: Math.max(0, number("offset") ?? 0),
    cursor: query.get("cursor"),
    id: number("id"),
    raw: query.get("raw") === "1",
  };
}

function parameters({ offset, raw, resolved, ...others }) {
  return { ...others, offset: offset || null, raw: raw ? 1 : null, resolved: resolved ? 1 : null };
}

function listed(now) {
  return JSON.stringify({ ...now, id: null, raw: null });
}

function fetchView(now, signal) {
  if (now.view === "migration") return get("runs/status", {}, signal);
  if (now.view === "mismatches") return get("runs/mismatches", { resolved: now.resolved, cursor: now.cursor, limit: SIZE }, signal);
  if (now.view === "list") {
    const place = now.cursor ? { cursor: now.cursor } : { offset: now.offset || null };
    const [, , filter] = OUTCOMES.find(([key]) => key === now.outcome);
    return get("runs", { spec_id: now.spec, stage: now.stage, ...filter, ...place, limit: SIZE }, signal);
  }
  return get("runs/specs", { q: now.q, offset: now.offset || null, limit: SIZE }, signal);
}
