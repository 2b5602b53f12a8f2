// What the points of a map are coloured by: their cluster, tags, or nothing; and the legend that says so.
import { HUES, NEUTRAL, SHAPES } from "./map-drawing.js";
import { failure } from "./map-points.js";
import { _, ngettext } from "./strings.js";
import { count } from "./words.js";

const TYPING = 150; // milliseconds without a letter before tags are asked for

export const quoted = (text) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;

export class Colours {
  // `changed`: what is drawn is to be drawn anew; `tell`: says a sentence.
  constructor(element, points, { api, which, changed, tell, signal }) {
    Object.assign(this, { element, points, api, which, changed, tell, signal, only: null, tags: new Map(), offered: null });
    this.choice = element.querySelector("[name=colour]");
    this.form = element.querySelector("[data-tagging]");
    this.list = element.querySelector("[data-tags]");
    this.inputs = element.querySelectorAll("input[list]");
    for (const input of this.inputs) for (const type of ["focus", "input"]) input.addEventListener(type, () => this.offer(input.value), { signal });
    signal.addEventListener("abort", () => this.offering?.abort());
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

  // The hue and the shape of each point; of those from `first` on where the others have theirs.
  paint(first = 0) {
    const { points, by } = this;
    const tagged = by === "tag" ? [...this.tags.values()].reverse() : []; // the first tag is the last that is painted
    for (let place = first; place < points.count; place += 1) {
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

  // The tags that items have, to choose from, the most frequent first; where they are more than a page, those that begin
  // with what is typed.
  async offer(typed = "") {
    const { list: offered } = this.inputs[0];
    const prefix = typed.trim();
    const known = this.offered && (this.offered.prefix === prefix || (!this.offered.more && prefix.startsWith(this.offered.prefix)));
    if (known) return;
    this.offering?.abort();
    const { signal } = this.offering = new AbortController();
    try {
      if (this.offered) await new Promise((done) => { setTimeout(done, TYPING); });
      if (signal.aborted) return;
      const { tags, more } = await this.ask("tags", { prefix }, signal);
      this.offered = { prefix, more };
      offered.replaceChildren(...tags.map((one) => new Option(ngettext("%(num)s item", "%(num)s items", one.count, { num: count(one.count) }), one.tag)));
      if (!tags.length && !prefix && !this.tags.size && this.by === "tag") this.tell(_("No item has a tag yet. Circle some points, and tag them."));
    } catch (error) {
      this.fail(error);
    }
  }

  // Items have another tag than before.
  tagged(tag) {
    this.offered = null;
    if (this.tags.has(tag)) this.add(tag);
    if (this.by === "tag") this.offer();
  }

  async ask(path, asked, signal = this.signal) {
    const answer = await fetch(`${this.api}/${path}${path.includes("?") ? "&" : "?"}${new URLSearchParams(asked)}`, { signal });
    if (!answer.ok) throw new Error(await failure(answer));
    return answer.json();
  }

  // Colours the items that have a tag, or asks anew which do.
  async add(tag) {
    const known = this.tags.get(tag) ?? { hue: this.free(), places: [] };
    this.tags.set(tag, known);
    try {
      known.places = (await this.ask(`map/places?${this.which}`, { filter: `tag = ${quoted(tag)}` })).places;
      this.tell("");
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
