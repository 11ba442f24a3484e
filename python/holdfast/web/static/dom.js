// Elements, made without any HTML: what is text stays text.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `h("a", {href, class, onclick, dataset}, "text", child, null, [more])`. */
export function h(tag, attributes, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an element of SVG. */
export function s(tag, attributes, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "dataset") Object.assign(element.dataset, value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...flat(children));
  return element;
}

/** Put children in the place of those that are there. */
export function put(element, ...children) {
  element.replaceChildren(...flat(children));
  return element;
}

/** Put text there, if it is another: a selection in it, and what reads it aloud, is left alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function flat(children) {
  return children.flat(Infinity).filter((each) => each !== null && each !== undefined && each !== false);
}

const PATHS = {
  close: "M5 5l10 10M15 5L5 15",
  left: "M12.5 4.5L7 10l5.5 5.5",
  right: "M7.5 4.5L13 10l-5.5 5.5",
  down: "M5 7.5l5 5 5-5",
  check: "M4 10.5l4 4 8-9",
  search: "M9 3.5a5.5 5.5 0 100 11 5.5 5.5 0 000-11zM13 13l4 4",
  light: "M10 6.5a3.5 3.5 0 100 7 3.5 3.5 0 000-7zM10 1.5v2M10 16.5v2M1.5 10h2M16.5 10h2M4 4l1.4 1.4M14.6 14.6L16 16M16 4l-1.4 1.4M5.4 14.6L4 16",
  dark: "M16.5 12A7 7 0 018 3.5a7 7 0 108.5 8.5z",
  auto: "M10 2.5a7.5 7.5 0 100 15 7.5 7.5 0 000-15zM10 2.5v15M13 4v12M15.500 6v8",
};

/** A small line drawing. */
export function icon(name) {
  return s("svg", { class: "icon", viewBox: "0 0 20 20", "aria-hidden": "true" }, s("path", { d: PATHS[name] }));
}
