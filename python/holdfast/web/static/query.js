// What is asked of the artifacts: what the address says of it, and what the server is asked.

import { get } from "./api.js";

/** Artifacts of a page. */
export const SIZE = 50;
export const SORTS = [
  ["relevance", "Best match"],
  ["-updated", "Last updated"],
  ["updated", "Longest untouched"],
  ["-created", "Newest"],
  ["created", "Oldest"],
  ["title", "Title A–Z"],
  ["-title", "Title Z–A"],
  ["path", "Path"],
];
/** Those of which any will do, and all that narrow the list. */
const ANY = ["type", "status", "category"];
export const FILTERS = [...ANY.map((each) => [each, each]), ["tag", "tag"], ["path", "in"]];

/** Read the parameters of an address. */
export function read(query) {
  const list = (name) => query.getAll(name).filter(Boolean);
  const number = (name) => (/^\d{1,15}$/.test(query.get(name) ?? "") ? Number(query.get(name)) : null);
  return {
    view: ["log", "problems"].includes(query.get("view")) ? query.get("view") : "",
    q: query.get("q") ?? "",
    type: list("type"),
    status: list("status"),
    category: list("category"),
    tag: list("tag"),
    path: query.get("path"),
    sort: SORTS.some(([key]) => key === query.get("sort")) ? query.get("sort") : null,
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

/** Get a page of artifacts; the values of a filter are those that it could have, not those it has. */
export async function fetchPage(now, signal) {
  const asked = { q: now.q, type: now.type, status: now.status, category: now.category, tag: now.tag, path: now.path };
  const sort = now.sort === "relevance" && !now.q ? null : now.sort;
  const place = now.cursor ? { cursor: now.cursor } : { offset: now.offset || null };
  const used = ANY.filter((each) => now[each].length);
  const [page, ...others] = await Promise.all([
    get("database/artifacts", { ...asked, ...place, sort, limit: SIZE }, signal),
    ...used.map((each) => get("database/artifacts", { ...asked, [each]: [], limit: 1 }, signal)),
  ]);
  used.forEach((each, n) => (page.facets[each] = others[n].facets[each]));
  return page;
}
