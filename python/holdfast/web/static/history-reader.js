// A prompt to read: what was asked for, what it was made into, and how.

import { canWrite, get, remove } from "./api.js";
import { h, say } from "./dom.js";
import { count, duration, percent, time } from "./format.js";
import { backend } from "./history-row.js";
import { announce, button, clear, confirm, facts, report } from "./parts.js";
import { address } from "./route.js";

const TEXTS = [
  ["role", "Role"],
  ["context", "Context"],
  ["directive", "Directive"],
  ["framework", "Framework"],
  ["guardrails", "Guardrails"],
  ["reasoning", "Reasoning"],
];

/** The reader in a panel; `gone(id)` is called when a record was deleted. */
export function reader({ side, gone }) {
  let shown = null;
  let asked = 0;

  return {
    /** Close it; an answer that is still on its way opens it no more. */
    shut() {
      asked += 1;
      shown = null;
      side.shut();
    },
    async open(id) {
      if (side.isOpen && shown === id) return;
      const mine = ++asked;
      shown = id;
      try {
        const found = await get(`history/${id}`);
        if (mine !== asked) return;
        clear("reader");
        side.open(article(found, gone));
      } catch (problem) {
        if (mine !== asked) return;
        shown = null;
        side.open(h("h2", {}, problem.status === 404 ? `There is no prompt ${id}` : "It cannot be read"), h("p", { class: "muted" }, problem.status === 404 ? "It may have been deleted, or was too old to be kept." : problem.message));
        if (problem.status !== 404) report("reader", problem, () => this.open(id));
      }
    },
  };
}

function article(record, gone) {
  return h(
    "article",
    { class: "document prompt" },
    h("p", { class: "crumbs" }, `${record.provider} / ${record.model}`),
    h("h1", {}, `Prompt ${record.id}`),
    h("p", { class: "under" }, backend(record.backend), time(record.timestamp)),
    numbers(record),
    h("section", {}, h("h2", {}, "Idea"), h("p", { class: "whole idea" }, record.original_idea)),
    h("section", {}, h("div", { class: "heading" }, h("h2", {}, "Improved prompt"), copy(record.improved_prompt)), h("p", { class: "whole improved" }, record.improved_prompt)),
    parts(record),
    canWrite && h("div", { class: "actions" }, button("Delete this prompt", () => act(record, gone), { class: "plain" })),
  );
}

function numbers(record) {
  const list = facts([
    ["confidence", "Confidence"],
    ["quality", "Quality"],
    ["latency", "Latency"],
    ["tokens", "Tokens"],
    ["conversation", "Conversation"],
  ]);
  const known = (key, value, ...children) => (list.hide(key, value === null), list.set(key, ...children));
  known("confidence", record.confidence, share(record.confidence));
  known("quality", record.quality_score, share(record.quality_score));
  known("latency", record.latency_ms, duration(record.latency_ms / 1000));
  const { input_tokens: in_, output_tokens: out } = record;
  known("tokens", in_ ?? out, `${count(in_)} in, ${count(out)} out`);
  known("conversation", record.conversation_id, h("a", { href: address("history", { conversation: record.conversation_id }) }, record.conversation_id));
  return list.element;
}

function share(value) {
  const bar = h("span", { class: "share" });
  bar.style.setProperty("width", `${100 * value}%`);
  return [percent(value), h("span", { class: "gauge" }, bar)];
}

/** Puts a text where others can be taken from, which a browser may refuse. */
function copy(text) {
  const made = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(text);
      say(made, "Copied");
      announce("Copied");
    } catch {
      say(made, "Not allowed");
    }
  }, { class: "quiet small", "aria-label": "Copy the improved prompt" });
  return made;
}

function parts(record) {
  const given = TEXTS.filter(([key]) => record[key]?.length);
  if (!given.length) return null;
  return h("dl", { class: "parts" }, given.map(([key, label]) => h("div", {}, h("dt", {}, label), h("dd", {}, value(record[key])))));
}

function value(found) {
  if (typeof found === "string") return found;
  return h("ul", {}, found.map((each) => h("li", {}, each)));
}

async function act(record, gone) {
  const sure = await confirm({
    title: `Delete prompt ${record.id}?`,
    text: "The idea, the improved prompt and all that is known of them are gone for good.",
    action: "Delete",
    danger: true,
  });
  if (!sure) return;
  try {
    await remove(`history/${record.id}`);
  } catch (problem) {
    if (problem.status !== 404) return report("reader", problem);
  }
  clear("reader");
  announce(`Prompt ${record.id} is deleted`);
  gone(record.id);
}
