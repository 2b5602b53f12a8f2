// The points of a map as they come, page by page, and a grid over them that finds what is near without asking each.
import { problemSaid } from "./problems.js";

const FIRST = 20_000; // soon something to see
const MORE = 250_000;
const WIDTH = 10; // bytes of a point
const GROUP = 10_000; // as many ids as the server gives at once
const KEPT = 1000;
const PER_CELL = 4;
const MOST_CELLS = 1024; // a side
const SAMPLED = 2000;

// `gone`: the server has no such map, or another one by now.
export class MapFailed extends Error {
  constructor(message, { gone = false } = {}) {
    super(message);
    this.gone = gone;
  }
}

export class Points {
  constructor(most) {
    this.most = most;
    this.count = 0;
    this.at = new Float32Array(2 * most);
    this.cluster = new Uint8Array(most);
    this.look = new Uint8Array(4 * most); // colour, shape, whether it is selected, whether it is dimmed
    this.grid = null;
  }

  add({ at, cluster }) {
    const here = Math.min(cluster.length, this.most - this.count);
    this.at.set(at.subarray(0, 2 * here), 2 * this.count);
    this.cluster.set(cluster.subarray(0, here), this.count);
    this.count += here;
    this.grid = null;
  }

  // The point nearest to (x, y), no further than `reach`; -1 where there is none. `passes` leaves points out.
  nearest(x, y, reach, passes = () => true) {
    let [best, closest] = [-1, reach * reach];
    this.each([x - reach, y - reach, x + reach, y + reach], (place) => {
      const apart = (this.at[2 * place] - x) ** 2 + (this.at[2 * place + 1] - y) ** 2;
      if (apart <= closest && (best < 0 || apart < closest) && passes(place)) [best, closest] = [place, apart];
    });
    return best;
  }

  // Numbers of the points inside a rectangle [left, bottom, right, top]; null where there are more than `most`.
  inside(box, most = Infinity) {
    const found = [];
    const whole = this.each(box, (place) => {
      const [x, y] = [this.at[2 * place], this.at[2 * place + 1]];
      if (x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]) found.push(place);
      return found.length <= most;
    });
    return whole ? found : null;
  }

  // Numbers of the points inside a polygon [[x, y], …], by the even-odd rule.
  within(polygon) {
    const [xs, ys] = [polygon.map(([x]) => x), polygon.map(([, y]) => y)];
    const low = (values) => values.reduce((one, other) => Math.min(one, other));
    const high = (values) => values.reduce((one, other) => Math.max(one, other));
    return this.inside([low(xs), low(ys), high(xs), high(ys)]).filter((place) => {
      const [x, y] = [this.at[2 * place], this.at[2 * place + 1]];
      let odd = false;
      for (let here = 0, before = polygon.length - 1; here < polygon.length; before = here, here += 1) {
        const [x1, y1, x2, y2] = [xs[here], ys[here], xs[before], ys[before]];
        if (y1 > y !== y2 > y && x < (x2 - x1) * (y - y1) / (y2 - y1) + x1) odd = !odd;
      }
      return odd;
    });
  }

  // Calls `visit` with each point of the cells that touch a rectangle; false where it said false.
  each([left, bottom, right, top], visit) {
    const { side, starts, places } = this.grid ??= this.sorted();
    const cell = (value) => Math.min(side - 1, Math.max(0, Math.floor((value + 1) / 2 * side)));
    for (let row = cell(bottom); row <= cell(top); row += 1) {
      const last = starts[row * side + cell(right) + 1];
      for (let at = starts[row * side + cell(left)]; at < last; at += 1) if (visit(places[at]) === false) return false;
    }
    return true;
  }

  sorted() {
    const side = Math.min(MOST_CELLS, Math.max(1, Math.round(Math.sqrt(this.count / PER_CELL))));
    const cell = (value) => Math.min(side - 1, Math.max(0, Math.floor((value + 1) / 2 * side)));
    const cellOf = (place) => cell(this.at[2 * place + 1]) * side + cell(this.at[2 * place]);
    const starts = new Uint32Array(side * side + 1);
    for (let place = 0; place < this.count; place += 1) starts[cellOf(place) + 1] += 1;
    for (let at = 0; at < side * side; at += 1) starts[at + 1] += starts[at];
    const [next, places] = [starts.slice(), new Uint32Array(this.count)];
    for (let place = 0; place < this.count; place += 1) places[next[cellOf(place)]++] = place;
    return { side, starts, places };
  }

  // Of each cluster: the point nearest to the median of its points, and the rectangle that holds most of them.
  middles(clusters) {
    const sizes = new Uint32Array(clusters);
    for (let place = 0; place < this.count; place += 1) sizes[this.cluster[place]] += 1;
    const steps = Array.from(sizes, (size) => Math.ceil(size / SAMPLED) || 1);
    const [seen, found] = [new Uint32Array(clusters), Array.from(sizes, () => [[], []])];
    for (let place = 0; place < this.count; place += 1) {
      const cluster = this.cluster[place];
      if (cluster >= clusters || seen[cluster]++ % steps[cluster]) continue;
      found[cluster][0].push(this.at[2 * place]);
      found[cluster][1].push(this.at[2 * place + 1]);
    }
    return found.map(([xs, ys]) => {
      if (!xs.length) return null;
      const [across, up] = [xs.toSorted((one, other) => one - other), ys.toSorted((one, other) => one - other)];
      const part = (values, share) => values[Math.round(share * (values.length - 1))];
      const box = [part(across, 0.03), part(up, 0.03), part(across, 0.97), part(up, 0.97)];
      const [x, y] = [part(across, 0.5), part(up, 0.5)];
      let best = 0; // a point of its own: the median of a ring has none
      for (let at = 1; at < xs.length; at += 1) if ((xs[at] - x) ** 2 + (ys[at] - y) ** 2 < (xs[best] - x) ** 2 + (ys[best] - y) ** 2) best = at;
      return { x: xs[best], y: ys[best], box };
    });
  }
}

