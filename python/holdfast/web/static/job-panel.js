// A job with all that is known of it.

import { canWrite, get } from "./api.js";
import { h, put, say } from "./dom.js";
import { bytes, duration, exact, moment, several, time } from "./format.js";
import { act } from "./job-actions.js";
import { button, clear, facts, progress, report, settle } from "./parts.js";
import { state, verb } from "./states.js";

/** The details in a panel; `changed(job)` is told what a button did. */
export function details({ side, changed }) {
  let id = null;
  let view = null;
  let asked = 0;

  async function load() {
    const mine = ++asked;
    try {
      const job = await get(`jobs/${id}`);
      if (mine !== asked) return;
      clear("panel");
      if (view === null) {
        view = made(job, changed);
        side.open(view.element);
      }
      view.update(job);
      view.history(job);
    } catch (problem) {
      if (mine !== asked) return;
      if (problem.status === 404) side.open(h("h2", {}, `There is no job ${id}`), h("p", { class: "muted" }, "It may have been pruned."));
      else report("panel", problem, load);
    }
  }
  const later = settle(load, 150);

  return {
    open(wanted) {
      if (side.isOpen && wanted === id) return;
      id = wanted;
      view = null;
      load();
    },
    /** Close it; an answer that is still on its way opens it no more. */
    shut() {
      asked += 1;
      later.cancel();
      view = null;
      side.shut();
    },
    /** A job has changed; its history is asked for when its state is another. */
    change(job) {
      if (job.id !== id || !side.isOpen || view === null) return;
      if (view.update(job)) later();
    },
    again() {
      if (side.isOpen) load();
    },
  };
}

function made(job, changed) {
  let now = job;
  const list = facts([
    ["created", "Created"],
    ["started", "Started"],
    ["finished", "Ended"],
    ["took", "Took"],
    ["attempt", "Attempt"],
    ["owner", "Owner"],
    ["run_at", "Not before"],
    ["priority", "Priority"],
    ["dedupe_key", "Only one of"],
  ]);
  const place = h("span");
  const bar = progress("Progress");
  const message = h("p", { class: "message" });
  const action = canWrite ? button("", () => act(now, changed), { class: "plain" }) : null;
  const texts = h("div");
  const record = h("div");
  const element = h(
    "article",
    { class: "document job-detail" },
    h("p", { class: "crumbs" }, `Job ${job.id}`),
    h("h1", {}, job.kind),
    h("div", { class: "now" }, place, action),
    bar.element,
    message,
    list.element,
    texts,
    record,
  );
  let told = "";

  function update(found) {
    const moved = found.state !== now.state || found.attempt !== now.attempt;
    if (found.attempt < now.attempt) return false;
    now = found;
    put(place, state(found));
    bar.element.hidden = found.state !== "running";
    bar.update(found.progress.percent);
    const { phase, message: words, percent } = found.progress;
    say(message, [percent === null ? null : `${Math.round(percent)} %`, phase, words].filter(Boolean).join(" · "));
    list.set("created", time(found.created_at));
    list.set("started", time(found.started_at, "not yet"));
    for (const key of ["finished", "took", "owner", "run_at", "priority", "dedupe_key"]) list.hide(key, true);
    const given = (key, ...children) => (list.hide(key, false), list.set(key, ...children));
    if (found.finished_at) given("finished", time(found.finished_at));
    if (found.finished_at && found.started_at) given("took", took(found));
    list.set("attempt", tries(found));
    for (const key of ["owner", "dedupe_key"]) if (found[key]) given(key, found[key]);
    if (found.priority) given("priority", String(found.priority));
    if (found.run_at) given("run_at", time(found.run_at));
    const text = verb(found);
    if (action) (say(action, text), action.classList.toggle("gone", !text));
    const all = JSON.stringify([found.error, found.result, found.payload]);
    if (all !== told) {
      told = all;
      put(texts, block("Error", found.error, "error"), block("Result", found.result), block("Payload", found.payload));
    }
    return moved;
  }

  function history({ events, snapshots }) {
    put(
      record,
      h("h2", {}, "History"),
      h("ol", { class: "events" }, events.map(event)),
      snapshots.length > 0 && [
        h("h2", {}, "Snapshots"),
        h("ul", { class: "events" }, snapshots.map((each) => h("li", {}, h("span", {}, each.name, h("span", { class: "note" }, `${several(each.files, "file")}, ${bytes(each.size)}`)), time(each.created_at)))),
      ],
    );
  }

  return { element, update, history };
}

function event({ at, event: name, attempt, detail }) {
  const text = name.replace(/^job_/, "").replaceAll("_", " ");
  const date = moment(at);
  return h(
    "li",
    {},
    h("span", {}, text, attempt > 1 && h("span", { class: "note" }, `attempt ${attempt}`), detail && h("span", { class: "detail" }, detail)),
    h("time", { title: exact(date) }, date.toLocaleTimeString("en-GB")),
  );
}

function took({ started_at: started, finished_at: finished }) {
  const seconds = (moment(finished) - moment(started)) / 1000;
  return seconds > 0 ? duration(seconds) : "under 1 ms";
}

function tries({ attempt, failures, losses }) {
  const more = [failures && several(failures, "failure"), losses && several(losses, "loss", "losses")].filter(Boolean);
  return `${attempt || "none yet"}${more.length ? `, ${more.join(", ")}` : ""}`;
}

function block(title, value, kind = "") {
  if (value === null || value === undefined) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  return h("section", {}, h("h2", {}, title), h("pre", { class: `scroll ${kind}`, tabindex: 0, role: "region", "aria-label": title }, text));
}
