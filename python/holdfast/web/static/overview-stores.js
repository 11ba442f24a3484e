// What is in the stores: artifacts by type, jobs by state, prompts by provider, runs by outcome.

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

/** The section of the history. */
export function prompts() {
  return counted("History", "prompts", ({ total, newest, by_provider: providers }) => [
    h("p", { class: "total" }, h("a", { href: address("history") }, count(total)), ` prompts, the last `, time(newest, "never")),
    bars(Object.entries(providers).slice(0, SHOWN).map(([provider, times]) => [provider, times, address("history", { provider })])),
  ]);
}

/** The section of the runs. */
export function runs() {
  return counted("Runs", "runs", ({ runs: total, specs, ok, failed, degraded, mismatches }) => [
    h("p", { class: "total" }, h("a", { href: address("runs") }, count(total)), ` runs of ${several(specs, "spec")}`),
    bars([["ok", "consensus", ok], ["failed", "no consensus", failed], ["degraded", "degraded", degraded]].filter(([, , times]) => times).map(([outcome, word, times]) => [word, times, address("runs", { view: "list", outcome })])),
    mismatches > 0 && h("p", { class: "muted" }, h("a", { href: address("runs", { view: "mismatches" }) }, several(mismatches, "mismatch", "mismatches"))),
  ]);
}

/** A section of a store that is only there where the store is. */
function counted(title, key, draw) {
  const body = h("div");
  const element = section(title, body);
  let shown = "";
  element.hidden = true;
  return {
    element,
    update({ [key]: found }) {
      const now = JSON.stringify(found);
      if (now === shown) return;
      shown = now;
      element.hidden = !found;
      if (found) put(body, found.error ? h("p", { class: "muted" }, `It cannot be read: ${found.error}`) : draw(found));
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
