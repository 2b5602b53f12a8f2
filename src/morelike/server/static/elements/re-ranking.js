// Answers that follow a weight while it moves: one request at a time, the last value always asked, and the hits that
// stay keep their elements, so that they are seen to change places.
import htmx from "../vendor/htmx/htmx.esm.min.js";

const PAUSE = 150; // milliseconds between two requests at least
const MOVES = 260; // milliseconds that a hit takes to its new place
const still = matchMedia("(prefers-reduced-motion: reduce)");

// Pictures that are there already are not fetched and drawn anew: they change over into what comes.
export function keepPictures(old, fresh) {
  const drawn = new Map();
  for (const image of old.querySelectorAll("#hits img, .part img")) drawn.set(image.getAttribute("src"), image);
  for (const image of fresh.querySelectorAll("#hits img, .part img")) {
    const known = drawn.get(image.getAttribute("src"));
    if (!known || known.className !== image.className) continue;
    drawn.delete(image.getAttribute("src"));
    for (const { name, value } of image.attributes) known.setAttribute(name, value);
    image.replaceWith(known);
  }
}

// The hits of `fresh` into the list of `old`, in their new order.
export function rerank(old, fresh) {
  const [list, coming] = [old.querySelector("#hits"), fresh.querySelector("#hits")];
  const [around, other] = [list, coming].map((hits) => hits?.closest("section.answers > *"));
  if (!around || !other || list.className !== coming.className) {
    old.replaceChildren(...fresh.childNodes);
    htmx.process(old);
    return;
  }
  const stood = new Map([...list.children].map((hit) => [hit.dataset.item, hit]));
  const places = still.matches ? null : new Map([...stood].map(([item, hit]) => [item, hit.getBoundingClientRect()]));
  const focused = list.contains(document.activeElement) ? document.activeElement.closest("[data-item]")?.dataset.item : "";
  keepPictures(list, coming);
  for (const hit of [...coming.children]) {
    const known = hit.dataset.item && stood.get(hit.dataset.item);
    if (!known) continue;
    for (const name of known.getAttributeNames()) if (!hit.hasAttribute(name)) known.removeAttribute(name);
    for (const { name, value } of hit.attributes) known.setAttribute(name, value);
    known.replaceChildren(...hit.childNodes);
    hit.replaceWith(known);
  }
  list.replaceChildren(...coming.childNodes);
  for (const child of [...old.children]) if (child !== around) child.remove();
  const [before, after] = [[], []];
  for (const child of [...fresh.children]) {
    if (child === other) continue;
    (child.compareDocumentPosition(other) & Node.DOCUMENT_POSITION_FOLLOWING ? before : after).push(child);
  }
  around.before(...before);
  around.after(...after);
  htmx.process(old);
  if (focused) list.querySelector(`[data-item="${CSS.escape(focused)}"] a`)?.focus({ preventScroll: true });
  if (places) slide(list, places);
}

function slide(list, places) {
  const high = innerHeight;
  for (const hit of list.children) {
    const [from, to] = [places.get(hit.dataset.item), hit.getBoundingClientRect()];
    if (!from || (from.top > high && to.top > high)) continue;
    const [x, y] = [from.left - to.left, from.top - to.top];
    if (x || y) hit.animate([{ translate: `${x}px ${y}px` }, { translate: "0 0" }], { duration: MOVES, easing: "ease-out" });
  }
}

// One for each form: what it asks, at most so often, the newest last.
export class Follower {
  constructor(form, tell) {
    this.form = form;
    this.tell = tell;
    this.asked = 0;
  }

  later() {
    this.wanted = true;
    if (this.flight || this.timer) return;
    this.timer = setTimeout(() => this.ask(), Math.max(0, this.asked + PAUSE - performance.now()));
  }

  // Somebody else asks now.
  stop() {
    clearTimeout(this.timer);
    this.timer = null;
    this.wanted = false;
    this.flight?.abort();
    this.flight = null;
  }

  async ask() {
    this.timer = null;
    this.wanted = false;
    this.asked = performance.now();
    const flight = new AbortController();
    this.flight = flight;
    const query = new URLSearchParams(new FormData(this.form));
    const mode = document.querySelector("#mode"); // beside the field, on some pages
    if (mode) query.set("mode", mode.value);
    try {
      const answer = await fetch(`${new URL(this.form.action).pathname}/written?${query}`, { signal: flight.signal });
      if (answer.ok && !answer.redirected) this.show(await answer.text());
    } catch {
      // let go, the search is asked again, and says what is wrong
    }
    if (this.flight !== flight) return;
    this.flight = null;
    if (this.wanted) this.later();
  }

  show(text) {
    if (!this.form.isConnected) return;
    const page = new DOMParser().parseFromString(text, "text/html");
    const [old, fresh] = [document.querySelector("#answered .answers"), page.querySelector("#answered .answers")];
    if (old && fresh) rerank(old, fresh);
    this.tell(page.querySelector("#unread")?.textContent ?? "");
  }
}

// What htmx swaps in keeps its pictures, too.
document.addEventListener("htmx:before:swap", (event) => {
  const search = document.querySelector("#search");
  if (!search) return;
  for (const task of event.detail?.tasks ?? []) {
    if (task.target === search && task.fragment) keepPictures(search, task.fragment);
  }
});

// A threshold at its very beginning is none: with other weights, scores may lie below it.
document.addEventListener("formdata", (event) => {
  const slider = event.target.elements?.namedItem("threshold");
  if (slider?.type === "range" && Number(slider.value) <= Number(slider.min)) event.formData.delete("threshold");
});
