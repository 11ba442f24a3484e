// A field to search with: what is typed is searched for a moment after the last key.

import { h, icon } from "./dom.js";
import { settle } from "./parts.js";

/** Milliseconds without a key before a search begins. */
const TYPING = 250;

/**
 * The field. `search(text, replace)` is called with what to search for; `replace` tells that it is
 * one step of the history with the text before it. `down()` puts the focus into what was found.
 */
export function searchField({ label, search, down }) {
  const input = h("input", { type: "search", placeholder: label, "aria-label": label, autocomplete: "off", spellcheck: "false", maxlength: 500, dataset: { search: "" } });
  let typing = false;
  let shown = "";
  const begin = settle(() => {
    const text = input.value.trim();
    const again = typing && shown !== "" && text !== "";
    typing = true;
    search(text, again);
  }, TYPING);
  input.addEventListener("input", begin);
  input.addEventListener("blur", () => (typing = false));
  input.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown") (event.preventDefault(), down());
    if (event.key === "Escape" && input.value) (event.preventDefault(), event.stopPropagation(), (input.value = ""), begin());
  });
  return {
    element: h("label", { class: "field" }, icon("search"), input, h("kbd", { "aria-hidden": "true" }, "/")),
    input,
    cancel: begin.cancel,
    /** Show what is searched for; what somebody types is left alone. */
    show(text) {
      shown = text;
      if (document.activeElement !== input || !typing) input.value = text;
    },
  };
}
