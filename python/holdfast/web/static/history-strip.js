// The numbers of the history, and how much there was each day.

import { h, put, say } from "./dom.js";
import { count, duration, number, percent, several } from "./format.js";
import { arrows } from "./keys.js";
import { keepFocus } from "./parts.js";

/** The strip; `where({from, to})` is the address of a day. */
export function strip({ where }) {
  const figures = [
    figure("Prompts", ({ total }) => [count(total)]),
    figure("Latency", ({ average_latency_ms: ms }) => [ms === null ? "–" : duration(ms / 1000), "on average"]),
    figure("Confidence", ({ average_confidence: share }) => [percent(share), "on average"]),
    figure("Quality", ({ average_quality: score }) => [percent(score), "on average"]),
    figure("Tokens", ({ input_tokens: in_, output_tokens: out }) => [short(in_ + out), in_ + out ? `${short(in_)} in, ${short(out)} out` : "none told"]),
  ];
  const caption = h("span", { class: "note" });
  const bars = h("ul", { class: "days" });
  const renew = arrows(bars, "a");
  const chart = h("figure", { class: "chart" }, h("figcaption", {}, h("span", { class: "label" }, "Prompts a day"), caption), bars);
  const element = h("section", { class: "strip", "aria-label": "Statistics", hidden: true }, figures.map(({ element: each }) => each), chart);
  let usual = "";

  function point(event) {
    const link = event.target.closest("a");
    say(caption, link ? link.ariaLabel : usual);
  }
  for (const event of ["pointerover", "focusin"]) bars.addEventListener(event, point);
  for (const event of ["pointerleave", "focusout"]) bars.addEventListener(event, () => say(caption, usual));

  return {
    element,
    update(now, statistics, days) {
      element.hidden = false;
      for (const each of figures) each.update(statistics);
      chart.hidden = !days.length;
      if (!days.length) return;
      const most = Math.max(...days.map((each) => each.count), 1);
      usual = `${text(days[0].date)} to ${text(days.at(-1).date)}, at most ${count(most)}`;
      say(caption, usual);
      const focused = document.activeElement?.closest(".days a")?.dataset.day;
      keepFocus(bars, () => put(bars, days.map((each) => bar(each, most, now, where))));
      if (focused) bars.querySelector(`[data-day="${focused}"]`)?.focus({ preventScroll: true });
      renew();
    },
  };
}

function figure(label, of) {
  const value = h("dd", { class: "value" });
  const note = h("dd", { class: "note" });
  return {
    element: h("dl", { class: "figure" }, h("dt", {}, label), value, note),
    update(statistics) {
      const [now, more = ""] = of(statistics);
      say(value, now);
      say(note, more);
    },
  };
}

function bar({ day, date, count: times }, most, now, where) {
  const chosen = (now.from ?? "") <= day && day <= (now.to ?? "9999");
  const only = now.from === day && now.to === day;
  const fill = h("span", { class: "fill", hidden: !times });
  fill.style.setProperty("height", `${(100 * times) / most}%`);
  return h(
    "li",
    {},
    h("a", { href: where(only ? { from: null, to: null } : { from: day, to: day }), dataset: { day }, class: chosen ? null : "outside", "aria-current": only ? "true" : null, "aria-label": `${text(date)}: ${several(times, "prompt")}` }, fill),
  );
}

function text(date) {
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short" });
}

/** 1 204, 48 k, 3.1 M. */
function short(value) {
  for (const [unit, size] of [["M", 1e6], ["k", 1e4]]) {
    if (value >= size) return `${number(value / (unit === "k" ? 1e3 : size))} ${unit}`;
  }
  return count(value);
}
