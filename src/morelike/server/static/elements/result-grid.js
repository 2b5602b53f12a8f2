// <result-grid>: walk over pictures, or over passages, with the arrows, steer with + and −, open with o, play with p, drag a picture onto the board.
import { ITEM } from "./drop-zone.js";

customElements.define("result-grid", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("keydown", (event) => this.key(event));
    this.addEventListener("dragstart", (event) => {
      const hit = event.target.closest?.("[data-item]");
      if (hit) event.dataTransfer.setData(ITEM, hit.dataset.item);
    });
    this.stop = new AbortController();
    document.addEventListener("keydown", (event) => this.enter(event), { signal: this.stop.signal });
  }

  disconnectedCallback() {
    this.stop.abort();
  }

  get pictures() {
    return [...this.querySelectorAll(".hit:not([hidden]) > :is(.picture, .like)")];
  }

  // An arrow with nothing in focus goes to the first picture.
  enter(event) {
    if (event.defaultPrevented || !event.key.startsWith("Arrow") || event.altKey || event.ctrlKey || event.metaKey) return;
    if (![document.body, document.querySelector("main"), null].includes(document.activeElement)) return;
    const first = this.pictures[0];
    if (!first) return;
    event.preventDefault();
    first.focus();
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const hit = event.target.closest(".hit");
    if (!hit) return;
    const link = { "+": ".plus", "-": ".minus", "−": ".minus", o: ".name", p: ".moment" }[event.key];
    if (link) {
      hit.querySelector(link)?.click();
      return;
    }
    const next = this.next(hit.querySelector(":scope > :is(.picture, .like)"), event.key);
    if (!next) return;
    event.preventDefault();
    next.focus();
    next.closest(".hit").scrollIntoView({ block: "nearest" });
  }

  next(from, key) {
    const pictures = this.pictures;
    const place = pictures.indexOf(from);
    if (key === "ArrowRight") return pictures[place + 1];
    if (key === "ArrowLeft") return pictures[place - 1];
    if (key === "Home") return pictures[0];
    if (key === "End") return pictures.at(-1);
    if (key !== "ArrowDown" && key !== "ArrowUp") return null;
    const here = from.getBoundingClientRect();
    const middle = here.left + here.width / 2;
    const down = key === "ArrowDown";
    const boxes = pictures.map((picture) => ({ picture, box: picture.getBoundingClientRect() }));
    const beyond = boxes.filter(({ box }) => (down ? box.top > here.bottom : box.bottom < here.top));
    if (!beyond.length) return null;
    const row = down ? Math.min(...beyond.map(({ box }) => box.top)) : Math.max(...beyond.map(({ box }) => box.top));
    const distance = ({ box }) => Math.abs(box.left + box.width / 2 - middle);
    return beyond.filter(({ box }) => Math.abs(box.top - row) < 4).sort((a, b) => distance(a) - distance(b))[0].picture;
  }
});
