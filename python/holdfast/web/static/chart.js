// Small charts over time: an area without axes, its last value, and what it was under the pointer.

import { h, s, say } from "./dom.js";
import { ago } from "./format.js";

const WIDTH = 240;
const HEIGHT = 48;
const TOP = 3;
/** Seconds: what is shown at most; a pause longer than this is left open. */
const WINDOW = 600;
const PAUSE = 7;

/**
 * A chart of samples. `series` are [{name, of: sample => number}], the first is filled;
 * `format` writes a value. `update(samples)` draws them.
 */
export function chart({ title, series, format, note = () => "" }) {
  const value = h("span", { class: "value" }, "–");
  const caption = h("span", { class: "note" });
  const lines = series.map((_, n) => s("path", { class: n ? "line other" : "line" }));
  const area = s("path", { class: "area" });
  const cursor = s("line", { class: "cursor", y1: 0, y2: HEIGHT, hidden: true });
  const drawing = s(
    "svg",
    { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img" },
    area,
    ...lines,
    cursor,
  );
  let samples = [];
  let pointed = null;

  function place(sample) {
    const last = samples.at(-1).at;
    const first = Math.max(samples[0].at, last - WINDOW);
    return ((sample.at - first) / Math.max(last - first, 1)) * WIDTH;
  }

  function draw() {
    const most = Math.max(...samples.flatMap((each) => series.map(({ of }) => of(each) ?? 0)), 0) || 1;
    const y = (number) => HEIGHT - 1 - ((number ?? 0) / most) * (HEIGHT - 1 - TOP);
    series.forEach(({ of }, n) => {
      const runs = apart(samples).map((run) => run.map((each) => [place(each), y(of(each))]));
      lines[n].setAttribute("d", runs.map(path).join(""));
      if (n === 0) area.setAttribute("d", runs.map(under).join(""));
    });
    describe();
  }

  function describe() {
    const sample = pointed ?? samples.at(-1);
    say(value, format(series[0].of(sample)));
    say(caption, pointed ? ago(new Date(pointed.at * 1000)) : note(sample, samples));
    cursor.toggleAttribute("hidden", !pointed);
    if (pointed) {
      cursor.setAttribute("x1", place(pointed));
      cursor.setAttribute("x2", place(pointed));
    }
    const values = samples.map(series[0].of);
    drawing.setAttribute(
      "aria-label",
      `${title}: ${format(values.at(-1))} now, at most ${format(Math.max(...values))} in the last ` +
        `${Math.max(1, Math.round((samples.at(-1).at - samples[0].at) / 60))} min`,
    );
  }

  drawing.addEventListener("pointermove", (event) => {
    if (!samples.length) return;
    const box = drawing.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * WIDTH;
    pointed = samples.reduce((a, b) => (Math.abs(place(b) - at) < Math.abs(place(a) - at) ? b : a));
    describe();
  });
  drawing.addEventListener("pointerleave", () => {
    pointed = null;
    if (samples.length) describe();
  });

  const element = h("figure", { class: "chart" }, h("figcaption", {}, h("span", { class: "label" }, title), value, caption), drawing);
  return {
    element,
    update(found) {
      const last = found.at(-1)?.at ?? 0;
      samples = found.filter((each) => each.at >= last - WINDOW);
      if (samples.length) draw();
    },
  };
}

/** Samples without a pause between them. */
function apart(samples) {
  const runs = [[]];
  for (const each of samples) {
    const before = runs.at(-1).at(-1);
    if (before && each.at - before.at > PAUSE) runs.push([]);
    runs.at(-1).push(each);
  }
  return runs;
}

function path(points) {
  return points.map(([x, y], n) => `${n ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}

function under(points) {
  return `${path(points)}L${points.at(-1)[0].toFixed(1)} ${HEIGHT}L${points[0][0].toFixed(1)} ${HEIGHT}Z`;
}
