// The states of jobs, and how they look.

import { h } from "./dom.js";

export const STATES = ["running", "queued", "succeeded", "failed", "cancelled", "interrupted"];

/** The state of a job: a dot, and its word. */
export function state(job) {
  const word = job.cancel_requested && !job.finished ? "cancelling" : job.state;
  return h("span", { class: "state", dataset: { state: word } }, h("span", { class: "dot", "aria-hidden": "true" }), word);
}

/** What can be done to a job: "Cancel", "Retry", or "" for nothing. */
export function verb(job) {
  if (!job.finished) return job.cancel_requested ? "" : "Cancel";
  return job.state === "succeeded" ? "" : "Retry";
}
