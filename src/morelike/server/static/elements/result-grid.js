// <result-grid>: walk over pictures, or over passages, with the arrows, steer with + and −, open with o, play with p, ask
// why with w, enlarge with l or Space, pick with x, drag a picture onto the board. Further hits come by themselves when
// the end is near; an item that is there already is not shown twice.
import { ITEM } from "./drop-zone.js";

const NEAR = "600px"; // below what is seen
const PRESSED = {
  "+": ".plus", "-": ".minus", "−": ".minus", o: ".name", p: ".moment", w: ".why", l: ".enlarge", " ": ".enlarge", x: "[data-pick]", X: "[data-pick]",
};

customElements.define("result-grid", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("keydown", (event) => this.key(event));
    this.addEventListener("dragstart", (event) => {
      const hit = event.target.closest?.("[data-item]");
      if (hit) event.dataTransfer.setData(ITEM, hit.dataset.item);
    });
    this.addEventListener("click", (event) => { // a button that goes takes the focus along
      const more = event.target.closest?.(".more");
      if (!more) return;
      this.asked = true;
      if (more.contains(document.activeElement)) this.waiting = more;
    });
    this.stop = new AbortController();
    document.addEventListener("keydown", (event) => this.enter(event), { signal: this.stop.signal });
    this.follow();
  }

  disconnectedCallback() {
    this.stop.abort();
    this.near.disconnect();
    this.grown.disconnect();
  }

  follow() {
    this.near = new IntersectionObserver((seen) => {
      for (const { isIntersecting, target } of seen) {
        if (!isIntersecting || this.querySelector("#hits > [hidden]")) continue; // below the slider: so are further ones
        this.near.unobserve(target); // once: what fails waits for the button
        target.click();
      }
    }, { rootMargin: `0px 0px ${NEAR}` });
    this.grown = new MutationObserver((changes) => this.grew(changes));
    this.grown.observe(this, { childList: true, subtree: true });
    this.watch();
  }

  watch() {
    const more = this.querySelector(".more a[hx-get]:not([data-again])");
    if (more) this.near.observe(more);
  }

  grew(changes) {
    const fresh = changes.flatMap(({ target, addedNodes }) => (target.id === "hits" ? [...addedNodes] : []));
    const hits = fresh.filter((node) => node.isConnected && node.matches?.("[data-item]"));
    const stood = new Set();
    for (const hit of this.querySelectorAll("#hits > [data-item]")) {
      if (stood.has(hit.dataset.item)) hit.remove();
      stood.add(hit.dataset.item);
    }
    if (changes.some(({ target }) => target.id === "hits")) document.querySelector("threshold-slider")?.mark();
    if (!hits.length) return;
    if (this.asked) document.querySelector("threshold-slider")?.apply();
    if (this.waiting && !this.waiting.isConnected && document.activeElement === document.body) {
      const first = hits.find((hit) => hit.isConnected && !hit.hidden);
      first?.querySelector(":scope > :is(.picture, .like)")?.focus({ preventScroll: true });
    }
    this.asked = false;
    this.waiting = null;
    this.watch();
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
    if (event.target.matches("input, button, summary") && event.key === " ") return;
    const link = PRESSED[event.key];
    if (link) {
      const pressed = hit.querySelector(link);
      if (event.key === " " && !pressed) return;
      event.preventDefault();
      pressed?.dispatchEvent(new MouseEvent("click", { bubbles: true, cancelable: true, shiftKey: event.key === "X" }));
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
