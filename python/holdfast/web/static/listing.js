// A list of what was found.

import { h, put } from "./dom.js";
import { arrows } from "./keys.js";
import { keepFocus } from "./parts.js";

/** The list; `row(item)` makes a link, `where({id})` is the address that it gets. */
export function listing({ row, where }) {
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
    /** The one after it, or else the one before. */
    beside(id) {
      const ids = [...rows.keys()];
      const at = ids.indexOf(id);
      return at < 0 ? null : (ids[at + 1] ?? ids[at - 1] ?? null);
    },
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

/** Text of which some was searched for. */
export function marked(fragments) {
  return fragments.map(({ text, match }) => (match ? h("mark", {}, text) : text));
}
