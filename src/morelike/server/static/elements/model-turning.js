// <model-turning src="…/model" label="…">: a picture of a 3D model, and a button that puts the model itself in its place.
// What draws it is fetched when somebody wants to turn one for the first time.
import { _ } from "./strings.js";

const STEP = Math.PI / 24;
const NEARER = 1.15;
const KEYS = {
  ArrowLeft: (view) => ({ turn: view.turn - STEP }),
  ArrowRight: (view) => ({ turn: view.turn + STEP }),
  ArrowUp: (view) => ({ tilt: view.tilt + STEP }),
  ArrowDown: (view) => ({ tilt: view.tilt - STEP }),
  "+": (view) => ({ away: view.away / NEARER }),
  "=": (view) => ({ away: view.away / NEARER }),
  "-": (view) => ({ away: view.away * NEARER }),
};

customElements.define("model-turning", class extends HTMLElement {
  connectedCallback() {
    this.stop = new AbortController();
    this.fingers = new Map();
    this.on(this.querySelector("[data-turn]"), "click", () => this.begin());
  }

  disconnectedCallback() {
    this.stop.abort();
    this.sized?.disconnect();
    this.dressed?.disconnect();
    this.drawing?.end();
  }

  on(target, type, handle, more = {}) {
    target?.addEventListener(type, handle, { signal: this.stop.signal, ...more });
  }

  async begin() {
    if (this.coming) return;
    this.coming = true;
    this.tell(_("The model is coming …"));
    try {
      await this.show();
    } finally {
      this.coming = false;
    }
  }

  async show() {
    let tools;
    try {
      tools = await Promise.all([import("./solids.js"), import("./solid-canvas.js")]);
    } catch {
      this.tell(_("The viewer could not be loaded. Is the server still running?"));
      return;
    }
    const [{ readModel }, { SolidCanvas }] = tools;
    try {
      const answer = await fetch(this.getAttribute("src"), { signal: this.stop.signal });
      if (!answer.ok) throw new Error(String(answer.status));
      const model = readModel(await answer.arrayBuffer());
      if (this.isConnected) this.put((canvas) => new SolidCanvas(canvas, model));
    } catch (error) {
      if (error.name !== "AbortError") {
        this.tell(_("This model cannot be shown here. The original can be opened with another program."));
      }
    }
  }

  put(drawn) {
    const canvas = document.createElement("canvas");
    for (const [name, value] of Object.entries({
      tabindex: "0", role: "application", "aria-label": this.getAttribute("label"), "aria-describedby": "turning-said",
    })) canvas.setAttribute(name, value);
    const picture = this.querySelector("a");
    picture.replaceWith(canvas);
    try {
      this.drawing = drawn(canvas);
    } catch (error) {
      canvas.replaceWith(picture);
      throw error;
    }
    this.follow(canvas);
    this.tell(_("Drag to turn it, with two fingers or Shift to move it, scroll or pinch to come nearer. The arrow keys, + and − do the same; Home leads back."));
    this.querySelector("[data-turn]").hidden = true;
    canvas.focus();
  }

  follow(canvas) {
    this.on(canvas, "keydown", (event) => this.press(event));
    this.on(canvas, "wheel", (event) => this.wheel(event), { passive: false });
    this.on(canvas, "dblclick", () => this.drawing.again());
    this.on(canvas, "pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      canvas.focus();
      this.fingers.set(event.pointerId, event);
    });
    this.on(canvas, "pointermove", (event) => this.drag(event));
    for (const type of ["pointerup", "pointercancel", "lostpointercapture"]) {
      this.on(canvas, type, (event) => this.fingers.delete(event.pointerId));
    }
    this.on(matchMedia("(prefers-color-scheme: dark)"), "change", () => this.drawing.draw());
    this.dressed = new MutationObserver(() => this.drawing.draw());
    this.dressed.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    this.sized = new ResizeObserver(() => this.drawing.draw());
    this.sized.observe(canvas);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { view } = this.drawing;
    if (event.key === "Home" || event.key === "0") this.drawing.again();
    else if (event.key in KEYS) this.drawing.look(KEYS[event.key](view));
    else return;
    event.preventDefault();
  }

  // Only where the model has the focus: otherwise the page is scrolled.
  wheel(event) {
    if (document.activeElement !== event.currentTarget) return;
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? event.deltaY : event.deltaY * 30;
    this.drawing.look({ away: this.drawing.view.away * Math.exp(Math.max(-200, Math.min(200, lines)) * 0.0015) });
  }

  drag(event) {
    const before = this.fingers.get(event.pointerId);
    if (!before) return;
    const [first, second] = this.fingers.values();
    const { view, pixel } = this.drawing;
    const moved = { x: event.clientX - before.clientX, y: event.clientY - before.clientY };
    const apart = (one, other) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    if (second) {
      const other = first.pointerId === event.pointerId ? second : first;
      const shift = { x: view.x + moved.x / 2 * pixel, y: view.y - moved.y / 2 * pixel };
      this.drawing.look({ ...shift, away: view.away * apart(before, other) / apart(event, other) });
    } else if (event.shiftKey) {
      this.drawing.look({ x: view.x + moved.x * pixel, y: view.y - moved.y * pixel });
    } else {
      this.drawing.look({ turn: view.turn + moved.x * 0.01, tilt: view.tilt + moved.y * 0.01 });
    }
    this.fingers.set(event.pointerId, event);
  }

  tell(sentence) {
    this.querySelector("[role=status]").textContent = sentence;
  }
});
