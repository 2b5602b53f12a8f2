// What an item of a map is, beside its point: while a pointer is over it, or held by a click, and then with links.
import { MapFailed } from "./map-points.js";
import { _ } from "./strings.js";

const SOON = 70; // milliseconds that a pointer stays before the server is asked
const KEPT = 200;
const AWAY = 16; // pixels from the point

export class Card {
  constructor(box, address, items) {
    Object.assign(this, { box, address, items, kept: new Map(), of: -1, held: false });
  }

  // Of the point `of`. `where`: a line of the map's own, such as the cluster's name.
  async show(of, where, { held = false } = {}) {
    if (this.of === of && this.held === held) return true;
    this.close();
    Object.assign(this, { of, held });
    const asked = this.asking = new AbortController();
    const text = this.kept.get(of) ?? await this.ask(of, asked.signal, held ? 0 : SOON);
    if (asked.signal.aborted || text === null) return false;
    this.box.replaceChildren(document.createRange().createContextualFragment(text));
    this.box.querySelector("[data-where]")?.append(where);
    this.box.querySelector("img")?.addEventListener("error", (event) => event.target.remove());
    this.box.toggleAttribute("data-held", held);
    this.box.hidden = false;
    this.stand();
    return true;
  }

  async ask(of, signal, wait) {
    if (wait) await new Promise((done) => { setTimeout(done, wait); });
    if (signal.aborted) return null;
    try {
      const [item] = await this.items.of([of], signal);
      const answer = await fetch(`${this.address}?item=${encodeURIComponent(item)}`, { signal });
      if (answer.status === 404) return this.sentence(_("This item is not there any more. The map can be made anew."));
      if (!answer.ok || answer.redirected) return this.sentence(_("What this is cannot be said now. Try again in a moment."));
      const text = await answer.text();
      this.kept.set(of, text);
      if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
      return text;
    } catch (error) {
      if (error instanceof MapFailed) return this.sentence(error.message);
      return signal.aborted ? null : this.sentence(_("The server does not answer. Is it still running?"));
    }
  }

  sentence(words) {
    const line = document.createElement("p");
    line.textContent = words;
    return line.outerHTML;
  }

  // Beside the point, inside the map; `place`: the point's [left, top], and the map's [width, height].
  stand(place = this.place) {
    this.place = place;
    if (this.box.hidden || !place) return;
    const [left, top, width, height] = place;
    const [wide, high] = [this.box.offsetWidth, this.box.offsetHeight];
    const right = left + AWAY + wide <= width - 8;
    const at = right ? left + AWAY : left - AWAY - wide;
    this.box.style.left = `${Math.min(Math.max(8, at), Math.max(8, width - wide - 8))}px`;
    this.box.style.top = `${Math.min(Math.max(8, top - high / 2), Math.max(8, height - high - 8))}px`;
  }

  close() {
    this.asking?.abort();
    Object.assign(this, { of: -1, held: false });
    this.box.hidden = true;
    this.box.removeAttribute("data-held");
    this.box.replaceChildren();
  }
}
