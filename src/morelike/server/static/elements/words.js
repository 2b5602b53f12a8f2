// Numbers and counts as the server writes them.
export const count = (value) => value.toLocaleString("en").replaceAll(",", "\u2009");

const TALLIED = [["same", "there already"], ["rejected", "rejected"]];

// A job's progress in one line.
export function tallyOf(progress) {
  const words = [];
  if (Number.isInteger(progress.done)) {
    words.push(Number.isInteger(progress.total) ? `${count(progress.done)} of ${count(progress.total)}` : `${count(progress.done)} done`);
  }
  for (const [name, label] of TALLIED) if (progress[name]) words.push(`${count(progress[name])} ${label}`);
  if (progress.rate) words.push(`${Math.round(progress.rate)} a second`);
  if (progress.eta) words.push(`${Math.round(progress.eta)} s left`);
  if (progress.note) words.push(progress.note);
  return words.join(" · ");
}
