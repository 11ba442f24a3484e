// The frame around the pages. A page is a module; to add one, name it in PAGES.

import { canWrite, stores } from "./api.js";
import { artifacts } from "./artifacts.js";
import { h, icon, put, say } from "./dom.js";
import { Live } from "./events.js";
import { keepTimes } from "./format.js";
import { history } from "./history.js";
import { jobs } from "./jobs.js";
import { keys } from "./keys.js";
import { overview } from "./overview.js";
import { banner, clear, clearAll } from "./parts.js";
import { address, onRoute, read } from "./route.js";
import { runs } from "./runs.js";

/**
 * Each is {name, title, open(root, context)}; `open` returns {update(query), close()}: `update` is
 * called with the parameters of the address, at first and whenever they change.
 */
const PAGES = [overview, artifacts, jobs, history, runs];

const THEMES = { auto: "as the system", light: "light", dark: "dark" };
const main = document.getElementById("main");
const context = { live: new Live(), keys: keys() };

function frame() {
  // A page of a store that is not here says so, to those who have its address.
  const links = PAGES.filter(({ name }) => name === "overview" || stores.includes(name)).map(({ name, title }) => h("a", { href: address(name), dataset: { page: name } }, title));
  put(document.getElementById("nav"), links);
  document.querySelector(".skip").addEventListener("click", (event) => {
    // The address after # is that of a page.
    event.preventDefault();
    main.focus();
  });
  if (!canWrite) {
    document.querySelector(".brand").append(h("span", { class: "badge", title: "Nothing can be changed from here" }, "read-only"));
  }
  theme();
}

function theme() {
  const root = document.documentElement;
  const button = document.getElementById("theme");
  const names = Object.keys(THEMES);
  const tell = () => {
    const now = root.dataset.theme ?? "auto";
    put(button, icon(now));
    button.ariaLabel = `Colours: ${THEMES[now]}`;
    button.title = button.ariaLabel;
  };
  button.addEventListener("click", () => {
    const next = names[(names.indexOf(root.dataset.theme ?? "auto") + 1) % names.length];
    if (next === "auto") delete root.dataset.theme;
    else root.dataset.theme = next;
    try {
      localStorage.setItem("holdfast-theme", next);
    } catch {
      // Then it is for this page alone.
    }
    tell();
  });
  tell();
}

function pages() {
  let shown = null;
  const route = () => {
    const { name, query } = read();
    const page = PAGES.find((each) => each.name === name) ?? PAGES[0];
    if (shown?.page !== page) {
      const first = shown === null;
      shown?.opened.close();
      clearAll();
      for (const link of document.querySelectorAll("#nav a")) {
        if (link.dataset.page === page.name) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
      }
      const root = h("div", { class: `page ${page.name}` });
      put(main, root);
      window.scrollTo(0, 0);
      shown = { page, opened: page.open(root, context) };
      title(page);
      if (!first) main.focus({ preventScroll: true });
    }
    shown.opened.update(query);
  };
  onRoute(route);
  route();
  return () => title(shown.page);
}

function title(page) {
  const file = document.getElementById("file").textContent;
  document.title = `${page.title} · ${file || "Holdfast"}`;
}

function live(retitle) {
  const place = document.getElementById("live");
  context.live.on("state", (state) => {
    place.dataset.state = state;
    say(place.querySelector(".word"), state);
  });
  context.live.on("stats", (stats) => {
    say(document.getElementById("file"), stats.name);
    retitle();
    clear("database");
    if (stats.health && !stats.health.saving) banner("saving", "The database cannot be written: jobs are kept in memory until it can.");
    else clear("saving");
  });
  context.live.on("problem", ({ detail }) => banner("database", `The database cannot be read: ${detail}`));
  context.live.start();
}

frame();
keepTimes();
live(pages());
