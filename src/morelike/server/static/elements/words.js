// Numbers and counts as the server writes them.
import { _ } from "./strings.js";

export const count = (value) => value.toLocaleString("en").replaceAll(",", "\u2009");

const TALLIED = [["same", _("there already")], ["rejected", _("rejected")]];

// Bytes for people: `1.4 MB`.
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`;
  let value = bytes;
  for (const unit of ["kB", "MB", "GB", "TB"]) {
    value /= 1000;
    if (value < 999.5 || unit === "TB") return `${value >= 100 ? Math.round(value) : value.toFixed(1)} ${unit}`;
  }
}

// Tags as they are typed: between commas, the Chinese ones too.
export const tagsIn = (text) => text.split(/[,，、]/).map((tag) => tag.trim()).filter(Boolean);

// How long something takes: `8 s`, `3 min 20 s`, `2 h 5 min`.
export function lasting(time) {
  const whole = Math.max(0, Math.round(time));
  const [hours, minutes, seconds] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (hours) return _("%(hours)s h %(minutes)s min", { hours, minutes });
  return minutes ? _("%(minutes)s min %(seconds)s s", { minutes, seconds }) : _("%(n)s s", { n: seconds });
}

// A job's progress in one line.
export function tallyOf(progress) {
  const words = [];
  const counted = Number.isInteger(progress.found);
  if (counted) words.push(_("%(n)s found", { n: count(progress.found) }));
  if (Number.isInteger(progress.done) && (!counted || Number.isInteger(progress.total))) {
    words.push(Number.isInteger(progress.total)
      ? _("%(done)s of %(total)s", { done: count(progress.done), total: count(progress.total) })
      : _("%(done)s done", { done: count(progress.done) }));
  }
  for (const [name, label] of TALLIED) if (progress[name]) words.push(`${count(progress[name])} ${label}`);
  if (progress.rate) words.push(_("%(rate)s a second", { rate: Math.round(progress.rate) }));
  if (progress.eta) words.push(_("%(time)s left", { time: lasting(progress.eta) }));
  if (progress.note) words.push(progress.note);
  return words.join(" · ");
}

// A time as the server writes it, `1:02.5`; and back, NaN where it is none.
export function clock(at) {
  const tenths = Math.round(at * 10);
  const [minutes, rest] = [Math.floor(tenths / 600), tenths % 600];
  const end = `${String(Math.floor(rest / 10)).padStart(2, "0")}.${rest % 10}`;
  const hours = Math.floor(minutes / 60);
  return hours ? `${hours}:${String(minutes % 60).padStart(2, "0")}:${end}` : `${minutes}:${end}`;
}

export function seconds(text) {
  if (!/^(\d+:){0,2}\d+(\.\d+)?$/.test(text.trim())) return NaN;
  return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0);
}
