// An artifact in the list.

import { h } from "./dom.js";
import { time } from "./format.js";
import { marked } from "./listing.js";

const TAGS = 4;

export function row({ title, path, type, status, tags, updated_at: updated, error, snippet }) {
  return h(
    "a",
    { class: "row" },
    h("span", { class: "row-top" }, h("span", { class: "row-title" }, title || path), h("span", { class: "row-when" }, time(updated))),
    snippet.length > 0 && h("span", { class: "row-snippet" }, marked(snippet)),
    error && h("span", { class: "row-error" }, error),
    h(
      "span",
      { class: "row-meta" },
      h("span", { class: "kind" }, type),
      h("span", { class: "status" }, status),
      h("span", { class: "path", title: path }, path),
      tags.slice(0, TAGS).map((tag) => h("span", { class: "tag" }, tag)),
      tags.length > TAGS && h("span", { class: "more-tags" }, `+${tags.length - TAGS}`),
    ),
  );
}
