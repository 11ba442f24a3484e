// What is in the stores: artifacts by type, jobs by state.

import { h, put } from "./dom.js";
import { count, several, time } from "./format.js";
import { section } from "./parts.js";
import { address } from "./route.js";
import { STATES } from "./states.js";

const SHOWN = 7;

/** The section of the artifacts. */
export function index() {
  const body = h("div");
  let shown = "";
  return {
    element: section("Artifacts", body),
    update({ index: found, can_sync: can }) {
      const now = JSON.stringify([found, can]);
      if (now === shown) return;
      shown = now;
      put(body, found ? artifacts(found, can) : none("There is no index here: start with ", "--root FOLDER", " to have one."));
    },
  };
}

function artifacts({ total, facets, problems, duplicates, last_sync: last, error }, can) {
  if (error) return h("p", { class: "muted" }, `The index cannot be read: ${error}`);
  if (!total && !last) return h("p", { class: "muted" }, "Not synced yet. ", can && h("a", { href: address("artifacts") }, "Sync now"));
  const rest = facets.type.slice(SHOWN);
  const more = rest.length > 0 && [h("dt", {}, several(rest.length, "further type")), h("dd", {}, count(rest.reduce((sum, each) => sum + each.count, 0)))];
  return [
    h("p", { class: "total" }, h("a", { href: address("artifacts") }, count(total)), ` artifacts, synced `, time(last?.completed_at ?? last?.started_at, "never")),
    bars(facets.type.slice(0, SHOWN).map(({ value, count: times }) => [value, times, address("artifacts", { type: value })]), more),
    (problems || duplicates) > 0 &&
      h(
        "p",
        { class: "muted" },
        h("a", { href: address("artifacts", { view: "problems" }) }, several(problems, "problem")),
        duplicates ? `, ${several(duplicates, "content")} in several files` : "",
      ),
  ];
}

/** The section of the jobs. */
export function jobs() {
  const body = h("div");
  let shown = "";
  return {
    element: section("Jobs", body),
    update({ jobs: found }) {
      const now = JSON.stringify(found);
      if (now === shown) return;
      shown = now;
      if (!found) return void put(body, none("No jobs have been run on this file.", "", ""));
      const total = Object.values(found).reduce((sum, each) => sum + each, 0);
      put(
        body,
        h("p", { class: "total" }, h("a", { href: address("jobs") }, count(total)), ` jobs, ${count(found.running)} running`),
        bars(STATES.filter((state) => found[state]).map((state) => [state, found[state], address("jobs", { state })])),
      );
    },
  };
}

function bars(rows, more = null) {
  const most = Math.max(...rows.map(([, times]) => times), 1);
  return h(
    "dl",
    { class: "bars" },
    rows.map(([name, times, where]) => {
      const bar = h("span", { class: "share" });
      bar.style.setProperty("width", `${Math.max(1, (100 * times) / most)}%`);
      return h("div", {}, h("dt", {}, h("a", { href: where }, name)), h("dd", {}, count(times)), bar);
    }),
    more && h("div", {}, more),
  );
}

function none(before, code, after) {
  return h("p", { class: "muted" }, before, code && h("code", {}, code), after);
}
