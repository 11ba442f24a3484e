// A text of a run: JSON as something to read, markdown set, or as it was given.

import { get } from "./api.js";
import { h, put } from "./dom.js";
import { count } from "./format.js";
import { tree } from "./json.js";
import { prose } from "./markup.js";
import { button, report } from "./parts.js";

/** Where tools put the markdown of a synthesis that is JSON: it is set above the rest. */
const MARKDOWN = "output_markdown";

/**
 * The element of a text that the server has made ready; `raw` shows it as it was given. What is cut is
 * asked for at `whole`, as `field` of what is there.
 */
export function text(found, { raw, label, whole = null, field = "content" }) {
  if (found.length > found.text.length) return cut(found, { label, whole, field });
  if (raw || found.kind === "text") return given(found.text, label);
  if (found.kind === "markdown") return found.html === null ? given(found.text, label) : set(found.html);
  let value;
  try {
    value = JSON.parse(found.text);
  } catch {
    return given(found.text, label);
  }
  if (found.html === null) return h("div", { class: "document-text" }, tree(value));
  const { [MARKDOWN]: _, ...rest } = value;
  return h("div", { class: "document-text" }, set(found.html), Object.keys(rest).length > 0 && tree(rest));
}

function given(words, label) {
  return h("pre", { class: "given", tabindex: 0, role: "region", "aria-label": label }, words);
}

/** What an agent links to is not here, unless it is on the web. */
function set(html) {
  const place = prose(html);
  for (const link of place.querySelectorAll("a[data-path], a[data-anchor]")) link.replaceWith(h("span", { class: "image" }, ...link.childNodes));
  return place;
}

function cut(found, { label, whole, field }) {
  const place = h("div", {});
  const begin = given(`${found.text}…`, label);
  const more = button(`Show all ${count(found.length)} characters`, async () => {
    try {
      const all = await get(whole);
      put(place, given(all[field], label));
    } catch (problem) {
      report("runs", problem);
    }
  }, { class: "plain small" });
  return put(place, begin, whole && h("div", { class: "actions" }, more));
}
