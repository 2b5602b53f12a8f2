// <point-map name="…" api="/api/v1/collections/NAME" path="/c/NAME" which="kind=…&made_at=…&revision=…" items="…" card="…"
// picture="…PLACE…">: a collection's items as points. What it is made of: the points and which items they are (map-points),
// what is seen of them (map-view) and how one moves (map-moving), drawing (map-drawing), colours (map-colours), names and
// pictures over them (map-pictures), the card of one item (map-card), and what is selected (map-picking).
import { Card } from "./map-card.js";
import { Colours, palette } from "./map-colours.js";
import { drawingOn } from "./map-drawing.js";
import { Moving } from "./map-moving.js";
import { Picking } from "./map-picking.js";
import { Names, Pictures } from "./map-pictures.js";
import { Items, MapFailed, Points, pagesOf } from "./map-points.js";
import { View } from "./map-view.js";
import { _ } from "./strings.js";
import { count } from "./words.js";

const MOST = 1_000_000;
const NEAR = 14; // pixels from the pointer to a point
const FINGER = 24; // from the middle of a finger
const KEPT_AFTER = 300; // milliseconds until the address has what is seen
const TRAIL = 500;

customElements.define("point-map", class extends HTMLElement {
  connectedCallback() {
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.stage = this.querySelector("[data-stage]");
    this.told = this.querySelector("[data-told]");
    this.ring = this.querySelector("[data-ring]");
    this.points = new Points(Math.min(MOST, Number(this.getAttribute("items")) || 0));
    Object.assign(this, { here: -1, trail: [], layered: false, clusters: clustersOf(this), palette: palette(this) });
    this.drawing = drawingOn(this.querySelector("canvas"), () => this.again());
    this.drawing.take(this.points);
    this.view = new View(() => this.seen());
    const [api, which] = [this.getAttribute("api"), this.getAttribute("which")];
    this.items = new Items(`${api}/map`, which);
    this.card = new Card(this.querySelector("[data-card]"), this.getAttribute("card"), this.items);
    this.names = new Names(this.querySelector("[data-names]"));
    this.pictures = new Pictures(this.querySelector("[data-pictures]"), this.getAttribute("picture"), this.items, () => this.again());
    this.colours = new Colours(this, this.points, { api, which, signal, changed: () => this.painted(), tell: (words) => this.tell(words) });
    this.picking = new Picking(this, this.points, this.items, {
      api, signal, path: this.getAttribute("path"), stale: this.hasAttribute("stale"), changed: () => this.painted(),
      tagged: (tag) => this.colours.tagged(tag),
    });
    this.moving = new Moving(this.stage, this.view, {
      hover: (...at) => this.hover(...at), tap: (...at) => this.tap(...at), key: (event) => this.key(event), held: () => this.circling(true),
      drawing: (corners) => this.circle(corners), circled: (corners) => this.circled(corners),
    }, signal);
    this.listen(signal);
    this.sized = new ResizeObserver(() => this.view.size(this.stage.clientWidth, this.stage.clientHeight));
    this.sized.observe(this.stage);
    this.view.size(this.stage.clientWidth, this.stage.clientHeight);
    this.recall();
    this.load(signal);
  }

  disconnectedCallback() {
    this.stop.abort();
    this.sized.disconnect();
    this.dressed.disconnect();
    this.pictures.end();
    this.drawing.end();
    cancelAnimationFrame(this.frame);
    clearTimeout(this.keeping);
  }

  listen(signal) {
    const dressed = () => { this.palette = palette(this); this.again(); };
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", dressed, { signal });
    this.dressed = new MutationObserver(dressed);
    this.dressed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    for (const [name, act] of Object.entries({
      in: () => this.moving.in(), out: () => this.moving.out(), whole: () => this.moving.whole(), circle: () => this.circling(!this.moving.circling),
    })) this.querySelector(`[data-${name}]`).addEventListener("click", act, { signal });
    this.querySelector("[data-clusters]").addEventListener("click", (event) => this.legend(event), { signal });
    this.addEventListener("keydown", (event) => { if (event.key === "Escape" && this.escape()) event.stopPropagation(); }, { signal });
    window.addEventListener("hashchange", () => { if (location.hash !== this.kept) this.recall(); }, { signal });
  }

  async load(signal) {
    const all = this.points.most;
    try {
      for await (const page of pagesOf(`${this.getAttribute("api")}/map`, this.getAttribute("which"), all, signal)) {
        const first = this.points.count;
        this.points.add(page);
        this.colours.paint(first);
        this.drawing.came(first);
        this.again();
        this.tell(this.points.count < all ? _("%(here)s of %(all)s points", { here: count(this.points.count), all: count(all) }) : "");
      }
    } catch (error) {
      if (signal.aborted) return;
      const [visit] = performance.getEntriesByType("navigation");
      if (error.gone && visit.type !== "reload") location.reload(); // made anew since the page was; only once
      this.tell(error instanceof MapFailed ? error.message : _("The server does not answer. Is it still running?"));
      return;
    }
    const middles = this.points.middles(this.clusters.length);
    this.clusters = this.clusters.map((one, place) => ({ ...one, middle: middles[place] }));
    this.names.set(this.clusters);
    for (const tag of this.wished ?? []) await this.colours.add(tag);
    this.painted();
    if (this.points.count > this.drawing.most) {
      this.tell(_("This browser has no WebGL 2: only some %(some)s of %(all)s points are drawn.", { some: count(this.drawing.most), all: count(this.points.count) }));
    }
    this.dataset.points = this.points.count;
  }

  // What is looked at has changed.
  seen() {
    this.again();
    this.card.stand(this.spot(this.here));
    clearTimeout(this.keeping);
    this.keeping = setTimeout(() => this.keep(), KEPT_AFTER);
  }

  // Colours or the selection have changed.
  painted() {
    this.colours.paint();
    const { look } = this.points;
    if (this.picking.size) for (let place = 0; place < this.points.count; place += 1) look[4 * place + 3] ||= look[4 * place + 2] ? 0 : 1;
    this.layered = this.picking.size > 0 || this.colours.only !== null;
    this.drawing.looked();
    this.seen();
  }

  again() {
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const { view, points } = this;
    this.drawing.draw(view, { ...this.palette, layers: this.layered, ratio: devicePixelRatio });
    this.names.draw(view, this.colours.only, this.pictures.shown.size ? this.pictures.side / 2 + 12 : 18);
    this.pictures.draw(view, points, (place) => this.palette.css[points.look[4 * place]]);
    this.mark();
    this.dataset.drawn = Number(this.dataset.drawn ?? 0) + 1;
    this.reached("map-first-points", points.count > 0);
    this.reached("map-all-points", Boolean(this.dataset.points));
  }

  // When points were drawn is told to whoever measures it.
  reached(mark, there) {
    if (there && !performance.getEntriesByName(mark).length) performance.mark(mark);
  }

  // The ring around the point that the card is about: nothing else is drawn anew for it.
  mark() {
    const spot = this.spot(this.here);
    this.ring.hidden = spot === null;
    if (spot) this.ring.style.transform = `translate(${spot[0]}px, ${spot[1]}px)`;
  }

  // Where a point stands on the stage, and the stage's size; null where it is not seen.
  spot(place) {
    if (place < 0) return null;
    const { width, height } = this.view;
    const [left, top] = this.view.toScreen(this.points.at[2 * place], this.points.at[2 * place + 1]);
    return left < 0 || top < 0 || left > width || top > height ? null : [left, top, width, height];
  }

  near(left, top, reach = NEAR) {
    return this.points.count ? this.points.nearest(...this.view.toMap(left, top), reach / this.view.scale) : -1;
  }

  hover(left, top) {
    if (this.card.held) return;
    const place = left === undefined ? -1 : this.near(left, top);
    if (place !== this.here) this.point(place);
  }

  // The card of a point beside it; -1: of none.
  async point(place, held = false) {
    this.here = place;
    this.mark();
    if (place < 0) {
      this.card.close();
      return false;
    }
    this.card.place = this.spot(place);
    const shown = await this.card.show(place, this.called(this.points.cluster[place]), { held });
    if (shown) this.card.stand(this.spot(this.here));
    return shown;
  }

  called(cluster) {
    return this.clusters[cluster]?.name || _("Cluster %(number)s", { number: cluster + 1 });
  }

  async tap(left, top, touch) {
    const place = this.near(left, top, touch ? FINGER : NEAR);
    if (place >= 0 || this.card.held) await this.point(place, place >= 0);
    if (place < 0) this.card.close();
  }

  key(event) {
    if (event.key === "n" || event.key === "p") this.walk(event.key === "n");
    else if (event.key === "Enter" && this.here >= 0) this.open();
    else if (event.key === "x" && this.here >= 0) this.picking.toggle(this.here);
    else if (event.key === "c") this.circling(!this.moving.circling);
    else return false;
    return true;
  }

  async open() {
    if (await this.point(this.here, true)) this.card.box.querySelector("a")?.focus();
  }

  // To the nearest point that one has not been at, or back.
  async walk(on) {
    if (!this.points.count) return;
    if (!on) this.trail.pop();
    const from = this.here >= 0 ? [this.points.at[2 * this.here], this.points.at[2 * this.here + 1]] : [this.view.x, this.view.y];
    if (on) {
      const been = new Set(this.here >= 0 ? [...this.trail, this.here] : this.trail);
      let next = -1;
      for (let reach = NEAR / this.view.scale; next < 0 && reach < 8; reach *= 2) next = this.points.nearest(...from, reach, (place) => !been.has(place));
      if (next < 0) this.trail = [];
      else this.trail = [...this.trail, next].slice(-TRAIL);
    }
    const place = this.trail.at(-1) ?? -1;
    const spot = this.spot(place);
    if (place >= 0 && !spot) this.view.show({ x: this.points.at[2 * place], y: this.points.at[2 * place + 1], zoom: this.view.zoom });
    if (await this.point(place)) this.tell(this.card.box.querySelector(".name")?.textContent ?? "");
  }

  circling(on) {
    this.moving.circling = on;
    this.stage.toggleAttribute("data-circling", on);
    this.querySelector("[data-circle]").setAttribute("aria-pressed", String(on));
    this.tell(on ? _("Draw a line around points to select them; Esc lets go.") : "");
  }

  circle(corners) {
    this.querySelector("[data-line]").setAttribute("points", (corners ?? []).map((at) => at.map(Math.round).join(",")).join(" "));
  }

  circled(corners) {
    const places = this.points.count ? this.points.within(corners.map((at) => this.view.toMap(...at))) : [];
    this.circling(false);
    this.point(-1);
    this.picking.set(places);
    if (!places.length) this.tell(_("There is no point inside the line."));
  }

  // Lets go of one thing, the newest first; whether there was one.
  escape() {
    if (this.moving.forget()) return true;
    if (this.moving.circling) this.circling(false);
    else if (this.card.held) {
      this.point(-1);
      this.stage.focus();
    } else if (this.picking.size) this.picking.set([]);
    else if (this.colours.only !== null) this.alone(null);
    else return false;
    return true;
  }

  legend(event) {
    const row = event.target.closest("[data-cluster]");
    const button = event.target.closest("button");
    if (!row || !button || !this.dataset.points) return;
    const cluster = Number(row.dataset.cluster);
    if (button.hasAttribute("data-pick")) {
      const places = [];
      for (let place = 0; place < this.points.count; place += 1) if (this.points.cluster[place] === cluster) places.push(place);
      this.picking.set(places);
      return;
    }
    this.alone(this.colours.only === cluster ? null : cluster);
    const { middle } = this.clusters[cluster];
    if (this.colours.only !== null && middle) this.view.glide(this.view.around(middle.box));
  }

  // All other clusters are dim.
  alone(cluster) {
    this.colours.only = cluster;
    for (const row of this.querySelectorAll("[data-cluster]")) {
      row.querySelector("[aria-pressed]").setAttribute("aria-pressed", String(Number(row.dataset.cluster) === cluster));
    }
    this.painted();
  }

  // The address brings back what is seen now.
  keep() {
    const { x, y, zoom } = this.view;
    const asked = new URLSearchParams({ at: [x.toFixed(4), y.toFixed(4), zoom.toPrecision(4)].join() });
    if (this.colours.by !== "cluster") asked.set("colour", this.colours.by);
    for (const tag of this.colours.tags.keys()) asked.append("tag", tag);
    if (this.colours.only !== null) asked.set("only", this.colours.only);
    const as = asked.toString().replaceAll("%2C", ",");
    this.kept = as === "at=0.0000,0.0000,1.000" ? "" : `#${as}`;
    if (location.hash !== this.kept) history.replaceState(history.state, "", this.kept || location.pathname + location.search);
  }

  recall() {
    const asked = new URLSearchParams(location.hash.slice(1));
    const at = (asked.get("at") ?? "").split(",").map(Number);
    if (at.length === 3 && at.every(Number.isFinite) && at[2] > 0) this.view.show({ x: at[0], y: at[1], zoom: at[2] });
    const by = asked.get("colour");
    if (["cluster", "tag", "none"].includes(by)) this.colours.choose(by);
    this.wished = asked.getAll("tag").slice(0, 20).map((tag) => tag.slice(0, 200));
    if (this.dataset.points) for (const tag of this.wished) this.colours.add(tag);
    const only = Number(asked.get("only") ?? NaN);
    if (Number.isInteger(only) && this.querySelector(`[data-cluster="${only}"]`)) this.alone(only);
  }

  tell(sentence) {
    this.told.textContent = sentence;
  }
});

// As the legend has them.
function clustersOf(element) {
  return [...element.querySelectorAll("[data-cluster]")].map((row) => {
    const name = row.querySelector(".name");
    return { id: Number(row.dataset.cluster), name: name.classList.contains("unnamed") ? "" : name.textContent };
  });
}
