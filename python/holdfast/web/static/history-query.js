// What is asked of the history: what the address says of it, and what the server is asked.

import { get } from "./api.js";

/** Records of a page. */
export const SIZE = 50;
/** Days of the timeline. */
const DAYS = 30;
const BY = ["provider", "backend", "model"];
export const FILTERS = [...BY.map((each) => [each, each]), ["conversation", "conversation"], ["from", "from"], ["to", "to"]];

/** Read the parameters of an address; a day is one of this place. */
export function read(query) {
  const list = (name) => query.getAll(name).filter(Boolean).slice(0, 1);
  const number = (name) => (/^\d{1,15}$/.test(query.get(name) ?? "") ? Number(query.get(name)) : null);
  const date = (name) => (day(query.get(name)) ? query.get(name) : null);
  return {
    q: query.get("q") ?? "",
    provider: list("provider"),
    backend: list("backend").filter((each) => ["zero-shot", "few-shot"].includes(each)),
    model: list("model"),
    conversation: query.get("conversation"),
    from: date("from"),
    to: date("to"),
    offset: number("offset") ?? 0,
    cursor: query.get("cursor"),
    id: number("id"),
  };
}

/** Write them. */
export function parameters({ offset, ...others }) {
  return { ...others, offset: offset || null };
}

/** Whether anything narrows the list. */
export function filtered(now) {
  return Boolean(now.q || FILTERS.some(([key]) => now[key]?.length));
}

/** The midnight that a day begins with, so many days later; null for what is no day. */
export function day(text, later = 0) {
  const found = /^(\d{4})-(\d\d)-(\d\d)$/.exec(text ?? "");
  if (!found) return null;
  const date = new Date(Number(found[1]), found[2] - 1, Number(found[3]));
  const real = date.getFullYear() === Number(found[1]) && date.getMonth() === found[2] - 1;
  date.setDate(date.getDate() + later);
  return real ? date : null;
}

/** A day as an address has it. */
export function named(date) {
  const two = (number) => String(number).padStart(2, "0");
  return `${String(date.getFullYear()).padStart(4, "0")}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
}

function asked({ q, provider, backend, model, conversation }) {
  return { q, provider, backend, model, conversation_id: conversation };
}

function period({ from, to }) {
  return { start: day(from)?.toISOString(), end: day(to, 1)?.toISOString() };
}

/** Get a page of records, of each what a list shows. */
export function fetchPage(now, signal) {
  const place = now.cursor ? { cursor: now.cursor } : { offset: now.offset || null };
  return get("history/excerpts", { ...asked(now), ...period(now), ...place, limit: SIZE }, signal);
}

/** What is counted besides: it is the same for all pages of a list. */
export function countedBy(now) {
  return JSON.stringify([asked(now), period(now)]);
}

/** Get the statistics, the values of the filters, and how many records each of the last days has. */
export async function fetchOverview(now, signal, last = new Date()) {
  const edges = Array.from({ length: DAYS + 1 }, (_, n) => day(named(last), n + 1 - DAYS));
  const found = await get("history/overview", { ...asked(now), ...period(now), at: edges.map((each) => each.toISOString()) }, signal);
  const days = found.periods.map(({ count }, n) => ({ day: named(edges[n]), date: edges[n], count }));
  const { newest } = found.statistics;
  if (newest === null || new Date(newest) >= edges[0]) return { ...found, days };
  // The last days with anything in them were long ago.
  return fetchOverview(now, signal, new Date(new Date(newest).getTime() + (DAYS / 2) * 86400e3));
}
