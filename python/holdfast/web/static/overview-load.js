// Who reads, who writes, and who had to wait.

import { h, put } from "./dom.js";
import { count, duration, number, percent, several, time } from "./format.js";
import { facts, note, section } from "./parts.js";

/** The section of the one who writes. */
export function lane() {
  const list = facts([
    ["holder", "Held by"],
    ["waiting", "Waiting"],
    ["waits", "Waits"],
    ["holds", "Holds"],
    ["writes", "Writes"],
    ["retries", "Retries"],
  ]);
  return {
    element: section("Writer lane", list.element),
    update({ lane: now, writes, transactions, rollbacks, retries }) {
      list.set("holder", ...holder(now.holder));
      list.set("waiting", now.waiting ? several(now.waiting, "writer") : "nobody");
      list.set("waits", ...spread(now.waits));
      list.set("holds", ...spread(now.holds));
      list.set("writes", count(writes), note(`${several(transactions, "transaction")}, ${count(rollbacks)} rolled back`));
      list.set("retries", percent(retries.rate), note(retries.recovered || retries.gave_up ? `${count(retries.recovered)} recovered, ${count(retries.gave_up)} given up` : "none was needed"));
    },
  };
}

/** The section of those who read. */
export function pool() {
  const list = facts([
    ["use", "In use"],
    ["holders", "Longest"],
    ["waits", "Waits"],
    ["reads", "Reads"],
  ]);
  return {
    element: section("Readers", list.element),
    update({ pool: now, reads, samples, sample = samples.at(-1) }) {
      list.set("use", `${count(now.open - now.idle)} of ${count(now.open)}`, note(`${count(now.idle)} idle`));
      list.set("holders", ...holder(now.holders[0]));
      list.set("waits", ...spread(now.waits));
      list.set("reads", count(reads), note(sample ? `${number(sample.reads)}/s a moment ago` : ""));
    },
  };
}

/** The section of those who kept others waiting the longest. */
export function holds() {
  const body = h("tbody");
  let shown = "";
  const table = h(
    "table",
    { class: "holds" },
    h("thead", {}, h("tr", {}, ["Held", "Thread", "Statement", "When"].map((each) => h("th", { scope: "col" }, each)))),
    body,
  );
  const none = h("p", { class: "muted" }, "Nobody has written yet.");
  const element = section("Slowest holds of the lane", h("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Slowest holds" }, table), none);
  element.classList.add("wide");
  return {
    element,
    update({ lane: { longest } }) {
      table.hidden = !longest.length;
      none.hidden = longest.length > 0;
      const now = JSON.stringify(longest);
      if (now === shown) return;
      shown = now;
      put(body, longest.map((each) => row(each, longest[0].held)));
    },
  };
}

function row({ thread, statement, held, ended }, most) {
  const bar = h("span", { class: "share" });
  bar.style.setProperty("width", `${Math.max(2, (100 * held) / most)}%`);
  return h(
    "tr",
    {},
    h("td", { class: "held" }, duration(held), bar),
    h("td", {}, thread),
    h("td", { class: "statement" }, h("code", { title: statement }, statement || "–")),
    h("td", { class: "when" }, time(ended)),
  );
}

function holder(found) {
  if (!found) return ["nobody"];
  return [`${found.thread}, for ${duration(found.held)}`, h("code", { class: "note" }, found.statement ?? "")];
}

function spread({ count: times, p50, p99, longest }) {
  if (!times) return ["none"];
  return [count(times), note(`p50 ${duration(p50)} · p99 ${duration(p99)} · longest ${duration(longest)}`)];
}
