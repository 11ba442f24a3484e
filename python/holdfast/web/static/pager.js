// From one page of a list to the next.

import { h, icon, put } from "./dom.js";
import { count } from "./format.js";

/** The links; `where({offset, cursor})` is the address of a page, `size` what a page has at most. */
export function pager({ where, size }) {
  const element = h("nav", { class: "pager", "aria-label": "Pages of the list" });
  return {
    element,
    /** Without cursors the next page is that of an offset. */
    update({ items, total, cursor }, offset) {
      element.hidden = !items.length;
      const last = offset + items.length;
      const before = Math.max(0, offset - size);
      const more = cursor === undefined ? last < total : cursor !== null;
      put(
        element,
        h("span", { class: "range", role: "status" }, `${count(offset + 1)}–${count(last)} of ${count(total)}`),
        offset > 0 && h("a", { class: "button plain", rel: "prev", href: where({ offset: before, cursor: null, id: null }) }, icon("left"), "Previous"),
        more && h("a", { class: "button plain", rel: "next", href: where({ offset: last, cursor, id: null }) }, "Next", icon("right")),
      );
    },
  };
}
