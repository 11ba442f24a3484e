// Numbers, sizes and times as people read them.

import { h } from "./dom.js";

const THIN = "\u202f";
const NONE = "–";

/** A number with thin separators: 12 345. */
export function count(value) {
  if (value === null || value === undefined) return NONE;
  return String(Math.round(value)).replace(/\B(?=(\d{3})+(?!\d))/g, THIN);
}

/** `1 file`, `2 files`. */
export function several(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Three digits or so: 0.25, 3.1, 48, 1 204. */
export function number(value) {
  if (value === null || value === undefined) return NONE;
  if (value === 0) return "0";
  if (Math.abs(value) >= 100) return count(value);
  return String(Number(value.toPrecision(2)));
}

/** Bytes: 512 B, 4.1 kB, 34 MB. */
export function bytes(value) {
  if (value === null || value === undefined) return NONE;
  let rest = value;
  for (const unit of ["B", "kB", "MB", "GB"]) {
    if (rest < 999.5) return `${unit === "B" || rest >= 99.5 ? Math.round(rest) : Number(rest.toPrecision(2))} ${unit}`;
    rest /= 1000;
  }
  return `${Number(rest.toPrecision(2))} TB`;
}

/** Seconds: 340 µs, 1.2 ms, 4.1 s, 2 min 5 s, 1 h 20 min, 3 d 4 h. */
export function duration(seconds) {
  if (seconds === null || seconds === undefined) return NONE;
  if (seconds <= 0) return "0 s";
  if (seconds < 0.0009995) return `${Math.max(1, Math.round(seconds * 1e6))} µs`;
  if (seconds < 0.9995) return `${number(seconds * 1e3)} ms`;
  if (seconds < 10) return `${Number(seconds.toPrecision(2))} s`;
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return two(Math.floor(whole / 60), "min", whole % 60, "s");
  if (whole < 86400) return two(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
  return two(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}

function two(first, unit, second, smaller) {
  return second ? `${first} ${unit} ${second} ${smaller}` : `${first} ${unit}`;
}

/** A share from 0 to 1 as a percentage. */
export function percent(share) {
  if (share === null || share === undefined) return NONE;
  if (share > 0 && share < 0.001) return "under 0.1 %";
  return `${number(share * 100)} %`;
}

/** A moment: seconds since 1970, or text of the form that the server sends. */
export function moment(value) {
  if (value === null || value === undefined) return null;
  const date = new Date(typeof value === "number" ? value * 1000 : value);
  return Number.isNaN(date.getTime()) ? null : date;
}

/** How long ago: `just now`, `12 s ago`, `5 min ago`, `yesterday`, `12 Mar 2026`. */
export function ago(date, now = Date.now()) {
  const seconds = (now - date.getTime()) / 1000;
  if (seconds < -2) return seconds > -86400 ? `in ${duration(-seconds)}` : day(date);
  if (seconds < 5) return "just now";
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  const days = Math.floor(seconds / 86400);
  return days === 1 ? "yesterday" : days < 14 ? `${days} days ago` : day(date);
}

function day(date) {
  return date.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" });
}

export function exact(date) {
  return date.toLocaleString("en-GB", { dateStyle: "medium", timeStyle: "medium" });
}

/** A time that says how long ago it was, and goes on saying it; the moment itself is its title. */
export function time(value, empty = NONE) {
  const date = moment(value);
  if (date === null) return h("span", { class: "muted" }, empty);
  return h("time", { datetime: date.toISOString(), title: exact(date) }, ago(date));
}

/** Have all times of the page go on. */
export function keepTimes() {
  setInterval(() => {
    for (const each of document.querySelectorAll("time[datetime]")) {
      const text = ago(new Date(each.dateTime));
      if (each.textContent !== text) each.textContent = text;
    }
  }, 5000);
}
