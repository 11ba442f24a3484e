// The sync of the index: start one, watch it, end it.

import { canWrite, get, post } from "./api.js";
import { h, put, say } from "./dom.js";
import { time } from "./format.js";
import { menu } from "./keys.js";
import { announce, button, clear, progress, report } from "./parts.js";

const KIND = "holdfast.artifacts.sync";
/** Milliseconds between two questions while the stream is away. */
const ASK = 2000;

/** The buttons (`element`) and how it goes (`status`); `reload` is called when the index has changed. */
export function sync({ live, reload }) {
  let job = null;
  let asking = null;
  const last = h("p", { class: "last muted" });
  const bar = progress("Sync");
  const message = h("span", { class: "message" });
  const cancel = button("Cancel", stop, { class: "plain" });
  const running = h("div", { class: "running" }, bar.element, message, canWrite && cancel);
  const result = h("p", { class: "result" });
  const status = h("div", { class: "sync-status", hidden: true }, running, result);
  const start = button("Sync now", () => begin("incremental", false), { class: "main" });
  const more = menu("More ways to sync", [
    ["Full sync", "reads every file anew", () => begin("full", false)],
    ["Dry run", "tells what would change", () => begin("incremental", true)],
  ]);
  const buttons = h("div", { class: "joined", hidden: true }, start, more);
  const element = h("div", { class: "sync" }, last, canWrite && buttons);

  async function begin(mode, dry) {
    clear("sync");
    try {
      follow(await post("database/sync", { mode, dry_run: dry }));
    } catch (problem) {
      report("sync", problem, () => begin(mode, dry));
    }
  }

  async function stop() {
    try {
      follow(await post(`jobs/${job.id}/cancel`));
    } catch (problem) {
      report("sync", problem);
    }
  }

  function follow(found) {
    const ended = job?.id === found.id && job.finished;
    // What was asked for may be answered after what was told.
    if (ended && job.attempt >= found.attempt) return;
    job = found;
    status.hidden = false;
    running.hidden = found.finished;
    start.toggleAttribute("data-busy", !found.finished);
    clearTimeout(asking);
    if (found.finished) return finish(found);
    say(result, "");
    bar.update(found.state === "running" ? found.progress.percent : null);
    say(message, found.cancel_requested ? "Cancelling …" : (found.progress.message ?? (found.state === "queued" ? "Waiting for its turn …" : "Looking at the files …")));
    asking = setTimeout(ask, ASK);
  }

  /** Ask, if the stream does not tell. */
  async function ask() {
    try {
      follow(await get(`jobs/${job.id}`));
    } catch (problem) {
      if (problem.status !== 404) asking = setTimeout(ask, ASK);
    }
  }

  function finish(found) {
    const dry = found.payload?.dry_run ? "Dry run, nothing was written: " : "";
    const text = found.state === "succeeded" ? `${dry}${found.result?.summary ?? "done"}` : `The sync was ${found.state}${found.error ? `: ${found.error}` : "."}`;
    say(result, text);
    result.dataset.state = found.state;
    announce(text);
    reload();
    tell();
  }

  async function tell() {
    try {
      const { items } = await get("database/sync-log", { limit: 1 });
      const run = items[0];
      put(last, run ? [run.status === "running" ? "Sync began " : `Last sync ${run.status === "completed" ? "" : `${run.status} `}`, time(run.completed_at ?? run.started_at)] : "Never synced");
    } catch {
      put(last);
    }
  }

  async function resume() {
    tell();
    buttons.hidden = !live.latest.can_sync;
    // A sync is a job, and may run in another process.
    if (live.latest.jobs === null) return;
    try {
      const { items } = await get("jobs", { kind: KIND, limit: 1 });
      if (items[0] && (!items[0].finished || items[0].id === job?.id)) follow(items[0]);
    } catch {
      // The list says what is wrong.
    }
  }

  const ends = [
    live.on("job", (found) => found.kind === KIND && follow(found)),
    live.on("sync", () => (tell(), reload())),
    live.on("again", resume),
  ];
  ends.push(live.once(resume));
  return {
    element,
    status,
    close() {
      clearTimeout(asking);
      for (const end of ends) end();
    },
  };
}
