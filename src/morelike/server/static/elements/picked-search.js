// The address of a search with further examples, each with a weight: as the board writes it (pages/board.py).
export const PARTS = 16;
const WORDED = ["keyword", "hybrid"];

// "" where there are more parts than a search takes. `path`: the collection's page; a search that stands there is added to.
export function steered(path, items, weight) {
  const here = location.pathname === new URL(path, location.href).pathname ? new URLSearchParams(location.search) : new URLSearchParams();
  const [weights, crops, ats] = ["weight", "crop", "at"].map((name) => here.getAll(name));
  const parts = here.getAll("part").map((part, place) => ({ part, weight: weights[place] || "1", crop: crops[place] ?? "", at: ats[place] ?? "" }))
    .filter(({ part }) => !items.includes(part.replace(/^item:/, "")));
  for (const item of items) parts.push({ part: `item:${item}`, weight: String(weight), crop: "", at: "" });
  const texts = here.getAll("text").filter(Boolean);
  if (parts.length + texts.length > PARTS) return "";
  const query = new URLSearchParams();
  for (const part of parts) for (const [name, value] of Object.entries(part)) query.append(name, value);
  for (const name of ["text", "text_weight", "filter"]) for (const value of here.getAll(name)) query.append(name, value);
  const mode = here.get("mode");
  if (mode && !WORDED.includes(mode)) query.set("mode", mode);
  else if (mode && texts.length) query.set("mode", "hybrid"); // an example has no keywords
  return `${path}?${query}`;
}
