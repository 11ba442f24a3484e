// How a history is doing that is written here: said only where something is wrong.

import { h, put } from "./dom.js";
import { count, duration, several, time } from "./format.js";

/** A notice; `update(health)` takes what the server says of it, null where it only reads. */
export function health() {
  const element = h("div", { class: "notice history-health", role: "status", hidden: true });
  let told = "";
  return {
    element,
    update(found) {
      const now = JSON.stringify(found);
      if (now === told) return;
      told = now;
      element.hidden = !found || (found.status === "healthy" && !found.dropped);
      if (!element.hidden) put(element, sentences(found));
    },
  };
}

function sentences({ status, breaker, retry_in: retry, queued, queue_size: most, dropped, reasons, last_success: last, last_error: error }) {
  if (status === "disabled") return "The history is switched off: records are not kept.";
  const lost = Object.entries(reasons).filter(([, times]) => times).map(([name, times]) => `${count(times)} ${WHY[name] ?? name}`);
  return [
    h("strong", {}, status === "degraded" ? "Not all records are written. " : "Some records were not written. "),
    breaker === "open" && `The database is left alone, and tried again in ${duration(Math.ceil(retry))}. `,
    breaker === "half-open" && "The database is being tried again. ",
    queued > 0 && `${several(queued, "record")} of at most ${count(most)} wait. `,
    dropped > 0 && `${several(dropped, "record was", "records were")} dropped: ${lost.join(", ")}. `,
    status === "degraded" && ["The last one was written ", time(last, "never"), ". "],
    status === "degraded" && error && h("span", { class: "detail" }, error),
  ];
}

const WHY = { full: "as the queue was full", open: "while the database could not be used", rejected: "that no database would keep", lost: "not written before the end" };
