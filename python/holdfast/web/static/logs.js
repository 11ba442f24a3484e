// What the syncs did, and what they could not read.

import { get } from "./api.js";
import { h, put } from "./dom.js";
import { count, duration, moment, several, time } from "./format.js";
import { clear, empty, report } from "./parts.js";

const COLUMNS = ["Started", "Mode", "Ended as", "Scanned", "New", "Updated", "Removed", "Unchanged", "Errors", "Took"];

/** Both views: `load("log")` or `load("problems")` shows one. */
export function logs() {
  const element = h("section", { class: "logs", hidden: true });
  let asked = 0;
  async function load(view) {
    const mine = ++asked;
    try {
      const found = await get(view === "log" ? "database/sync-log" : "database/problems", view === "log" ? { limit: 50 } : {});
      if (mine !== asked) return;
      clear("logs");
      put(element, view === "log" ? log(found) : problems(found));
    } catch (problem) {
      if (problem.status === 404) put(element, empty("There is no index here"));
      else report("logs", problem, () => load(view));
    }
  }
  return { element, load };
}

function log({ items }) {
  if (!items.length) return empty("No sync yet", h("p", {}, "Each one leaves a line here."));
  const head = h("tr", {}, COLUMNS.map((each, n) => h("th", { scope: "col", class: n > 2 ? "number" : null }, each)));
  return h(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Sync log" },
    h("table", { class: "log" }, h("thead", {}, head), h("tbody", {}, items.map(line))),
  );
}

function line(run) {
  const took = run.completed_at && (moment(run.completed_at) - moment(run.started_at)) / 1000;
  const numbers = [run.scanned, run.added, run.updated, run.removed, run.unchanged, run.errors].map(count);
  return h(
    "tr",
    {},
    h("td", {}, time(run.started_at)),
    h("td", {}, run.mode),
    h("td", {}, h("span", { class: "state", dataset: { state: run.status === "completed" ? "succeeded" : run.status } }, h("span", { class: "dot", "aria-hidden": "true" }), run.status), run.detail && h("span", { class: "note" }, run.detail)),
    numbers.map((each) => h("td", { class: "number" }, each)),
    h("td", { class: "number" }, took === 0 ? "under 1 s" : duration(took)),
  );
}

function problems({ items, duplicates }) {
  if (!items.length && !duplicates.length) return empty("No problems", h("p", {}, "Every file could be read, and no two have the same content."));
  return [
    items.length > 0 && h("h2", {}, several(items.length, "file that could not be read", "files that could not be read")),
    items.length > 0 && h("ul", { class: "problems" }, items.map(({ path, error }) => h("li", {}, h("code", {}, path), h("span", {}, error)))),
    duplicates.length > 0 && h("h2", {}, several(duplicates.length, "content in several files", "contents in several files")),
    duplicates.length > 0 && h("ul", { class: "problems" }, duplicates.map((paths) => h("li", {}, paths.map((path) => h("code", {}, path))))),
  ];
}
