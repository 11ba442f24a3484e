// A run in the list.

import { h } from "./dom.js";
import { several, time } from "./format.js";
import { state } from "./run-state.js";

export function row(run) {
  return h(
    "a",
    { class: "row" },
    h("span", { class: "state-place" }, state(run)),
    h("span", { class: "what" }, h("span", { class: "row-title" }, run.spec_id, h("span", { class: "id" }, run.stage)), run.name && h("span", { class: "message" }, run.name)),
    h("span", { class: "row-meta" }, h("span", {}, several(run.output_count, "output")), !run.has_synthesis && h("span", {}, "no synthesis"), time(run.run_timestamp)),
  );
}
