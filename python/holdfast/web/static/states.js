// The states of jobs, and how they look.

import { h } from "./dom.js";

export const STATES = ["running", "queued", "succeeded", "failed", "cancelled", "interrupted"];

/** The state of a job: a dot, and its word. */
export function state(job) {
  const word = job.cancel_requested && !job.finished ? "cancelling" : job.state;
  return h("span", { class: "state", dataset: { state: word } }, h("span", { class: "dot", "aria-hidden": "true" }), word);
}

/** Whether a job can be cancelled, and tried again. */
export const canCancel = (job) => !job.finished && !job.cancel_requested;
export const canRetry = (job) => ["failed", "cancelled", "interrupted"].includes(job.state);
