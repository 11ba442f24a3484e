// The server's endpoints. Addresses are relative to the page, so any prefix will do.

import { search } from "./route.js";

const meta = document.querySelector('meta[name="holdfast-token"]');

/** The stores that there are here: "artifacts", "jobs", "history", "runs". */
export const stores = (document.querySelector('meta[name="holdfast-stores"]')?.content ?? "").split(" ").filter(Boolean);

/** Whether the page was given what it needs to change anything. */
export const canWrite = meta !== null;

/** What the server refused, or could not do. */
export class Problem extends Error {
  constructor(status, detail, error = null) {
    super(detail);
    this.status = status;
    /** The name of the error, where it has one. */
    this.error = error;
  }
}

/** Get what is at a path; `query` is an object, whose lists are repeated. */
export function get(path, query = {}, signal = undefined) {
  return ask(`api/v1/${path}${search(query)}`, { signal });
}

/** Change something. */
export function post(path, body = undefined) {
  return send("POST", path, body);
}

/** Delete something. */
export function remove(path) {
  return send("DELETE", path);
}

function send(method, path, body = undefined) {
  const headers = {};
  if (meta?.content) headers["X-Holdfast-Token"] = meta.content;
  if (body !== undefined) headers["Content-Type"] = "application/json";
  return ask(`api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
}

async function ask(address, settings) {
  let response;
  try {
    response = await fetch(address, { credentials: "same-origin", ...settings });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, "The server does not answer.");
  }
  if (response.status === 204) return null;
  let found = null;
  try {
    found = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    if (response.ok) throw new Problem(response.status, "The server's answer was cut short.");
  }
  if (response.ok) return found;
  const detail = found?.detail ?? found?.title ?? `The server said ${response.status}.`;
  throw new Problem(response.status, detail, found?.error);
}
