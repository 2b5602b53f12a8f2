// <picture-zoom label="…" sharp="…">: a picture that is looked at closely, as large as the window. The wheel, two fingers,
// a double click, + and − come nearer; dragging and the arrows move it. `sharp`: an address of the same with more pixels,
// fetched only then. What lies over the picture (an outline) goes with it.
import { _ } from "./strings.js";

const NEARER = 1.25;
const DOUBLE = 3;
const STEP = 80; // pixels that an arrow moves
const LARGEST = 8; // pixels of the window that one of the picture takes at most

customElements.define("picture-zoom", class extends HTMLElement {
  connectedCallback() {
    this.stop = new AbortController();
    this.fingers = new Map();
    this.on(this.querySelector("[data-zoom]"), "click", () => this.open());
    this.on(this.querySelector("a"), "click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.open();
    });
  }

  disconnectedCallback() {
    this.stop.abort();
    this.dialog?.remove();
    this.dialog = null;
  }

  on(target, type, handle, more = {}) {
    target?.addEventListener(type, handle, { signal: this.stop.signal, ...more });
  }

  open() {
    if (!this.dialog) this.make();
    this.dialog.showModal();
    this.fit();
    this.stage.focus();
  }

  make() {
    this.dialog = document.createElement("dialog");
    this.dialog.className = "zooming";
    this.dialog.setAttribute("aria-label", this.getAttribute("label"));
    this.stage = document.createElement("div");
    this.stage.className = "stage";
    for (const [name, value] of Object.entries({
      tabindex: "0", role: "application", "aria-label": _("%(name)s, closely", { name: this.getAttribute("label") }),
      "aria-describedby": "zooming-said",
    })) this.stage.setAttribute(name, value);
    this.sheet = this.querySelector(".framed").cloneNode(true);
    this.sheet.className = "sheet";
    this.stage.append(this.sheet);
    this.dialog.append(this.stage, this.tools());
    this.append(this.dialog);
    this.picture = this.sheet.querySelector("img");
    this.sharpen();
    this.follow();
  }

  tools() {
    const row = document.createElement("div");
    row.className = "tools";
    const button = (sign, said, act) => {
      const made = document.createElement("button");
      Object.assign(made, { type: "button", textContent: sign, title: said });
      made.setAttribute("aria-label", said);
      this.on(made, "click", act);
      return made;
    };
    this.said = document.createElement("output");
    const hint = document.createElement("span");
    Object.assign(hint, { className: "hint", id: "zooming-said" });
    hint.textContent = _("Scroll, pinch, + and − come nearer; drag or the arrows move it; 0 shows all of it.");
    row.append(
      button("−", _("Further away"), () => this.nearer(1 / NEARER)), this.said,
      button("+", _("Nearer"), () => this.nearer(NEARER)), button(_("All of it"), _("All of it"), () => this.fit()), hint,
      button(_("Close"), _("Close"), () => this.dialog.close()),
    );
    return row;
  }

  // The original takes the preview's place once it is here; where a browser cannot show it, the preview stays.
  async sharpen() {
    const address = this.getAttribute("sharp");
    if (!address) return;
    const sharp = new Image();
    sharp.src = address;
    try {
      await sharp.decode();
    } catch {
      return;
    }
    this.picture.src = address;
    this.whole = { wide: sharp.naturalWidth, high: sharp.naturalHeight };
    this.show();
  }

  follow() {
    const { stage } = this;
    this.on(stage, "wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 30;
      this.nearer(Math.exp(-Math.max(-200, Math.min(200, lines)) * 0.002), this.at(event));
    }, { passive: false });
    this.on(stage, "dblclick", (event) => {
      if (this.scale > 1.01) this.fit();
      else this.nearer(DOUBLE, this.at(event));
    });
    this.on(stage, "keydown", (event) => this.press(event));
    this.on(stage, "pointerdown", (event) => {
      if (event.button !== 0) return;
      stage.setPointerCapture(event.pointerId);
      this.fingers.set(event.pointerId, event);
    });
    this.on(stage, "pointermove", (event) => this.drag(event));
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
      this.on(stage, type, (event) => this.fingers.delete(event.pointerId));
    }
    this.on(this.picture, "dragstart", (event) => event.preventDefault());
    this.on(window, "resize", () => { if (this.dialog.open) this.show(); });
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts = {
      "+": () => this.nearer(NEARER), "=": () => this.nearer(NEARER), "-": () => this.nearer(1 / NEARER), 0: () => this.fit(),
      ArrowLeft: () => this.move(STEP, 0), ArrowRight: () => this.move(-STEP, 0),
      ArrowUp: () => this.move(0, STEP), ArrowDown: () => this.move(0, -STEP),
    };
    if (!(event.key in acts)) return;
    event.preventDefault();
    acts[event.key]();
  }

  drag(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    this.fingers.set(event.pointerId, event);
    const other = [...this.fingers.values()].find((finger) => finger.pointerId !== event.pointerId);
    if (!other) {
      this.move(event.clientX - before.clientX, event.clientY - before.clientY);
      return;
    }
    const apart = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    const middle = { clientX: (event.clientX + other.clientX) / 2, clientY: (event.clientY + other.clientY) / 2 };
    this.nearer(apart(event) / apart(before), this.at(middle));
  }

  at(event) {
    const box = this.stage.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  // The size of all of it in the window, and how much nearer one may come.
  get fitting() {
    const { clientWidth, clientHeight } = this.stage;
    const [wide, high] = ["width", "height"].map((side) => Number(this.picture.getAttribute(side)) || 1);
    const factor = Math.min(clientWidth / wide, clientHeight / high);
    const most = Math.max(4, LARGEST * (this.whole?.wide ?? wide) / (wide * factor));
    return { wide: wide * factor, high: high * factor, most };
  }

  fit() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.show();
  }

  // So many times nearer, with the point (of the stage; its middle where none is given) staying where it is.
  nearer(times, point = { x: this.stage.clientWidth / 2, y: this.stage.clientHeight / 2 }) {
    const scale = Math.min(this.fitting.most, Math.max(1, this.scale * times));
    const [x, y] = [point.x - this.stage.clientWidth / 2, point.y - this.stage.clientHeight / 2];
    this.x = x - (x - this.x) * scale / this.scale;
    this.y = y - (y - this.y) * scale / this.scale;
    this.scale = scale;
    this.show();
  }

  move(x, y) {
    this.x += x;
    this.y += y;
    this.show();
  }

  show() {
    const { wide, high, most } = this.fitting;
    this.scale = Math.min(most, this.scale);
    const room = (size, all) => Math.max(0, (size * this.scale - all) / 2);
    const [across, down] = [room(wide, this.stage.clientWidth), room(high, this.stage.clientHeight)];
    this.x = Math.min(across, Math.max(-across, this.x));
    this.y = Math.min(down, Math.max(-down, this.y));
    Object.assign(this.sheet.style, {
      width: `${wide * this.scale}px`, height: `${high * this.scale}px`, transform: `translate(calc(-50% + ${this.x}px), calc(-50% + ${this.y}px))`,
    });
    this.said.textContent = `${Math.round(100 * wide * this.scale / (this.whole?.wide ?? (Number(this.picture.getAttribute("width")) || 1)))} %`;
  }
});
