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

/** Get a page of records. */
export function fetchPage(now, signal) {
  const place = now.cursor ? { cursor: now.cursor } : { offset: now.offset || null };
  return get("history", { ...asked(now), ...period(now), ...place, limit: SIZE }, signal);
}

/** What is counted besides: it is the same for all pages of a list. */
export function countedBy(now) {
  return JSON.stringify([asked(now), period(now)]);
}

/**
 * Get the statistics, the values of the filters, which are those that each could have, and how many
 * records each day has, which no filter by day narrows.
 */
export async function fetchStatistics(now, signal) {
  const get_ = (query) => get("history/statistics", query, signal);
  const used = BY.filter((each) => now[each].length);
  const bounded = Boolean(now.from || now.to);
  const [statistics, always, ...others] = await Promise.all([
    get_({ ...asked(now), ...period(now) }),
    bounded ? get_(asked(now)) : null,
    ...used.map((each) => get_({ ...asked({ ...now, [each]: [] }), ...period(now) })),
  ]);
  const values = Object.fromEntries(BY.map((each) => [each, statistics[`by_${each}`]]));
  used.forEach((each, n) => (values[each] = others[n][`by_${each}`]));
  return { statistics, values, days: await fetchDays(now, (always ?? statistics).newest, signal) };
}

async function fetchDays(now, newest, signal) {
  if (newest === null) return [];
  // The last days with anything in them, where that is long ago.
  const last = new Date(Math.min(Date.now(), new Date(newest).getTime() + (DAYS / 2) * 86400e3));
  const edges = Array.from({ length: DAYS + 1 }, (_, n) => day(named(last), n + 1 - DAYS));
  const { items } = await get("history/timeline", { ...asked(now), at: edges.map((each) => each.toISOString()) }, signal);
  return items.map(({ count }, n) => ({ day: named(edges[n]), date: edges[n], count }));
}
