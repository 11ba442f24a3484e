// The HTML of a document, built anew from the few elements and attributes that prose needs. The server
// lets no HTML of a file through; this is the second wall, and nothing is ever parsed into the page.

import { h } from "./dom.js";

const TAGS = new Set(
  ("a blockquote br code del em h1 h2 h3 h4 h5 h6 hr input li ol p pre s span strong " +
    "table tbody td th thead tr ul").split(" "),
);
/** Elements whose text is not prose. */
const DROPPED = new Set("script style iframe object embed template noscript svg math form link meta base".split(" "));
const CLASSES = /^(task|image|left|center|right|language-[\w+#.-]{1,30})$/;
const DEEPEST = 200;

/** Make nodes of HTML. A link to a file has `data-path`, one within it `data-anchor`. */
export function nodes(html) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const made = document.createDocumentFragment();
  copy(parsed.body, made, 0);
  const seen = new Map();
  for (const heading of made.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const slug = slugOf(heading.textContent);
    const times = seen.get(slug) ?? 0;
    seen.set(slug, times + 1);
    heading.dataset.slug = times ? `${slug}-${times}` : slug;
  }
  return made;
}

/** HTML as a text to read; what is wide can be scrolled by itself. */
export function prose(html) {
  const place = h("div", { class: "prose" }, nodes(html));
  for (const wide of place.querySelectorAll("pre, table")) {
    const scroll = h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": wide.localName === "pre" ? "Code" : "Table" });
    wide.replaceWith(scroll);
    scroll.append(wide);
  }
  return place;
}

/** What a heading is called in links, as most renderers have it. */
export function slugOf(text) {
  return text.trim().toLowerCase().replace(/[^\p{L}\p{N}\s_-]/gu, "").replace(/\s+/g, "-");
}

function copy(from, to, depth) {
  for (const node of from.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) {
      to.append(node.data);
    } else if (node.nodeType === Node.ELEMENT_NODE && depth < DEEPEST) {
      const tag = node.localName;
      if (DROPPED.has(tag)) continue;
      const element = TAGS.has(tag) ? harmless(node, tag) : null;
      copy(node, element ?? to, depth + 1);
      if (element !== null) to.append(element);
    }
  }
}

function harmless(node, tag) {
  const element = document.createElement(tag);
  if (tag === "input") {
    element.type = "checkbox";
    element.disabled = true;
    element.checked = node.hasAttribute("checked");
    element.ariaLabel = element.checked ? "done" : "to do";
  }
  if (CLASSES.test(node.className)) element.className = node.className;
  if (tag === "ol" && /^\d{1,9}$/.test(node.getAttribute("start") ?? "")) element.start = Number(node.getAttribute("start"));
  if (tag === "a") link(node, element);
  return element;
}

function link(node, element) {
  const address = node.getAttribute("href") ?? "";
  if (/^(https?:\/\/|mailto:)/i.test(address)) {
    element.href = address;
    element.rel = "noopener noreferrer nofollow";
    element.target = "_blank";
  } else if (node.dataset.path) {
    element.dataset.path = node.dataset.path;
    element.href = "#/artifacts";
  } else if (node.dataset.anchor) {
    element.dataset.anchor = node.dataset.anchor;
    element.href = "#/artifacts";
  }
  if (node.title) element.title = node.title;
}
