// The page of the jobs: what runs, what waits, what became of the others.

import { canWrite, get } from "./api.js";
import { h, icon, put, say } from "./dom.js";
import { count, several } from "./format.js";
import { details } from "./job-panel.js";
import { rows } from "./job-rows.js";
import { panel } from "./panel.js";
import { clear, empty, report, settle } from "./parts.js";
import { address, go } from "./route.js";
import { STATES } from "./states.js";

const SIZE = 50;

export const jobs = {
  name: "jobs",
  title: "Jobs",

  open(root, { live, keys }) {
    let now = read(new URLSearchParams());
    let asked = null;
    let loaded = false;
    let counts = null;
    let seen = null;
    const kinds = new Set();

    const where = (change) => address("jobs", { ...now, ...change });
    const turn = (change) => go(where({ cursor: null, id: null, ...change }));

    const summary = h("p", { class: "summary" });
    const states = h("div", { class: "states", role: "group", "aria-label": "State" });
    const known = h("datalist", { id: "kinds" });
    const kind = h("input", { type: "search", list: "kinds", placeholder: "Kind", "aria-label": "Kind", autocomplete: "off", spellcheck: "false", dataset: { search: "" }, onchange: () => turn({ kind: kind.value.trim() }) });
    const list = rows({ where, changed });
    const pages = h("nav", { class: "pager", "aria-label": "Pages of the list" });
    const tools = h("div", { class: "search" }, states, h("label", { class: "field kind" }, icon("search"), kind, known));
    const split = h("div", { class: "split" }, h("section", { class: "listing", "aria-label": "Jobs" }, tools, list.element, pages));
    put(root, h("header", { class: "head" }, h("div", {}, h("h1", {}, "Jobs"), summary)), split);
    const side = panel({ split, label: "Job", keys, close: () => go(where({ id: null })), origin: () => list.row(opened) ?? kind });
    let opened = null;
    const detail = details({ side, changed });

    /** A job has changed, as the stream or an answer says. */
    function changed(job) {
      const fits = (!now.state.length || now.state.includes(job.state)) && (!now.kind || now.kind === job.kind);
      list.change(job, fits && !now.cursor);
      detail.change(job);
      recount();
      if (list.size === 0 && loaded) load();
    }

    const recount = settle(async () => {
      try {
        counts = await get("jobs/counts");
        drawStates();
      } catch {
        // The list says what is wrong.
      }
    }, 400);

    function drawStates() {
      const total = counts && Object.values(counts).reduce((sum, each) => sum + each, 0);
      if (counts) say(summary, `${several(total, "job")}, ${count(counts.running)} running, ${count(counts.queued)} queued`);
      const focused = states.contains(document.activeElement) ? document.activeElement.dataset.state : null;
      const shown = STATES.filter((state) => !counts || counts[state] || now.state.includes(state));
      put(states, ["", ...shown].map((state) => {
        const on = state ? now.state.includes(state) : !now.state.length;
        const rest = on ? now.state.filter((each) => each !== state) : [...now.state, state];
        return h(
          "button",
          { type: "button", class: "pick", "aria-pressed": String(on), dataset: { state }, onclick: () => turn({ state: state ? rest : [] }) },
          state || "all",
          counts && h("span", { class: "count" }, count(state ? counts[state] : total)),
        );
      }));
      if (focused !== null) states.querySelector(`[data-state="${focused}"]`)?.focus({ preventScroll: true });
    }

    async function load() {
      asked?.abort();
      const mine = (asked = new AbortController());
      try {
        const query = { state: now.state, kind: now.kind, cursor: now.cursor, limit: SIZE };
        const page = await get("jobs", query, mine.signal);
        if (mine !== asked) return;
        loaded = true;
        clear("jobs");
        recount();
        for (const each of page.items) kinds.add(each.kind);
        put(known, [...kinds].sort().map((each) => h("option", { value: each })));
        list.update(page.items);
        if (!page.items.length) list.put(nothing());
        put(
          pages,
          now.cursor && h("a", { class: "button plain", href: where({ cursor: null, id: null }) }, icon("left"), "Newest"),
          page.cursor !== null && h("a", { class: "button plain", rel: "next", href: where({ cursor: page.cursor, id: null }) }, "Older", icon("right")),
        );
      } catch (problem) {
        if (mine !== asked || problem.name === "AbortError") return;
        if (problem.status === 404) none();
        else report("jobs", problem, load);
      }
    }

    function nothing() {
      if (now.state.length || now.kind || now.cursor) {
        return empty("Nothing found", h("p", {}, "No job is of this state and kind."), h("a", { class: "button plain", href: address("jobs") }, "Clear the filters"));
      }
      return empty("No jobs yet", h("p", {}, "What an app submits to its manager shows here, as it runs:"), h("pre", {}, 'jobs.submit("report", {"month": "2026-11"})'));
    }

    function none() {
      split.hidden = true;
      say(summary, "");
      root.append(empty("There are no jobs here", h("p", {}, "This dashboard was started without them: give its router ", h("code", {}, "jobs=JobManager(db)"), ".")));
    }

    function update(query) {
      const before = now;
      now = read(query);
      kind.value = now.kind ?? "";
      drawStates();
      list.link();
      if (now.id !== null) {
        opened = now.id;
        list.mark(now.id);
        detail.open(now.id);
      } else {
        list.mark(null);
        detail.shut();
      }
      const key = (one) => address("jobs", { ...one, id: null });
      if (!loaded || key(before) !== key(now)) {
        if (before.cursor !== now.cursor) window.scrollTo(0, 0);
        load();
      }
    }

    const again = () => (load(), detail.again());
    // More jobs than the server follows are in the counts alone.
    const counted = (stats) => {
      const told = JSON.stringify(stats.jobs);
      if (seen !== null && told !== seen) again();
      seen = told;
    };
    const ends = [live.on("job", changed), live.on("again", again), live.on("stats", counted)];
    root.classList.toggle("read-only", !canWrite);
    return {
      update,
      close() {
        asked?.abort();
        recount.cancel();
        detail.shut();
        for (const end of ends) end();
      },
    };
  },
};

function read(query) {
  const number = (name) => (/^-?\d{1,16}$/.test(query.get(name) ?? "") ? Number(query.get(name)) : null);
  return { state: query.getAll("state").filter((each) => STATES.includes(each)), kind: query.get("kind"), cursor: number("cursor"), id: number("id") };
}
