// <time-line length="14.5" peaks="…" from="12" to="14.5">: the time of a sound or a film, with its waveform. Drag over
// it: the field named `at` of the same fieldset or player gets the part, in seconds. A click is the event `seek`.
import { seconds } from "./words.js";

const LEAST = 4; // pixels: less is a click

customElements.define("time-line", class extends HTMLElement {
  connectedCallback() {
    this.length = Number(this.getAttribute("length")) || 1;
    this.field = this.closest("fieldset, moment-player")?.querySelector("[name=at]") ?? null;
    this.canvas = document.createElement("canvas");
    this.canvas.setAttribute("aria-hidden", "true");
    this.chosen = this.layer("chosen");
    this.head = this.layer("head");
    this.append(this.canvas, this.chosen, this.head);
    const found = ["from", "to"].map((name) => Number(this.getAttribute(name) ?? NaN));
    if (found.every(Number.isFinite)) {
      const mark = this.layer("found");
      this.append(mark);
      this.lay(mark, found);
    }
    this.head.hidden = true;
    this.show();
    this.stop = new AbortController();
    const { signal } = this.stop;
    for (const [type, handle] of Object.entries({
      pointerdown: this.begin, pointermove: this.move, pointerup: this.end, pointercancel: this.cancel, lostpointercapture: this.cancel,
    })) this.addEventListener(type, (event) => handle.call(this, event), { signal });
    this.field?.addEventListener("input", () => this.show(), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw(), { signal });
    this.dressed = new MutationObserver(() => this.draw());
    this.dressed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.sized = new ResizeObserver(() => this.draw());
    this.sized.observe(this);
    this.hear();
  }

  disconnectedCallback() {
    this.stop.abort();
    this.dressed.disconnect();
    this.sized.disconnect();
    this.canvas.remove();
    for (const layer of this.querySelectorAll(".layer")) layer.remove();
  }

  layer(name) {
    const layer = document.createElement("div");
    layer.className = `layer ${name}`;
    return layer;
  }

  async hear() {
    const address = this.getAttribute("peaks");
    if (!address) return;
    const seen = this.clientWidth || innerWidth; // folded away it has no width yet
    const wide = Math.min(2000, Math.max(64, Math.round(seen * Math.min(devicePixelRatio, 2) / 3)));
    const points = Math.ceil(wide / 64) * 64; // few different addresses
    try {
      const answer = await fetch(address.includes("/api/") ? `${address}?points=${points}` : address);
      if (!answer.ok) return; // without a waveform it is a line all the same
      this.peaks = (await answer.json()).peaks;
    } catch {
      return;
    }
    this.dataset.heard = "";
    this.draw();
  }

  draw() {
    const ratio = Math.min(devicePixelRatio, 2);
    const [wide, high] = [Math.round(this.clientWidth * ratio), Math.round(this.clientHeight * ratio)];
    if (!wide || !high) return;
    Object.assign(this.canvas, { width: wide, height: high });
    const pen = this.canvas.getContext("2d");
    pen.fillStyle = getComputedStyle(this).color;
    const peaks = this.peaks ?? [];
    if (!peaks.length) {
      pen.fillRect(0, high / 2 - ratio, wide, 2 * ratio);
      return;
    }
    const loudest = Math.max(...peaks, 1e-6);
    const step = wide / peaks.length;
    const bar = Math.max(ratio, step * 0.7);
    for (const [place, peak] of peaks.entries()) {
      const tall = Math.max(ratio, peak / loudest * (high - 2 * ratio));
      pen.fillRect(place * step, (high - tall) / 2, bar, tall);
    }
  }

  // Where the player stands.
  stand(at) {
    this.head.hidden = false;
    this.head.style.left = `${this.share(at) * 100}%`;
  }

  share(at) {
    return Math.min(1, Math.max(0, at / this.length));
  }

  lay(layer, [from, to]) {
    const [left, right] = [this.share(from), this.share(to)];
    Object.assign(layer.style, { left: `${left * 100}%`, width: `${(right - left) * 100}%` });
  }

  time(event) {
    const box = this.getBoundingClientRect();
    return Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * this.length;
  }

  begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.setPointerCapture(event.pointerId);
    this.from = { x: event.clientX, time: this.time(event) };
  }

  move(event) {
    if (!this.from || Math.abs(event.clientX - this.from.x) < LEAST) return;
    this.chosen.hidden = false;
    this.lay(this.chosen, this.until(event));
  }

  until(event) {
    const now = this.time(event);
    return [Math.min(now, this.from.time), Math.max(now, this.from.time)];
  }

  end(event) {
    if (!this.from) return;
    const mere = Math.abs(event.clientX - this.from.x) < LEAST;
    const part = this.until(event);
    this.from = null;
    if (mere || !this.field) {
      this.show();
      this.dispatchEvent(new CustomEvent("seek", { detail: part[0], bubbles: true }));
      return;
    }
    this.field.value = part.map((edge) => String(Number(edge.toFixed(2)))).join("-");
    this.show();
    this.field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  cancel() {
    if (!this.from) return;
    this.from = null;
    this.show();
  }

  show() {
    const part = (this.field?.value ?? "").split(/\s*[-–]\s*/).map(seconds);
    const whole = part.length !== 2 || !part.every(Number.isFinite) || part[0] >= part[1];
    this.chosen.hidden = whole;
    if (!whole) this.lay(this.chosen, part);
  }
});
