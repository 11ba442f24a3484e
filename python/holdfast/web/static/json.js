// JSON as something to read: names and values, lists as lists.

import { h } from "./dom.js";

/** Levels that are set; what is below is shown as JSON. */
const DEEPEST = 6;
/** Elements of a list or an object that are set. */
const MOST = 500;
/** Text that is JSON itself, as some tools put into a column. */
const INNER = /^\s*[[{]/;

/** Make nodes of a value. */
export function tree(value, depth = 0) {
  if (typeof value === "string") return text(value, depth);
  if (value === null || typeof value !== "object") return h("span", { class: "scalar" }, String(value));
  if (depth >= DEEPEST) return h("pre", {}, JSON.stringify(value, null, 1));
  return Array.isArray(value) ? list(value, depth) : object(value, depth);
}

function list(values, depth) {
  if (!values.length) return h("span", { class: "muted" }, "none");
  const shown = values.slice(0, MOST).map((each) => h("li", {}, tree(each, depth + 1)));
  return h("ul", { class: "tree" }, shown, values.length > MOST && h("li", { class: "muted" }, rest(values)));
}

function object(value, depth) {
  const entries = Object.entries(value);
  if (!entries.length) return h("span", { class: "muted" }, "none");
  const rows = entries.slice(0, MOST).map(([key, each]) => h("div", { class: isShort(each) ? "short" : null }, h("dt", {}, key.replaceAll("_", " ")), h("dd", {}, tree(each, depth + 1))));
  return h("dl", { class: "tree" }, rows, entries.length > MOST && h("div", {}, h("dt", { class: "muted" }, rest(entries))));
}

function rest({ length }) {
  return `… and ${length - MOST} more`;
}

function text(value, depth) {
  if (INNER.test(value)) {
    try {
      const inner = JSON.parse(value);
      if (inner !== null && typeof inner === "object") return tree(inner, depth);
    } catch {
      // It only begins so.
    }
  }
  return h("span", { class: "text" }, value);
}

/** What fits beside its name. */
function isShort(value) {
  return (typeof value === "string" && value.length <= 24 && !value.includes("\n")) || typeof value === "number" || typeof value === "boolean" || value === null;
}
