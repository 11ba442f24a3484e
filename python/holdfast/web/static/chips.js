// The filters that are set, each with what takes it away.

import { h, icon, put } from "./dom.js";

/**
 * The chips. `filters` are [key, label]; `turn({key: rest})` sets a filter anew; `shown(key, value)`
 * is what a value is called. `update(now, clear)` shows them; `clear` is the address without any.
 */
export function chips({ filters, turn, shown = (_, value) => value }) {
  const element = h("div", { class: "chips" });
  return {
    element,
    update(now, clear) {
      const made = filters.flatMap(([key, label]) =>
        [now[key]].flat().filter(Boolean).map((value) => {
          const rest = Array.isArray(now[key]) ? now[key].filter((each) => each !== value) : null;
          const text = shown(key, value);
          return h("button", { type: "button", class: "chip", "aria-label": `Remove the filter ${label} ${text}`, onclick: () => turn({ [key]: rest }) }, h("span", { class: "muted" }, label), text, icon("close"));
        }),
      );
      if (made.length) made.push(h("a", { class: "clear", href: clear }, "Clear all"));
      put(element, made);
      element.hidden = !made.length;
    },
  };
}
