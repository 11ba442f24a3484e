// The keyboard: arrows in lists and menus, `/` for the search, Escape for what is open.

import { h, icon } from "./dom.js";

/** One stop for the tab key in a list; arrows, Home and End go on from there. Returns what renews it. */
export function arrows(list, selector) {
  const items = () => [...list.querySelectorAll(selector)];
  const stop = (chosen) => items().forEach((each) => (each.tabIndex = each === chosen ? 0 : -1));
  list.addEventListener("keydown", (event) => {
    const all = items();
    const at = all.indexOf(event.target.closest(selector));
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: all.length - 1 }[event.key];
    if (at < 0 || to === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    all[Math.max(0, Math.min(all.length - 1, to))].focus();
  });
  list.addEventListener("focusin", (event) => {
    const item = event.target.closest(selector);
    if (item) stop(item);
  });
  return () => {
    const all = items();
    stop(all.find((each) => each === document.activeElement) ?? all.find((each) => each.ariaCurrent === "true") ?? all[0]);
  };
}

/** A button that opens a menu of [text, act]. */
export function menu(label, choices) {
  const close = () => {
    list.hidden = true;
    opener.setAttribute("aria-expanded", "false");
  };
  const open = () => {
    list.hidden = false;
    opener.setAttribute("aria-expanded", "true");
    list.querySelector("button").focus();
  };
  const opener = h(
    "button",
    { type: "button", class: "plain icon", "aria-haspopup": "menu", "aria-expanded": "false", "aria-label": label, onclick: () => (list.hidden ? open() : close()) },
    icon("down"),
  );
  const list = h(
    "div",
    { class: "menu", role: "menu", "aria-label": label, hidden: true },
    choices.map(([text, note, act]) =>
      h("button", { type: "button", role: "menuitem", tabindex: -1, onclick: () => (close(), opener.focus(), act()) }, text, h("span", {}, note)),
    ),
  );
  arrows(list, "button");
  opener.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") (event.preventDefault(), open());
  });
  const element = h("div", { class: "menu-place" }, opener, list);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !list.hidden) (event.preventDefault(), close(), opener.focus());
  });
  element.addEventListener("focusout", (event) => {
    if (!element.contains(event.relatedTarget)) close();
  });
  return element;
}

/** Keys of the whole page: returns what gives Escape to whoever asked last. */
export function keys() {
  const waiting = [];
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    const writing = event.target.closest("input:not([type=checkbox]), textarea, select");
    if (event.key === "/" && !writing) {
      const search = document.querySelector("[data-search]");
      if (search?.offsetParent) (event.preventDefault(), search.focus(), search.select());
    } else if (event.key === "Escape" && waiting.length) {
      event.preventDefault();
      waiting.at(-1)();
    }
  });
  return {
    onEscape(call) {
      waiting.push(call);
      return () => waiting.splice(waiting.lastIndexOf(call), 1);
    },
  };
}
