// <crop-box place="1" label="…">: drag a rectangle over the picture; the field named `crop` beside it gets its edges as fractions.
// With the keyboard, arrows move the rectangle, with Shift they change its size; Delete takes the whole picture.
const LEAST = 0.03;
const STEP = 0.02;
const PAUSE = 500; // milliseconds after the last key
const MIDDLE = [0.25, 0.25, 0.75, 0.75];
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

customElements.define("crop-box", class extends HTMLElement {
  connectedCallback() {
    this.field = this.closest("fieldset")?.querySelector("[name=crop]");
    if (!this.field) return;
    this.cut = document.createElement("div");
    this.cut.className = "cut";
    this.append(this.cut);
    this.tabIndex = 0;
    this.setAttribute("role", "group");
    this.setAttribute("aria-label", this.getAttribute("label"));
    this.addEventListener("keydown", (event) => this.key(event));
    this.addEventListener("focusout", () => queueMicrotask(() => {
      if (!this.isConnected) return; // an answer has taken its place
      this.keyed = false;
      this.settle();
    }));
    this.show(this.edges(this.field.value));
    this.addEventListener("pointerdown", (event) => this.begin(event));
    this.addEventListener("pointermove", (event) => { if (this.from) this.show(this.until(event)); });
    this.addEventListener("pointerup", (event) => this.end(event));
    this.addEventListener("pointercancel", () => this.cancel());
    this.addEventListener("lostpointercapture", () => { if (this.from) this.cancel(); });
    this.closest("fieldset").querySelector("[data-uncrop]")?.addEventListener("click", () => this.set(""));
  }

  disconnectedCallback() {
    clearTimeout(this.timer);
    this.cut?.remove();
    if (this.keyed) queueMicrotask(() => this.hand());
  }

  // To the element that an answer has brought in its place: keys go on moving that one.
  hand() {
    const next = document.querySelector(`crop-box[place="${this.getAttribute("place")}"]`);
    if (!next?.field || ![document.body, document.querySelector("main"), null].includes(document.activeElement)) return;
    next.focus({ preventScroll: true });
    next.keyed = true;
    if (this.steered !== undefined) next.later(this.steered);
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (["Delete", "Backspace"].includes(event.key) && this.field.value) {
      event.preventDefault();
      this.keyed = true;
      this.steered = "";
      this.settle();
      return;
    }
    const arrow = ARROWS[event.key];
    if (!arrow) return;
    event.preventDefault();
    const edges = this.edges(this.steered ?? this.field.value);
    this.later((edges ? this.moved(edges, arrow, event.shiftKey) : MIDDLE).map((edge) => edge.toFixed(3)).join(","));
  }

  later(edges) {
    this.keyed = true;
    this.steered = edges;
    this.show(this.edges(edges));
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.settle(), PAUSE);
  }

  // The rectangle a step further; or its right and lower edges, where its size changes.
  moved([left, top, right, bottom], [x, y], sizing) {
    const within = (value, least, most) => Math.min(most, Math.max(least, value));
    if (sizing) return [left, top, within(right + x * STEP, left + LEAST, 1), within(bottom + y * STEP, top + LEAST, 1)];
    const [wide, high] = [right - left, bottom - top];
    const [across, down] = [within(left + x * STEP, 0, 1 - wide), within(top + y * STEP, 0, 1 - high)];
    return [across, down, across + wide, down + high];
  }

  settle() {
    clearTimeout(this.timer);
    const value = this.steered;
    this.steered = undefined;
    if (value !== undefined && value !== this.field.value) this.set(value);
  }

  edges(text) {
    const edges = text.split(",").map(Number);
    return edges.length === 4 && edges.every((edge) => edge >= 0 && edge <= 1) ? edges : null;
  }

  at(event) {
    const box = this.getBoundingClientRect();
    const within = (value) => Math.min(1, Math.max(0, value));
    return [within((event.clientX - box.left) / box.width), within((event.clientY - box.top) / box.height)];
  }

  until(event) {
    const [x, y] = this.at(event);
    return [Math.min(x, this.from[0]), Math.min(y, this.from[1]), Math.max(x, this.from[0]), Math.max(y, this.from[1])];
  }

  begin(event) {
    if (event.button !== 0) return;
    event.preventDefault();
    this.setPointerCapture(event.pointerId);
    this.from = this.at(event);
  }

  end(event) {
    if (!this.from) return;
    const edges = this.until(event);
    this.from = null;
    const [left, top, right, bottom] = edges;
    if (right - left < LEAST || bottom - top < LEAST) this.show(this.edges(this.field.value)); // a mere click
    else this.set(edges.map((edge) => edge.toFixed(3)).join(","));
  }

  cancel() {
    this.from = null;
    this.show(this.edges(this.field.value));
  }

  set(value) {
    this.field.value = value;
    this.show(this.edges(value));
    this.field.dispatchEvent(new Event("change", { bubbles: true }));
  }

  show(edges) {
    this.cut.hidden = !edges;
    if (!edges) return;
    const [left, top, right, bottom] = edges.map((edge) => edge * 100);
    Object.assign(this.cut.style, {
      left: `${left}%`, top: `${top}%`, width: `${right - left}%`, height: `${bottom - top}%`,
    });
  }
});
