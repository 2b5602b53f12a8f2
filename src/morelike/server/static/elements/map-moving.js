// Moving over a map by pointer, wheel, fingers and keys; and the line that is drawn around points.
const STILL = 5; // pixels: less is a click
const HELD = 500; // milliseconds of a long press
const FINE = 3; // pixels between two corners of a line
const MOST_CORNERS = 4000;
const WHEEL = 0.0016;
const PINCHED = 0.012; // a touchpad's pinch comes as a wheel with Ctrl
const STEP = 1.6;
const KEYS = { ArrowLeft: [1, 0], ArrowRight: [-1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] };

// `on` hears: hover(left, top) or hover(), tap(left, top, touch), held(), circled(corners), drawing(corners or null),
// key(event).
export class Moving {
  constructor(stage, view, on, signal) {
    Object.assign(this, { stage, view, on, fingers: new Map(), line: null, circling: false, panning: false });
    for (const [type, handle] of Object.entries({
      pointerdown: this.down, pointermove: this.move, pointerup: this.up, pointercancel: this.cancel,
      dblclick: this.twice, keydown: this.key,
    })) stage.addEventListener(type, (event) => handle.call(this, event), { signal });
    stage.addEventListener("contextmenu", (event) => { if (this.fingers.size) event.preventDefault(); }, { signal }); // a long press
    signal.addEventListener("abort", () => clearTimeout(this.holding));
    stage.addEventListener("pointerleave", () => { if (!this.fingers.size) this.on.hover(); }, { signal });
    stage.addEventListener("wheel", (event) => this.wheel(event), { signal, passive: false });
  }

  at(event) {
    const box = this.stage.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }

  down(event) {
    if (event.button !== 0 || event.target.closest("a, button") || this.fingers.size > 1) return;
    this.view.stop();
    this.stage.setPointerCapture(event.pointerId);
    const at = this.at(event);
    this.fingers.set(event.pointerId, { at, from: at, moved: false });
    if (this.fingers.size > 1) {
      this.rest();
      this.forget();
      for (const finger of this.fingers.values()) finger.moved = true;
    } else if (this.circling || event.shiftKey) this.line = [at];
    else if (event.pointerType === "touch") this.holding = setTimeout(() => this.hold(at), HELD);
  }

  // A finger that stays where it is begins a line there.
  hold(at) {
    this.on.held();
    this.line = [at];
  }

  move(event) {
    const finger = this.fingers.get(event.pointerId);
    const at = this.at(event);
    if (!finger) {
      if (event.pointerType !== "touch") this.on.hover(...at);
      return;
    }
    const before = finger.at;
    finger.moved ||= Math.hypot(at[0] - finger.from[0], at[1] - finger.from[1]) >= STILL;
    if (finger.moved) clearTimeout(this.holding);
    if (this.line) {
      const last = this.line.at(-1);
      if (Math.hypot(at[0] - last[0], at[1] - last[1]) < FINE || this.line.length >= MOST_CORNERS) return;
      this.line.push(at);
      this.on.drawing(this.line);
    } else if (this.fingers.size === 2) {
      const other = [...this.fingers.values()].find((one) => one !== finger).at;
      const apart = (one) => Math.max(1, Math.hypot(one[0] - other[0], one[1] - other[1]));
      const middle = [(at[0] + other[0]) / 2, (at[1] + other[1]) / 2];
      this.on.hover();
      this.view.pan((at[0] - before[0]) / 2, (at[1] - before[1]) / 2);
      this.view.nearer(apart(at) / apart(before), ...middle);
    } else if (finger.moved) {
      this.stage.dataset.dragging = "";
      this.on.hover();
      const start = this.panning ? before : finger.from; // what was moved before it was a drag counts, too
      this.panning = true;
      this.view.pan(at[0] - start[0], at[1] - start[1]);
    }
    finger.at = at;
  }

  up(event) {
    const finger = this.fingers.get(event.pointerId);
    this.fingers.delete(event.pointerId);
    this.rest();
    if (!finger) return;
    const line = this.line;
    this.forget();
    if (line && finger.moved && line.length > 2) this.on.circled(line);
    else if (!finger.moved && !(line && event.pointerType === "touch")) this.on.tap(...this.at(event), event.pointerType === "touch");
  }

  cancel(event) {
    this.fingers.delete(event.pointerId);
    this.rest();
    this.forget();
  }

  // A finger that stays when another one goes pans on from where it is.
  rest() {
    clearTimeout(this.holding);
    delete this.stage.dataset.dragging;
    this.panning = false;
    for (const finger of this.fingers.values()) finger.from = finger.at;
  }

  // Lets go of a line that is being drawn; whether there was one.
  forget() {
    const drawing = this.line !== null;
    this.line = null;
    this.on.drawing(null);
    return drawing;
  }

  twice(event) {
    if (!event.target.closest("a, button")) this.view.glide(this.view.zoomed(event.shiftKey ? 0.5 : 2, ...this.at(event)));
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 16 : 1;
    const far = Math.min(240, Math.max(-240, event.deltaY * lines));
    this.view.nearer(Math.exp(-far * (event.ctrlKey ? PINCHED : WHEEL)), ...this.at(event));
    this.on.hover(...this.at(event));
  }

  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target !== this.stage) return;
    if (event.key in KEYS) {
      const [across, down] = KEYS[event.key];
      this.view.pan(across * this.view.width * 0.12, down * this.view.height * 0.12);
    } else if (event.key === "+" || event.key === "=") this.in();
    else if (event.key === "-" || event.key === "−") this.out();
    else if (event.key === "0") this.whole();
    else if (!this.on.key(event)) return;
    event.preventDefault();
    event.stopPropagation();
  }

  in() {
    this.view.glide(this.view.zoomed(STEP, this.view.width / 2, this.view.height / 2));
  }

  out() {
    this.view.glide(this.view.zoomed(1 / STEP, this.view.width / 2, this.view.height / 2));
  }

  whole() {
    this.view.glide({ x: 0, y: 0, zoom: 1 });
  }
}
