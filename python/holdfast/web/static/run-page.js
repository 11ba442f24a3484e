// A run: what it came to, and what each agent has put out, side by side.

import { get } from "./api.js";
import { h, put } from "./dom.js";
import { count, duration, exact, moment, several, time } from "./format.js";
import { text } from "./run-document.js";
import { outcome, state } from "./run-state.js";
import { clear, report } from "./parts.js";

/**
 * The page of a run in an element. `where(change)` is the address of another state of the page,
 * `of({spec, stage})` that of a list of runs.
 */
export function runPage({ where, of }) {
  const element = h("article", { class: "run", hidden: true, tabindex: -1, "aria-label": "Run" });
  let shown = null;
  let asked = 0;
  /** Whether texts are shown as they were given; that may be asked for while a run is on its way. */
  let raw = false;

  function draw(run) {
    put(element, head(run, of), h("div", { class: "run-top" }, synthesis(run, raw), same(run, where)), outputs(run, raw, where));
  }

  return {
    element,
    /** Close it; an answer that is still on its way shows it no more. */
    shut() {
      asked += 1;
      shown = null;
      element.hidden = true;
      put(element);
    },
    /** Ask again for a run that goes on. */
    async refresh() {
      if (!shown?.run || outcome(shown.run) !== "undecided") return;
      const mine = asked;
      try {
        const run = await get(`runs/${shown.id}`);
        if (mine !== asked || JSON.stringify(run) === JSON.stringify(shown.run)) return;
        shown.run = run;
        const within = element.contains(document.activeElement);
        draw(run);
        if (within) element.focus({ preventScroll: true });
      } catch {
        // The next time tells.
      }
    },
    async open(id, asGiven) {
      raw = asGiven;
      if (shown?.id === id) {
        if (shown.run) draw(shown.run);
        return;
      }
      const mine = ++asked;
      shown = { id, run: null };
      try {
        const run = await get(`runs/${id}`);
        if (mine !== asked) return;
        clear("runs");
        shown.run = run;
        draw(run);
      } catch (problem) {
        if (mine !== asked) return;
        shown = null;
        const missing = problem.status === 404;
        put(element, h("h1", {}, missing ? `There is no run ${id}` : "It cannot be read"), h("p", { class: "muted" }, missing ? "It may have been deleted." : problem.message));
        if (!missing) report("runs", problem, () => this.open(id, raw));
      }
      element.hidden = false;
      window.scrollTo(0, 0);
      element.focus({ preventScroll: true });
    },
  };
}

function head(run, of) {
  return h(
    "header",
    { class: "run-head" },
    h("p", { class: "crumbs" }, h("a", { href: of({}) }, "Runs"), h("span", { class: "slash" }, "/"), h("a", { href: of({ spec: run.spec_id }) }, run.spec_id)),
    h("h1", {}, run.stage),
    h("p", { class: "under" }, state(run), time(run.run_timestamp), h("span", {}, several(run.outputs.length, "output")), run.name && h("span", { class: "hash" }, run.name)),
  );
}

function synthesis({ synthesis: found }, raw) {
  const body = found === null ? h("p", { class: "muted" }, "There is none: it was not written yet.") : text(found, { raw, label: "Synthesis" });
  return h("section", { class: "synthesis" }, h("h2", {}, "Synthesis"), body);
}

function outputs(run, raw, where) {
  const choices = [["Formatted", null], ["As given", "1"]].map(([word, value]) => h("a", { class: "pick button", href: where({ raw: value }), "aria-current": Boolean(value) === raw ? "true" : null }, word));
  return h(
    "section",
    {},
    h("div", { class: "heading" }, h("h2", {}, "Outputs"), run.outputs.length > 0 && h("div", { class: "picks", role: "group", "aria-label": "Texts are shown" }, choices)),
    run.outputs.length ? h("div", { class: "outputs" }, run.outputs.map((each) => output(each, run, raw))) : h("p", { class: "muted" }, "No agent has put out anything."),
  );
}

function output(found, run, raw) {
  const whole = `runs/${run.id}/outputs/${found.id}`;
  const label = `Output of ${found.agent_name}`;
  const response = found.response_text;
  return h(
    "article",
    { class: "output", "aria-label": label },
    h("header", {}, h("h3", {}, found.agent_name), h("span", { class: "note" }, found.model_version), when(found, run)),
    text(found.content, { raw, label, whole }),
    response !== null && response.text !== found.content.text && h("details", { class: "matter" }, h("summary", {}, "Raw answer"), text(response, { raw: true, label: `Raw answer of ${found.agent_name}`, whole, field: "response_text" })),
  );
}

/** How long after the run began it came. */
function when({ output_timestamp: at }, { run_timestamp: begun }) {
  const seconds = (moment(at) - moment(begun)) / 1000;
  return h("time", { class: "note", title: exact(moment(at)) }, seconds >= 0 && seconds < 86400 ? `after ${duration(seconds)}` : exact(moment(at)));
}

function same(run, where) {
  if (run.same.length < 2) return null;
  const more = run.same_total - run.same.length;
  return h(
    "section",
    { class: "same" },
    h("h2", {}, "Runs of this stage"),
    h("ol", { class: "events" }, run.same.map((each) =>
      h("li", {}, h("a", { href: where({ id: each.id }), "aria-current": each.id === run.id ? "page" : null }, state(each)), h("span", { class: "note" }, several(each.output_count, "output")), time(each.run_timestamp)),
    )),
    more > 0 && h("p", { class: "muted" }, `… and ${count(more)} older`),
  );
}
