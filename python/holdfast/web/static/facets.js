// Filters with counts.

import { h, put, say } from "./dom.js";
import { count } from "./format.js";
import { keepFocus } from "./parts.js";

/** Values that are shown before one asks for all. */
const FEW = 8;

/**
 * The filters; `change({type: [...]})` is called with what is chosen. `facets` are {name, label}, with
 * `single` where one value excludes the others, and `find`, the label of a field to find values by.
 * `more` stands below them.
 */
export function filters({ facets, change, more = null }) {
  const groups = facets.map((each) => group(each, change));
  const inside = h("div", { class: "facet-groups" }, groups.map(({ element }) => element), more);
  const chosen = h("span", { class: "count" });
  const details = h("details", { class: "facets", open: true }, h("summary", {}, "Filters", chosen), inside);
  const wide = matchMedia("(min-width: 56rem)");
  const fold = () => (details.open = wide.matches);
  wide.addEventListener("change", fold);
  fold();
  return {
    element: details,
    update(now, values) {
      for (const each of groups) each.update(now[each.name], values[each.name]);
      const times = facets.reduce((sum, { name }) => sum + now[name].length, 0);
      say(chosen, times ? String(times) : "");
    },
  };
}

function group({ name, label, single = false, find: word }, change) {
  const rows = new Map();
  const list = h("ul");
  let all = false;
  let last = [[], []];
  const more = h("button", { type: "button", class: "quiet more", onclick: () => ((all = !all), update(...last)) });
  const find = word ? h("input", { type: "search", class: "small", placeholder: word, "aria-label": word, autocomplete: "off", oninput: () => update(...last) }) : null;
  const element = h("fieldset", { hidden: true }, h("legend", {}, label), find, list, more);

  function row(value) {
    if (!rows.has(value)) {
      const box = h("input", { type: "checkbox", value });
      const times = h("span", { class: "count" });
      box.addEventListener("change", () => {
        const [chosen] = last;
        change({ [name]: box.checked ? [...(single ? [] : chosen), value] : chosen.filter((each) => each !== value) });
      });
      rows.set(value, { box, times, element: h("li", {}, h("label", {}, box, h("span", { class: "name", title: value }, value), times)) });
    }
    return rows.get(value);
  }

  function update(chosen, found) {
    last = [chosen, found];
    const counts = new Map(found.filter(({ value }) => value !== null).map((each) => [each.value, each.count]));
    for (const value of chosen) if (!counts.has(value)) counts.set(value, 0);
    const typed = find?.value.trim().toLowerCase() ?? "";
    const fit = [...counts.keys()].filter((value) => chosen.includes(value) || value.toLowerCase().includes(typed));
    const shown = all || typed ? fit : fit.filter((value, n) => n < FEW || chosen.includes(value));
    keepFocus(list, () => put(list, shown.map((value) => {
      const made = row(value);
      made.box.checked = chosen.includes(value);
      say(made.times, count(counts.get(value)));
      return made.element;
    })));
    for (const value of rows.keys()) if (!counts.has(value)) rows.delete(value);
    element.hidden = !counts.size && !typed;
    more.hidden = Boolean(typed) || fit.length <= FEW;
    say(more, all ? "Fewer" : `All ${count(fit.length)}`);
    more.ariaExpanded = String(all);
  }

  return { name, element, update };
}
