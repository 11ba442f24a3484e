// The page of the database itself: how it is doing, now and in the last minutes.

import { get } from "./api.js";
import { chart } from "./chart.js";
import { h, put, say } from "./dom.js";
import { bytes, count, duration, number, several } from "./format.js";
import { settings, storage } from "./overview-file.js";
import { holds, lane, pool } from "./overview-load.js";
import { index, jobs, prompts, runs } from "./overview-stores.js";
import { clear, report } from "./parts.js";

const KEPT = 300;
/** Seconds after which what is not in the stream is asked for again. */
const OLD = 60;

export const overview = {
  name: "overview",
  title: "Overview",

  open(root, { live }) {
    let samples = [];
    let stats = {};
    let asked = 0;
    const title = h("h1", {}, "Overview");
    const summary = h("p", { class: "summary" }, "Loading …");
    const charts = [
      chart({ title: "Writes", series: [{ of: (each) => each.writes }], format: rate, note: peak("writes") }),
      chart({ title: "Reads", series: [{ of: (each) => each.reads }], format: rate, note: peak("reads") }),
      chart({
        title: "Size",
        series: [{ of: (each) => each.size }, { of: (each) => each.wal_size }],
        format: bytes,
        note: (each) => `log ${bytes(each.wal_size)}`,
      }),
      chart({
        title: "Lane wait",
        series: [{ of: (each) => each.wait }],
        format: duration,
        note: () => `p99 ${duration(stats.lane.waits.p99)}`,
      }),
    ];
    const stacks = [[storage({ live, refresh }), index(), prompts()], [lane(), jobs(), runs()], [pool(), settings()]];
    const sections = [...stacks.flat(), holds()];
    put(
      root,
      h("header", { class: "head" }, h("div", {}, title, summary)),
      h("div", { class: "charts" }, charts.map(({ element }) => element)),
      h("div", { class: "sections" }, stacks.map((stack) => h("div", { class: "stack" }, stack.map(({ element }) => element))), sections.at(-1).element),
    );

    function draw() {
      say(title, stats.name);
      say(summary, sentence(stats));
      for (const each of charts) each.update(samples);
      for (const each of sections) each.update(stats);
    }

    function add(sample) {
      if (sample && sample.at > (samples.at(-1)?.at ?? 0)) samples = [...samples.slice(1 - KEPT), sample];
    }

    async function refresh() {
      asked = Date.now();
      try {
        stats = await get("database/stats");
        clear("overview");
        samples = stats.samples;
        draw();
      } catch (problem) {
        report("overview", problem, refresh);
      }
    }

    const ends = [
      live.on("stats", (now) => {
        if (stats.pragmas === undefined) return;
        stats = { ...stats, ...now };
        add(now.sample);
        draw();
        if (Date.now() - asked > OLD * 1000) refresh();
      }),
      live.on("again", refresh),
      live.on("sync", refresh),
    ];
    refresh();
    return {
      update() {},
      close() {
        for (const end of [...ends, ...sections.map((each) => each.close)]) end?.();
      },
    };
  },
};

const rate = (value) => `${number(value)}/s`;

function peak(name) {
  return (_, samples) => `peak ${rate(Math.max(...samples.map((each) => each[name])))}`;
}

/** What there is to know, in a sentence or two. */
function sentence({ lane, pool, pragmas, retries, size, uptime, free_pages: free, page_size: page }) {
  const calm = lane.waiting ? `${several(lane.waiting, "writer waits", "writers wait")}` : "nobody waits to write";
  const readers = pool.open - pool.idle;
  const reading = readers ? `${several(readers, "reader is", "readers are")} busy` : "no reader is busy";
  const parts = [
    `${bytes(size)}, of which ${bytes(free * page)} are free.`,
    `All ${count(Object.keys(pragmas).length)} settings were read back and verified.`,
    `Now ${calm}, and ${reading}.`,
  ];
  if (retries.gave_up) parts.push(`${several(retries.gave_up, "operation was", "operations were")} given up.`);
  parts.push(`Watched for ${duration(Math.floor(uptime))}.`);
  return parts.join(" ");
}
