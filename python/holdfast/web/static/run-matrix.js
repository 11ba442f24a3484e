// The specs and their stages: what the newest run of each came to.

import { h, put } from "./dom.js";
import { count, several, time } from "./format.js";
import { inWords, state } from "./run-state.js";

/** The matrix; `where({id})` is the address of a run, `of({spec, stage})` that of a list of runs. */
export function matrix({ where, of }) {
  const element = h("div", { class: "matrix", role: "region", "aria-label": "Specs and their stages", tabindex: 0 });
  let cells = [];

  element.addEventListener("keydown", (event) => {
    const row = cells.findIndex((each) => each.includes(event.target));
    if (row < 0 || event.altKey || event.ctrlKey || event.metaKey) return;
    const at = cells[row].indexOf(event.target);
    const to = {
      ArrowRight: () => [row, cells[row].findIndex((each, n) => n > at && each)],
      ArrowLeft: () => [row, cells[row].findLastIndex((each, n) => n < at && each)],
      ArrowDown: () => [cells.findIndex((each, n) => n > row && each[at]), at],
      ArrowUp: () => [cells.findLastIndex((each, n) => n < row && each[at]), at],
    }[event.key]?.();
    const next = to && cells[to[0]]?.[to[1]];
    if (!to) return;
    event.preventDefault();
    next?.focus();
  });
  // One stop for the tab key.
  element.addEventListener("focusin", (event) => event.target.closest("a.cell") && stop(event.target.closest("a.cell")));

  function stop(chosen) {
    for (const each of cells.flat()) if (each) each.tabIndex = each === chosen ? 0 : -1;
  }

  return {
    element,
    row: (id) => cells.flat().find((each) => each?.dataset.id === String(id)),
    put: (what) => put(element, what),
    update({ items, stages }) {
      const focused = document.activeElement?.closest(".matrix a.cell")?.dataset.id;
      element.style.setProperty("--stages", stages.length);
      cells = items.map((spec) => stages.map((name) => cell(spec, spec.stages.find(({ stage }) => stage === name), where)));
      put(
        element,
        h("div", { class: "matrix-head", "aria-hidden": "true" }, h("span", {}, "Spec"), stages.map((name) => h("span", { title: name }, name))),
        h("ul", {}, items.map((spec, n) => h("li", { class: "matrix-row" }, title(spec, of), cells[n].map((each) => each ?? h("span", { class: "cell none", "aria-hidden": "true" }, "–"))))),
      );
      stop(cells.flat().find((each) => each?.dataset.id === focused) ?? cells.flat().find(Boolean));
      if (focused) cells.flat().find((each) => each?.dataset.id === focused)?.focus({ preventScroll: true });
    },
  };
}

function title({ spec_id: spec, runs, last }, of) {
  return h("div", { class: "spec" }, h("a", { href: of({ spec }), title: `All runs of ${spec}` }, spec), h("span", { class: "note" }, several(runs, "run"), ", ", time(last)));
}

function cell({ spec_id: spec }, found, where) {
  if (!found) return null;
  const again = found.runs > 1 ? `, ${count(found.runs)} runs` : "";
  return h(
    "a",
    { class: "cell", href: where({ id: found.id }), dataset: { id: found.id }, "aria-label": `${spec}, ${found.stage}: ${inWords(found)}${again}` },
    h("span", { class: "stage" }, found.stage),
    state(found),
    h("span", { class: "note" }, time(found.run_timestamp), found.runs > 1 && h("span", { class: "times" }, `${count(found.runs)} runs`)),
  );
}
