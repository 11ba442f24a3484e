// An artifact to read: what is known of it, and its text.

import { get } from "./api.js";
import { h, put, say } from "./dom.js";
import { bytes, time } from "./format.js";
import { prose, slugOf } from "./markup.js";
import { clear, facts, report } from "./parts.js";
import { address } from "./route.js";

/** The reader in a panel; `follow(path)` opens the artifact of a path. */
export function reader({ side, follow }) {
  let shown = null;
  let asked = 0;

  side.body.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-path], a[data-anchor]");
    if (!link) return;
    event.preventDefault();
    if (link.dataset.path) return void follow(link.dataset.path);
    const slug = slugOf(link.dataset.anchor);
    [...side.body.querySelectorAll("[data-slug]")].find((each) => each.dataset.slug === slug)?.scrollIntoView({ block: "start" });
  });

  const notice = h("p", { class: "notice", role: "status" });

  return {
    say: (text) => say(notice, text),
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
      say(notice, "");
      try {
        const found = await get(`database/artifacts/${id}`);
        if (mine !== asked) return;
        clear("reader");
        side.open(article(found, notice));
      } catch (problem) {
        if (mine !== asked) return;
        shown = null;
        side.open(h("h2", {}, problem.status === 404 ? "No longer in the index" : "It cannot be read"), h("p", { class: "muted" }, problem.message));
        if (problem.status !== 404 && problem.status !== 409) report("reader", problem, () => this.open(id));
      }
    },
  };
}

function article(found, notice) {
  const list = facts([
    ["type", "Type"],
    ["status", "Status"],
    ["category", "Category"],
    ["updated", "Updated"],
    ["created", "Created"],
    ["size", "Size"],
  ]);
  for (const key of ["type", "status", "category"]) {
    const value = found[key];
    list.hide(key, value === null);
    list.set(key, h("a", { href: address("artifacts", { [key]: value }) }, value ?? ""));
  }
  list.set("updated", time(found.updated_at));
  list.set("created", time(found.created_at));
  list.set("size", bytes(found.size));
  return h(
    "article",
    { class: "document" },
    crumbs(found.path),
    h("h1", {}, found.title || found.path),
    found.tags.length > 0 && h("p", { class: "tags" }, found.tags.map((tag) => h("a", { class: "tag", href: address("artifacts", { tag }) }, tag))),
    notice,
    found.stale && h("p", { class: "notice" }, "The file has changed since the last sync. This is its text now; what is listed above is older."),
    found.error && h("p", { class: "notice" }, `At the last sync it could not be read anew: ${found.error}`),
    list.element,
    matter(found),
    body(found),
  );
}

function crumbs(path) {
  const parts = path.split("/");
  return h(
    "p",
    { class: "crumbs", "aria-label": "Path" },
    parts.map((part, n) => {
      const last = n === parts.length - 1;
      return [last ? part : h("a", { href: address("artifacts", { path: parts.slice(0, n + 1).join("/") }) }, part), last ? null : h("span", { class: "slash" }, "/")];
    }),
  );
}

/** The whole front matter. */
function matter({ metadata, content_hash: hash }) {
  const rows = Object.entries(metadata).map(([key, value]) =>
    h("tr", {}, h("th", { scope: "row" }, key), h("td", {}, typeof value === "string" ? value : JSON.stringify(value, null, 1))),
  );
  rows.push(h("tr", {}, h("th", { scope: "row" }, "SHA-256"), h("td", { class: "hash" }, hash)));
  return h("details", { class: "matter" }, h("summary", {}, "Front matter"), h("table", {}, h("tbody", {}, rows)));
}

function body({ html, body: text, title }) {
  if (html === null) return h("div", { class: "prose" }, h("p", { class: "notice" }, "To set it takes too long; here is its text."), h("pre", { class: "whole" }, text));
  const place = prose(html);
  // Most files begin with their title, which stands above.
  const first = place.firstElementChild;
  if (first?.localName === "h1" && first.textContent.trim() === title.trim()) first.remove();
  if (!place.textContent.trim()) put(place, h("p", { class: "muted" }, "There is no text below the front matter."));
  return place;
}
