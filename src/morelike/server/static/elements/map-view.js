// What of a map is seen: its middle, and how many pixels one unit of it has. Points lie between -1 and 1.
const MARGIN = 1.2;
const LEAST = 0.5;
const MOST = 3000;
const GLIDE = 220; // milliseconds

const within = (value, low, high) => Math.min(high, Math.max(low, value));

export class View {
  constructor(changed) {
    this.changed = changed;
    Object.assign(this, { x: 0, y: 0, zoom: 1, width: 1, height: 1 });
  }

  // Pixels a unit; a zoom of 1 shows all points, whatever the size of the window.
  get scale() {
    return this.zoom * this.whole;
  }

  get whole() {
    return Math.max(1, Math.min(this.width, this.height)) / (2 * MARGIN);
  }

  size(width, height) {
    Object.assign(this, { width, height });
    this.changed();
  }

  toScreen(x, y) {
    return [(x - this.x) * this.scale + this.width / 2, (this.y - y) * this.scale + this.height / 2];
  }

  toMap(left, top) {
    return [this.x + (left - this.width / 2) / this.scale, this.y - (top - this.height / 2) / this.scale];
  }

  // The rectangle of the map that is seen, with so many pixels around it.
  box(around = 0) {
    const [left, top] = this.toMap(-around, -around);
    const [right, bottom] = this.toMap(this.width + around, this.height + around);
    return [left, bottom, right, top];
  }

  show({ x, y, zoom }) {
    this.stop();
    this.x = within(x, -1, 1);
    this.y = within(y, -1, 1);
    this.zoom = within(zoom, LEAST, MOST);
    this.changed();
  }

  pan(across, down) {
    this.show({ x: this.x - across / this.scale, y: this.y + down / this.scale, zoom: this.zoom });
  }

  // What lies at this pixel stays there.
  nearer(factor, left = this.width / 2, top = this.height / 2) {
    this.show(this.zoomed(factor, left, top));
  }

  zoomed(factor, left, top) {
    const [x, y] = this.toMap(left, top);
    const zoom = within(this.zoom * factor, LEAST, MOST);
    const share = this.zoom / zoom;
    return { x: x + (this.x - x) * share, y: y + (this.y - y) * share, zoom };
  }

  around([left, bottom, right, top]) {
    const [wide, high] = [Math.max(right - left, 1e-4) * 1.25, Math.max(top - bottom, 1e-4) * 1.25];
    const zoom = Math.min(this.width / wide, this.height / high) / this.whole;
    return { x: (left + right) / 2, y: (bottom + top) / 2, zoom: within(zoom, 1, 40) };
  }

  // The same as `show`, in small steps where motion is welcome.
  glide(to) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.show(to);
      return;
    }
    this.stop();
    const [from, begun] = [{ x: this.x, y: this.y, zoom: this.zoom }, performance.now()];
    const step = (now) => {
      const share = within((now - begun) / GLIDE, 0, 1);
      const eased = 1 - (1 - share) ** 3;
      const zoom = from.zoom * (to.zoom / from.zoom) ** eased;
      // so that what is gone to moves straight while it grows
      const along = from.zoom === to.zoom ? eased : (1 / from.zoom - 1 / zoom) / (1 / from.zoom - 1 / to.zoom);
      this.show({ x: from.x + (to.x - from.x) * along, y: from.y + (to.y - from.y) * along, zoom });
      if (share < 1) this.gliding = requestAnimationFrame(step);
    };
    this.gliding = requestAnimationFrame(step);
  }

  stop() {
    cancelAnimationFrame(this.gliding);
  }
}