// Points of the map that `which` names, as bytes: those that are soon to be seen, then many at once. Raises MapFailed, or
// what fetch raises.
export async function* pagesOf(address, which, items, signal) {
  for (let offset = 0, limit = FIRST; offset < items; offset += limit, limit = MORE) {
    const answer = await fetch(`${address}/points?${which}&offset=${offset}&limit=${limit}`, { signal });
    if (!answer.ok) throw new MapFailed(await failure(answer), { gone: answer.status === 404 });
    const bytes = await answer.arrayBuffer();
    const count = bytes.byteLength / WIDTH;
    yield { at: new Float32Array(bytes, 0, 2 * count), cluster: new Int16Array(bytes, 8 * count, count) };
  }
}

// Which items points are: asked for when somebody wants to know, for a million ids are far more than their points.
export class Items {
  constructor(address, which) {
    const { revision, ...named } = Object.fromEntries(new URLSearchParams(which));
    Object.assign(this, { address, which: { ...named, revision: Number(revision) }, kept: new Map() });
  }

  // Their ids in the order of `places`. Raises MapFailed, or what fetch raises.
  async of(places, signal) {
    const few = places.length <= KEPT;
    if (few && places.every((place) => this.kept.has(place))) return places.map((place) => this.kept.get(place));
    const found = [];
    for (let from = 0; from < places.length; from += GROUP) {
      const body = JSON.stringify({ ...this.which, places: places.slice(from, from + GROUP) });
      const answer = await fetch(`${this.address}/items`, { method: "POST", body, signal, headers: { "Content-Type": "application/json" } });
      if (!answer.ok) throw new MapFailed(await failure(answer), { gone: answer.status === 404 });
      for (const id of (await answer.json()).items) found.push(id);
    }
    if (this.kept.size > KEPT) this.kept.clear();
    if (few) places.forEach((place, at) => this.kept.set(place, found[at]));
    return found;
  }
}

// What a problem document says.
export async function failure(answer) {
  try {
    return problemSaid(await answer.json()) || String(answer.status);
  } catch {
    return String(answer.status);
  }
}
