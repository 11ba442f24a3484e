// What a run came to, and how that looks.

import { h } from "./dom.js";

const WORDS = { ok: "consensus", degraded: "degraded", failed: "no consensus", undecided: "undecided" };

/** The outcome of a run: "ok", "degraded", "failed" or "undecided". */
export function outcome({ consensus_ok: ok, degraded }) {
  if (ok === false) return "failed";
  if (ok === null) return "undecided";
  return degraded ? "degraded" : "ok";
}

/** In words: what is undecided or has failed may be degraded too. */
export function inWords(run) {
  const found = outcome(run);
  return run.degraded && found !== "degraded" ? `${WORDS[found]}, degraded` : WORDS[found];
}

/** A dot, and its words. */
export function state(run) {
  return h("span", { class: "state", dataset: { state: outcome(run) } }, h("span", { class: "dot", "aria-hidden": "true" }), inWords(run));
}
