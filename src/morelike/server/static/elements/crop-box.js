// <crop-box>: drag a rectangle over the picture; the field named `crop` beside it gets its edges as fractions.
const LEAST = 0.03;

customElements.define("crop-box", class extends HTMLElement {
  connectedCallback() {
    this.field = this.closest("fieldset")?.querySelector("[name=crop]");
    if (!this.field) return;
    this.cut = document.createElement("div");
    this.cut.className = "cut";
    this.append(this.cut);
    this.show(this.edges(this.field.value));
    this.addEventListener("pointerdown", (event) => this.begin(event));
    this.addEventListener("pointermove", (event) => { if (this.from) this.show(this.until(event)); });
    this.addEventListener("pointerup", (event) => this.end(event));
    this.addEventListener("pointercancel", () => this.cancel());
    this.addEventListener("lostpointercapture", () => { if (this.from) this.cancel(); });
    this.closest("fieldset").querySelector("[data-uncrop]")?.addEventListener("click", () => this.set(""));
  }

  disconnectedCallback() {
    this.cut?.remove();
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
