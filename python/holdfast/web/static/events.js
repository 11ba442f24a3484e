// What happens on the server, as it happens. Without the stream the page asks every few seconds.

import { get } from "./api.js";

const NAMES = ["stats", "job", "sync", "backup", "problem", "beat"];
/** Milliseconds: without a word for so long the stream is taken for dead; between questions; hidden. */
const SILENCE = 12000;
const ASK = 5000;
const HIDDEN = 30000;

export class Live {
  #listeners = new Map();
  #source = null;
  #state = "connecting";
  #heard = 0;
  #tries = 0;
  #again = null;
  #asking = false;
  #hiding = null;
  /** The last statistics, null before the first. */
  latest = null;

  /** Call for each event of a name; returns what ends it. `state` and `again` are events too. */
  on(name, listener) {
    if (!this.#listeners.has(name)) this.#listeners.set(name, new Set());
    this.#listeners.get(name).add(listener);
    return () => this.#listeners.get(name).delete(listener);
  }

  start() {
    this.#open();
    setInterval(() => this.#watch(), 2000);
    setInterval(() => this.#ask(), ASK);
    document.addEventListener("visibilitychange", () => this.#visibility());
    // A page that goes into the cache of back and forward comes out of it without a stream.
    window.addEventListener("pageshow", (event) => event.persisted && this.#reopen(0));
    window.addEventListener("online", () => this.#reopen(0));
  }

  /** Call with the statistics as soon as there are some, once; returns what ends it. */
  once(listener) {
    const end = this.on("stats", (stats) => (end(), listener(stats)));
    if (this.latest !== null) (end(), listener(this.latest));
    return end;
  }

  #tell(name, data) {
    if (name === "stats") this.latest = data;
    for (const listener of this.#listeners.get(name) ?? []) listener(data);
  }

  #be(state) {
    if (this.#state === state) return;
    const back = state === "live" && this.#state === "reconnecting";
    this.#state = state;
    this.#tell("state", state);
    // What happened meanwhile was not told.
    if (back) this.#tell("again", null);
  }

  #open() {
    this.#source?.close();
    clearTimeout(this.#again);
    this.#again = null;
    this.#heard = Date.now();
    const source = new EventSource("api/v1/events");
    this.#source = source;
    source.onopen = () => {
      this.#tries = 0;
      this.#heard = Date.now();
      this.#be("live");
    };
    source.onerror = () => {
      this.#be("reconnecting");
      // The browser tries again by itself, unless the server answered with something else.
      if (source.readyState === EventSource.CLOSED) this.#reopen();
    };
    for (const name of NAMES) {
      source.addEventListener(name, (event) => {
        this.#heard = Date.now();
        this.#tell(name, JSON.parse(event.data));
      });
    }
  }

  #reopen(delay = Math.min(30000, 1000 * 2 ** this.#tries++)) {
    if (this.#again !== null) return;
    this.#source?.close();
    this.#again = setTimeout(() => this.#open(), delay);
  }

  #watch() {
    if (this.#source?.readyState !== EventSource.OPEN || document.hidden) return;
    if (Date.now() - this.#heard > SILENCE) {
      this.#be("reconnecting");
      this.#reopen(0);
    }
  }

  async #ask() {
    if (this.#state !== "reconnecting" || this.#asking || document.hidden) return;
    this.#asking = true;
    try {
      const stats = await get("database/stats");
      if (this.#state === "reconnecting") {
        this.#tell("stats", { ...stats, sample: stats.samples.at(-1) });
        this.#tell("again", null);
      }
    } catch {
      // The state says it already.
    } finally {
      this.#asking = false;
    }
  }

  #visibility() {
    clearTimeout(this.#hiding);
    if (!document.hidden) {
      if (this.#source === null) this.#open();
      return;
    }
    // A browser has few connections to one host; a tab that nobody sees gives its own back.
    this.#hiding = setTimeout(() => {
      this.#source?.close();
      this.#source = null;
      this.#be("reconnecting");
    }, HIDDEN);
  }
}
