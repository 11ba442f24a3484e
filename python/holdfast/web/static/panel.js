// What is beside a list on a wide screen, and in its place on a phone.

import { h, icon, put } from "./dom.js";

/**
 * A panel in a `.split`. `close` is called by its button and by Escape; `open(children)` and
 * `shut()` show and hide it; the focus goes into it, and back to `origin()`.
 */
export function panel({ split, label, keys, close, origin }) {
  const body = h("div", { class: "panel-body" });
  const element = h(
    "aside",
    { class: "panel", "aria-label": label, tabindex: -1, hidden: true },
    h(
      "div",
      { class: "panel-top" },
      h("button", { type: "button", class: "quiet back", onclick: close }, icon("left"), "Back"),
      h("button", { type: "button", class: "quiet icon shut", "aria-label": "Close", title: "Close (Esc)", onclick: close }, icon("close")),
    ),
    body,
  );
  split.append(element);
  let given = null;
  let scrolled = 0;
  return {
    body,
    get isOpen() {
      return !element.hidden;
    },
    open(...children) {
      put(body, ...children);
      if (given === null) {
        given = keys.onEscape(close);
        scrolled = window.scrollY;
      }
      element.hidden = false;
      element.scrollTop = 0;
      split.dataset.open = "";
      if (getComputedStyle(element).position === "static") window.scrollTo(0, 0);
      element.focus({ preventScroll: true });
    },
    shut() {
      if (given === null) return;
      given();
      given = null;
      const within = element.contains(document.activeElement) || document.activeElement === document.body;
      element.hidden = true;
      put(body);
      delete split.dataset.open;
      window.scrollTo(0, scrolled);
      if (within) origin()?.focus({ preventScroll: true });
    },
  };
}
