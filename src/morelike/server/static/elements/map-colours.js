// What the points of a map are coloured by: their cluster, tags, or nothing; and the legend that says so.
import { HUES, NEUTRAL, SHAPES } from "./map-drawing.js";
import { failure } from "./map-points.js";
import { _ } from "./strings.js";
import { count } from "./words.js";

const PAGE = 1000;
const MOST_PAGES = 50;

export const quoted = (text) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

export class Colours {
  // `changed`: what is drawn is to be drawn anew; `tell`: says a sentence.
  constructor(element, points, { api, changed, tell, signal }) {
    Object.assign(this, { element, points, api, changed, tell, signal, only: null, tags: new Map() });
    this.choice = element.querySelector("[name=colour]");
    this.form = element.querySelector("[data-tagging]");
    this.list = element.querySelector("[data-tags]");
    this.choice.addEventListener("change", () => this.choose(this.choice.value), { signal });
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const tag = this.form.elements.tag.value.trim();
      if (tag) this.add(tag);
      this.form.reset();
    }, { signal });
  }

  get by() {
    return this.choice.value;
  }

  choose(by) {
    this.choice.value = by;
    this.form.hidden = by !== "tag";
    this.list.hidden = by !== "tag";
    this.element.dataset.colour = by;
    if (by === "tag") this.offer();
    this.changed();
  }

  // The hue and the shape of each point.
  paint() {
    const { points, by } = this;
    const tagged = by === "tag" ? [...this.tags.values()].reverse() : []; // the first tag is the last that is painted
    for (let place = 0; place < points.count; place += 1) {
      const cluster = points.cluster[place];
      points.look[4 * place] = by === "cluster" ? cluster % HUES : NEUTRAL;
      points.look[4 * place + 1] = by === "cluster" ? Math.floor(cluster / HUES) % SHAPES : 0;
      points.look[4 * place + 3] = this.only !== null && cluster !== this.only ? 1 : 0;
    }
    for (const { places, hue } of tagged) {
      for (const place of places) {
        points.look[4 * place] = hue % HUES;
        points.look[4 * place + 1] = Math.floor(hue / HUES) % SHAPES;
      }
    }
  }

  // The tags that items have, to choose from: those of the first page of items.
  async offer() {
    const options = this.element.querySelector("datalist");
    if (options.childElementCount) return;
    try {
      const page = await this.page("has tag", 0);
      const found = new Map();
      for (const { tags } of page.items) for (const tag of tags) found.set(tag, (found.get(tag) ?? 0) + 1);
      const often = [...found].sort(([, one], [, other]) => other - one).map(([tag]) => new Option(tag, tag));
      options.replaceChildren(...often);
      if (!often.length && !this.tags.size) this.tell(_("No item has a tag yet. Circle some points, and tag them."));
    } catch (error) {
      this.fail(error);
    }
  }

  async page(filter, offset) {
    const answer = await fetch(`${this.api}/items?${new URLSearchParams({ filter, offset, limit: PAGE })}`, { signal: this.signal });
    if (!answer.ok) throw new Error(await failure(answer));
    return answer.json();
  }

  // Colours the items that have a tag, or asks anew which do.
  async add(tag) {
    const known = this.tags.get(tag) ?? { hue: this.free(), places: [] };
    this.tags.set(tag, known);
    try {
      const places = [];
      let more = true;
      for (let at = 0; more && at < MOST_PAGES; at += 1) {
        const page = await this.page(`tag = ${quoted(tag)}`, at * PAGE);
        for (const { item } of page.items) if (this.places.has(item)) places.push(this.places.get(item));
        more = page.more;
        if (more) this.tell(_("%(items)s items with the tag so far …", { items: count(places.length) }));
      }
      known.places = places;
      this.tell(more ? _("Only the first %(items)s items with the tag are coloured.", { items: count(places.length) }) : "");
    } catch (error) {
      this.tags.delete(tag);
      this.fail(error);
    }
    this.show();
    this.changed();
  }

  free() {
    const taken = new Set([...this.tags.values()].map(({ hue }) => hue));
    for (let hue = 0; ; hue += 1) if (!taken.has(hue)) return hue;
  }

  // Which point is which item's; made when somebody asks for it.
  get places() {
    if (this.placed?.size !== this.points.count) this.placed = new Map(this.points.ids.map((id, place) => [id, place]));
    return this.placed;
  }

  show() {
    this.list.replaceChildren(...[...this.tags].map(([tag, { hue, places }]) => {
      const row = this.element.querySelector("template[data-tag-row]").content.firstElementChild.cloneNode(true);
      row.querySelector("[data-swatch]").replaceWith(swatch(this.element, hue));
      row.querySelector("[data-name]").textContent = tag;
      row.querySelector("[data-size]").textContent = count(places.length);
      const away = row.querySelector("button");
      away.setAttribute("aria-label", _("Do not colour by %(tag)s", { tag }));
      away.addEventListener("click", () => {
        this.tags.delete(tag);
        this.show();
        this.changed();
        this.form.elements.tag.focus();
      });
      return row;
    }));
  }

  fail(error) {
    if (error.name === "AbortError") return;
    this.tell(error instanceof TypeError ? _("The server does not answer. Is it still running?") : error.message);
  }
}

function swatch(element, hue) {
  const drawn = element.querySelector(`template[data-swatches]`).content.children[Math.floor(hue / HUES) % SHAPES].cloneNode(true);
  drawn.classList.add(`hue-${hue % HUES}`);
  return drawn;
}

// The colours of the theme as WebGL wants them: hues, neutral, and the edge of what is selected; and the ground.
export function palette(element) {
  const shown = [...element.querySelectorAll("[data-probes] > *")].map((probe) => getComputedStyle(probe).color);
  const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const read = shown.map((colour) => {
    pen.fillStyle = colour;
    pen.fillRect(0, 0, 1, 1);
    return [...pen.getImageData(0, 0, 1, 1).data].map((part) => part / 255);
  });
  return { colours: read.slice(0, -1), ground: read.at(-1), css: shown };
}
