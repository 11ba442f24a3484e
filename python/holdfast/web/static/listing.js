// The list of what was found.

import { h, put } from "./dom.js";
import { time } from "./format.js";
import { arrows } from "./keys.js";
import { keepFocus } from "./parts.js";

const TAGS = 4;

/** The list; `where({id})` is the address that opens one. */
export function listing({ where }) {
  const list = h("ul", { class: "rows" });
  const renew = arrows(list, "a.row");
  let rows = new Map();
  let marked = null;

  function mark(id) {
    marked = id;
    for (const [key, each] of rows) {
      if (key === id) each.setAttribute("aria-current", "true");
      else each.removeAttribute("aria-current");
    }
  }

  /** The addresses of the rows say where one is, which has changed. */
  function link() {
    for (const [id, each] of rows) each.setAttribute("href", where({ id }));
  }

  return {
    element: list,
    mark,
    link,
    row: (id) => rows.get(id),
    focus: () => list.querySelector("a.row[tabindex='0']")?.focus(),
    put: (what) => put(list, h("li", {}, what)),
    update(items) {
      const focused = [...rows].find(([, each]) => each === document.activeElement)?.[0];
      rows = new Map(items.map((each) => [each.id, row(each)]));
      keepFocus(list, () => put(list, [...rows.values()].map((each) => h("li", {}, each))));
      link();
      mark(marked);
      rows.get(focused)?.focus({ preventScroll: true });
      renew();
    },
  };
}

function row({ title, path, type, status, tags, updated_at: updated, error, snippet }) {
  return h(
    "a",
    { class: "row" },
    h("span", { class: "row-top" }, h("span", { class: "row-title" }, title || path), h("span", { class: "row-when" }, time(updated))),
    snippet.length > 0 && h("span", { class: "row-snippet" }, snippet.map(({ text, match }) => (match ? h("mark", {}, text) : text))),
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
