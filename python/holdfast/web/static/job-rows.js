// The list of jobs, as they go on.

import { canWrite } from "./api.js";
import { act } from "./job-actions.js";
import { h, put, say } from "./dom.js";
import { time } from "./format.js";
import { arrows } from "./keys.js";
import { button, progress } from "./parts.js";
import { state, verb } from "./states.js";

/** Rows that there are at most: further new ones push the oldest out. */
const MOST = 200;

/** The list; `where({id})` is the address that opens one, `changed(job)` is told what a button did. */
export function rows({ where, changed }) {
  const list = h("ul", { class: "rows jobs-list" });
  const renew = arrows(list, "a.row");
  let shown = new Map();
  let marked = null;

  function mark(id) {
    marked = id;
    for (const [key, { link }] of shown) {
      if (key === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  return {
    element: list,
    mark,
    get size() {
      return shown.size;
    },
    row: (id) => shown.get(id)?.link,
    put: (what) => put(list, h("li", {}, what)),
    link() {
      for (const [id, { link }] of shown) link.setAttribute("href", where({ id }));
    },
    update(items) {
      const focused = [...shown].find(([, { link }]) => link === document.activeElement)?.[0];
      const before = shown;
      shown = new Map(items.map((job) => [job.id, before.get(job.id) ?? row(job, where, changed)]));
      put(list, [...shown.values()].map(({ element }) => element));
      for (const job of items) shown.get(job.id).update(job);
      mark(marked);
      shown.get(focused)?.link.focus({ preventScroll: true });
      renew();
    },
    /** A job has changed; one that is new is put on top if it `fits`. */
    change(job, fits) {
      if (shown.has(job.id)) return shown.get(job.id).update(job);
      const newest = Math.max(...shown.keys());
      if (!fits || !shown.size || job.id < newest) return;
      const made = row(job, where, changed);
      made.update(job);
      shown = new Map([[job.id, made], ...shown]);
      list.prepend(made.element);
      for (const id of [...shown.keys()].slice(MOST)) {
        shown.get(id).element.remove();
        shown.delete(id);
      }
      renew();
    },
  };
}

function row(job, where, changed) {
  let now = job;
  const place = h("span", { class: "state-place" });
  const bar = progress(`Progress of job ${job.id}`);
  const message = h("span", { class: "message" });
  const meta = h("span", { class: "row-meta" });
  const link = h(
    "a",
    { class: "row", href: where({ id: job.id }) },
    place,
    h("span", { class: "what" }, h("span", { class: "row-title" }, job.kind, h("span", { class: "id" }, `#${job.id}`)), message, bar.element),
    meta,
  );
  const action = canWrite ? button("", () => act(now, changed), { class: "plain small" }) : null;
  const element = h("li", { class: "job" }, link, action);
  let told = "";

  function update(found) {
    // An older answer may come after a newer event.
    if (found.attempt < now.attempt) return;
    now = found;
    const text = JSON.stringify(found);
    if (text === told) return;
    told = text;
    put(place, state(found));
    const running = found.state === "running";
    bar.element.hidden = !running;
    bar.update(found.progress.percent);
    say(message, words(found));
    message.classList.toggle("error", Boolean(found.error) && found.state === "failed");
    put(
      meta,
      found.owner && h("span", { class: "owner" }, found.owner),
      found.attempt > 1 && h("span", {}, `attempt ${found.attempt}`),
      !found.saved && h("span", { class: "badge" }, "in memory"),
      time(found.finished_at ?? found.started_at ?? found.created_at),
    );
    if (action) {
      const word = verb(found);
      say(action, word);
      action.ariaLabel = `${word} job ${found.id}`;
      action.classList.toggle("gone", !word);
    }
  }
  return { element, link, update };
}

/** What a job says of itself, in a line. */
function words({ state: now, progress: { phase, message, percent }, error }) {
  if (now === "failed" || now === "interrupted") return error ?? "";
  const parts = [phase === message ? null : phase, message].filter(Boolean).join(" · ");
  return now === "running" && percent !== null ? [`${Math.round(percent)} %`, parts].filter(Boolean).join(" · ") : parts;
}
