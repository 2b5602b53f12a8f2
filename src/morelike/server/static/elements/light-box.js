// <light-box>: one picture of the grid large, the others by the arrows. It opens by `.enlarge` of a hit, and by result-grid
// for `l` and Space.
import { _ } from "./strings.js";

const SIDE = 1024; // pixels of the preview

const large = (image) => image.getAttribute("src").replace(/([?&]side=)\d+/, `$1${SIDE}`);

customElements.define("light-box", class extends HTMLElement {
  connectedCallback() {
    this.dialog = this.querySelector("dialog");
    this.figure = this.querySelector("figure");
    this.stop = new AbortController();
    document.addEventListener("click", (event) => {
      const hit = event.target.closest?.(".enlarge")?.closest(".hit");
      if (hit) this.open(hit);
    }, { signal: this.stop.signal });
    this.dialog.addEventListener("keydown", (event) => this.key(event));
    this.dialog.addEventListener("close", () => this.closed());
    this.dialog.addEventListener("click", (event) => {
      const step = event.target.closest("[data-step]");
      if (step) this.step(Number(step.dataset.step));
      else if (event.target.closest("[data-close]") || event.target === this.dialog || event.target === this.figure) this.dialog.close();
    });
    this.querySelector("[data-picks]").addEventListener("change", (event) => {
      const box = this.hit?.querySelector("[data-pick]");
      if (box && box.checked !== event.target.checked) box.click();
    });
  }

  disconnectedCallback() {
    this.stop.abort();
  }

  get hits() {
    return [...document.querySelectorAll("result-grid .hit:not([hidden])")].filter((hit) => hit.querySelector(".enlarge"));
  }

  open(hit) {
    this.show(hit);
    if (!this.dialog.open) this.dialog.showModal();
    this.querySelector("[data-like]").focus();
  }

  step(by) {
    const hits = this.hits;
    const next = hits[hits.indexOf(this.hit) + by];
    if (next) this.show(next);
  }

  show(hit) {
    this.hit = hit;
    const hits = this.hits;
    const place = hits.indexOf(hit);
    const image = hit.querySelector(".picture img");
    const name = hit.querySelector(".name");
    this.figure.replaceChildren(...(image ? this.drawn(hit, image, name.textContent) : [_("no preview")]));
    const title = this.querySelector("[data-name]");
    title.textContent = name.textContent;
    title.href = name.href;
    const score = hit.querySelector(".score, .units")?.innerText ?? "";
    const share = hit.querySelector(".percentile .long")?.textContent ?? "";
    this.querySelector("[data-score]").textContent = [score, share].filter(Boolean).join(" · ");
    this.querySelector("[data-place]").textContent = _("%(name)s, %(place)s of %(all)s", { name: name.textContent, place: place + 1, all: hits.length });
    this.link("[data-like]", hit.querySelector(".picture"));
    this.link("[data-plus]", hit.querySelector(".plus"));
    this.link("[data-minus]", hit.querySelector(".minus"));
    this.link("[data-original]", hit.querySelector(".original"));
    this.querySelector("[data-picks]").checked = hit.querySelector("[data-pick]")?.checked ?? false;
    for (const button of this.querySelectorAll("[data-step]")) button.disabled = !hits[place + Number(button.dataset.step)];
    for (const near of [hits[place + 1], hits[place - 1]]) {
      const picture = near?.querySelector(".picture img");
      if (picture) new Image().src = large(picture);
    }
    if (place >= hits.length - 3) document.querySelector("#hits .more a:not([data-again])")?.click(); // further ones in time
  }

  link(selector, from) {
    const link = this.querySelector(selector);
    link.hidden = !from;
    if (from) link.href = from.href;
  }

  // In the shape of the small one, so that nothing jumps; what the hit has marked on it is marked here.
  drawn(hit, image, name) {
    const frame = document.createElement("div");
    const picture = new Image(...this.scaled(image));
    picture.alt = name;
    picture.src = large(image);
    frame.append(picture);
    const region = hit.querySelector(".region")?.cloneNode(true);
    if (region) {
      region.setAttribute("preserveAspectRatio", "xMidYMid meet");
      frame.append(region);
    }
    return [frame];
  }

  scaled(image) {
    const [wide, high] = [Number(image.getAttribute("width")) || 4, Number(image.getAttribute("height")) || 3];
    const factor = SIDE / Math.max(wide, high);
    return [Math.round(wide * factor), Math.round(high * factor)];
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowRight") this.step(1);
    else if (event.key === "ArrowLeft") this.step(-1);
    else if (event.key === "+") this.hit.querySelector(".plus")?.click();
    else if (event.key === "-" || event.key === "−") this.hit.querySelector(".minus")?.click();
    else if (event.key === "x") this.querySelector("[data-picks]").click();
    else if (event.key === "l") this.dialog.close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  closed() {
    const picture = this.hit?.querySelector(".picture");
    this.figure.replaceChildren();
    if (picture?.isConnected) {
      picture.focus({ preventScroll: true });
      this.hit.scrollIntoView({ block: "nearest" });
    }
  }
});
