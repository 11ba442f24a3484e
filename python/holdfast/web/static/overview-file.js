// The file: its size, its log, what is free, its copies; and how it was opened.

import { canWrite, post } from "./api.js";
import { h, icon, put, say } from "./dom.js";
import { bytes, count, duration, percent, several, time } from "./format.js";
import { announce, button, clear, facts, note, progress, report, section } from "./parts.js";

/** The section of the file; `refresh` has the page ask anew. */
export function storage({ live, refresh }) {
  const list = facts([
    ["size", "Size"],
    ["wal", "Log (WAL)"],
    ["pinned", "Log kept by"],
    ["free", "Free pages"],
    ["vacuum", "Last vacuum"],
    ["backup", "Last backup"],
  ]);
  const result = h("p", { class: "result" });
  const bar = progress("Backup");
  bar.element.hidden = true;

  const done = (text) => {
    say(result, text);
    announce(text);
  };

  async function vacuum() {
    clear("vacuum");
    try {
      const found = await post("database/vacuum");
      done(found.reclaimed ? `Gave back ${bytes(found.size_before - found.size_after || found.reclaimed)} in ${duration(found.seconds)}.` : "There was nothing to give back.");
      await refresh();
    } catch (problem) {
      report("vacuum", problem, vacuum);
    }
  }

  async function backup() {
    clear("backup");
    bar.update(null);
    bar.element.hidden = false;
    say(result, "Copying …");
    try {
      const made = await post("database/backup");
      done(`Made ${made.name}: ${bytes(made.size)}, ${made.ok ? "verified" : "NOT sound"}, in ${duration(made.seconds)}.`);
      await refresh();
    } catch (problem) {
      say(result, "");
      report("backup", problem, backup);
    } finally {
      bar.element.hidden = true;
    }
  }

  const giveBack = button("Give space back", vacuum, { class: "plain" });
  const actions = canWrite && h("div", { class: "actions" }, giveBack, button("Back up now", backup, { class: "plain" }));
  const end = live.on("backup", ({ done: pages, total }) => bar.update(total ? (100 * pages) / total : null));
  return {
    element: section("File", list.element, actions, bar.element, result),
    close: end,
    update(stats) {
      const { wal, pages, free_pages: free, page_size: page, backup: last } = stats;
      list.set("size", bytes(stats.size), note(`${several(pages, "page")} of ${count(page)} B`));
      list.set("wal", bytes(stats.wal_size), note(wal.pages ? `${percent(wal.moved / wal.pages)} moved to the file` : "empty"));
      list.hide("pinned", !wal.readers.length && !wal.processes.length);
      list.set("pinned", [...wal.readers.map((each) => each.thread ?? String(each)), ...wal.processes.map((id) => `process ${id}`)].join(", "));
      list.set("free", count(free), note(`${bytes(free * page)}, ${percent(pages ? free / pages : 0)} of the file`));
      list.set("vacuum", time(stats.last_vacuum, "none since the start"));
      list.set("backup", last ? [time(last.at), note(`${last.name}, ${bytes(last.size)}`)] : time(stats.last_backup, "none yet"));
    },
  };
}

/** The section of how the file was opened, and of the tables in it. */
export function settings() {
  const list = h("ul", { class: "pragmas" });
  const schema = h("p", { class: "muted" });
  let shown = "";
  return {
    element: section("Verified settings", list, schema),
    update({ pragmas, schema: versions }) {
      const now = JSON.stringify([pragmas, versions]);
      if (now === shown) return;
      shown = now;
      put(
        list,
        Object.entries(pragmas).map(([name, value]) =>
          h("li", {}, icon("check"), h("code", {}, name), h("span", { class: "value" }, setting(name, value))),
        ),
      );
      const told = Object.entries(versions).map(([name, version]) => `${name} ${version ?? "unknown"}`);
      say(schema, `Schema versions: ${told.join(", ")}.`);
    },
  };
}

function setting(name, value) {
  if (name === "mmap_size") return value ? bytes(value) : "off";
  if (name === "cache_size") return value < 0 ? bytes(-value * 1024) : several(value, "page");
  if (name === "busy_timeout") return duration(value / 1000);
  if (name === "foreign_keys") return value ? "on" : "off";
  return String(value);
}
