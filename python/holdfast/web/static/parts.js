// Pieces that all pages are made of.

import { h, icon, put, say } from "./dom.js";

/** Say something to those who listen to the page. */
export function announce(text) {
  say(document.getElementById("said"), text);
}

/** Tell of something that did not work, once for each key; `retry` is called by its button. */
export function banner(key, text, { retry = null, action = "Try again" } = {}) {
  const place = document.getElementById("banners");
  const found = [...place.children].find((each) => each.dataset.key === key);
  if (found && found.dataset.text === text) return;
  clear(key);
  const act = retry && h("button", { type: "button", class: "plain", onclick: () => (clear(key), retry()) }, action);
  const close = h("button", { type: "button", class: "quiet icon", "aria-label": "Dismiss", onclick: () => clear(key) }, icon("close"));
  place.append(h("div", { class: "banner", role: "alert", dataset: { key, text } }, h("p", {}, text), act, close));
}

export function clear(key) {
  for (const each of document.getElementById("banners").children) {
    if (each.dataset.key === key) each.remove();
  }
}

export function clearAll() {
  put(document.getElementById("banners"));
}

/** Tell of a Problem of the server. */
export function report(key, problem, retry = null) {
  if (problem.name === "AbortError") return;
  if (problem.error === "TokenError") {
    banner(key, "The server has started anew since this page was loaded.", { retry: () => location.reload(), action: "Reload" });
  } else {
    const text = problem.message.charAt(0).toUpperCase() + problem.message.slice(1);
    banner(key, /[.!?]$/.test(text) ? text : `${text}.`, { retry });
  }
}

/** A section of a page. */
export function section(title, ...children) {
  return h("section", { class: "section" }, h("h2", {}, title), ...children);
}

/** What is said beside a value, in small. */
export function note(text) {
  return h("span", { class: "note" }, text);
}

/** A list of names and values: `facts([["size", "Size"]])` has `element` and `set(key, ...children)`. */
export function facts(rows) {
  const values = new Map(rows.map(([key]) => [key, h("dd")]));
  const element = h("dl", { class: "facts" }, rows.map(([key, label]) => h("div", {}, h("dt", {}, label), values.get(key))));
  return {
    element,
    set(key, ...children) {
      const place = values.get(key);
      // Only what is another is put there, so that a selection stays.
      const next = h("dd", {}, ...children);
      if (next.innerHTML !== place.innerHTML) place.replaceChildren(...next.childNodes);
    },
    hide(key, hidden) {
      values.get(key).parentElement.hidden = hidden;
    },
  };
}

/** A button that is busy while what it does goes on. */
export function button(text, act, attributes = {}) {
  const element = h("button", { type: "button", ...attributes }, text);
  element.addEventListener("click", async () => {
    if (element.getAttribute("aria-disabled") === "true") return;
    // Not `disabled`: that would take the focus away.
    element.setAttribute("aria-disabled", "true");
    try {
      await act();
    } finally {
      element.removeAttribute("aria-disabled");
    }
  });
  return element;
}

/** A bar: `update(percent)`, null for how far is not known. */
export function progress(label) {
  const bar = h("span", { class: "bar" });
  const element = h("span", { class: "progress", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100 }, bar);
  return {
    element,
    update(percent) {
      const known = percent !== null && percent !== undefined;
      element.toggleAttribute("data-unknown", !known);
      if (known) element.setAttribute("aria-valuenow", Math.round(percent));
      else element.removeAttribute("aria-valuenow");
      bar.style.setProperty("width", known ? `${Math.min(100, percent)}%` : "");
    },
  };
}

/** What stands where there is nothing yet, and what to do. */
export function empty(title, ...children) {
  return h("div", { class: "empty" }, h("h2", {}, title), ...children);
}

/** Ask before something that cannot be taken back. */
export function confirm({ title, text, action, danger = false }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { class: "ask", "aria-labelledby": "ask-title" });
    const done = (answer) => () => dialog.close(answer);
    put(
      dialog,
      h("h2", { id: "ask-title" }, title),
      h("p", {}, text),
      h(
        "div",
        { class: "actions" },
        h("button", { type: "button", class: "plain", onclick: done("no"), autofocus: true }, "Keep it"),
        h("button", { type: "button", class: danger ? "danger" : "main", onclick: done("yes") }, action),
      ),
    );
    dialog.addEventListener("click", (event) => event.target === dialog && dialog.close("no"));
    dialog.addEventListener("close", () => {
      dialog.remove();
      resolve(dialog.returnValue === "yes");
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

/** Change what is in an element, and leave the focus where it was. */
export function keepFocus(element, change) {
  const focused = element.contains(document.activeElement) ? document.activeElement : null;
  change();
  if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
}

/** Call once, a moment after the last of several calls. */
export function settle(call, delay) {
  let timer = null;
  const later = (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => call(...values), delay);
  };
  later.cancel = () => clearTimeout(timer);
  return later;
}
