// A prompt in the list.

import { h } from "./dom.js";
import { duration, percent, time } from "./format.js";
import { marked } from "./listing.js";

/** What else of a record something can be found in. */
const OTHERS = ["role", "context", "directive", "framework", "guardrails", "reasoning"];

export function row({ original_idea: idea, improved_prompt: prompt, found, ...record }) {
  const other = !found.original_idea && !found.improved_prompt && OTHERS.find((each) => found[each]);
  return h(
    "a",
    { class: "row" },
    h("span", { class: "row-top" }, h("span", { class: "row-title idea" }, found.original_idea ? marked(found.original_idea) : idea), h("span", { class: "row-when" }, time(record.timestamp))),
    h("span", { class: "row-snippet" }, found.improved_prompt ? marked(found.improved_prompt) : prompt),
    other && h("span", { class: "row-snippet" }, h("span", { class: "where" }, other), marked(found[other])),
    h(
      "span",
      { class: "row-meta" },
      backend(record.backend),
      h("span", { class: "path", title: `${record.provider} / ${record.model}` }, h("span", { class: "provider" }, record.provider), " / ", record.model),
      record.confidence !== null && h("span", {}, `${percent(record.confidence)} confident`),
      record.latency_ms !== null && h("span", {}, duration(record.latency_ms / 1000)),
    ),
  );
}

/** How a prompt was improved. */
export function backend(value) {
  return h("span", { class: "badge", dataset: { backend: value } }, value);
}
