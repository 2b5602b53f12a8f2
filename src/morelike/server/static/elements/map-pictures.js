// What lies over the points of a map: the names of clusters, and small pictures where few points are left.
const MOST = 60; // pictures at once
const SETTLED = 160; // milliseconds without a move before pictures are asked for
const APART = 0.86; // of a picture's side: so near two may stand

export class Names {
  constructor(layer) {
    Object.assign(this, { layer, names: [] });
  }

  // `clusters`: [{ name, size, middle }], the largest first.
  set(clusters) {
    this.names = clusters.filter(({ name, middle }) => name && middle).map(({ id, name, middle }) => {
      const label = document.createElement("span");
      label.textContent = name;
      return { id, label, middle };
    });
    this.layer.replaceChildren(...this.names.map(({ label }) => label));
    for (const one of this.names) Object.assign(one, { wide: one.label.offsetWidth, high: one.label.offsetHeight });
  }

  // The larger clusters first; a name that would cover another one is left out. `only`: a cluster that all else is dim
  // beside. `lift`: pixels from its point.
  draw(view, only, lift) {
    const taken = [];
    for (const { id, label, middle, wide, high } of this.names) {
      const [left, point] = view.toScreen(middle.x, middle.y);
      const top = point - lift;
      const box = [left - wide / 2 - 4, top - high / 2 - 3, left + wide / 2 + 4, top + high / 2 + 3];
      const seen = box[0] >= 0 && box[1] >= 0 && box[2] <= view.width && box[3] <= view.height;
      const free = taken.every((one) => box[2] < one[0] || box[0] > one[2] || box[3] < one[1] || box[1] > one[3]);
      const shown = seen && free && (only === null || only === id);
      label.hidden = !shown;
      if (!shown) continue;
      taken.push(box);
      label.style.transform = `translate(${left - wide / 2}px, ${top - high / 2}px)`;
    }
  }
}

export class Pictures {
  // `chosen`: hears that there are others, or none.
  constructor(layer, address, items, chosen) {
    Object.assign(this, { layer, address, items, chosen, shown: new Map(), waiting: 0, side: 0, asking: new AbortController() });
  }

  // They move with the points at once; which there are is chosen when the map stands still.
  draw(view, points, colourOf) {
    if (!this.address) return;
    for (const [place, image] of this.shown) this.stand(view, points, place, image);
    clearTimeout(this.waiting);
    this.waiting = setTimeout(() => this.choose(view, points, colourOf), SETTLED);
  }

  async choose(view, points, colourOf) {
    const side = this.side = Math.round(Math.min(96, Math.max(44, Math.min(view.width, view.height) / 9)));
    const seen = points.count ? points.inside(view.box(), MOST) ?? [] : [];
    const chosen = [];
    for (const place of seen) {
      const [left, top] = view.toScreen(points.at[2 * place], points.at[2 * place + 1]);
      const free = chosen.every((one) => Math.abs(one.left - left) > side * APART || Math.abs(one.top - top) > side * APART);
      if (free) chosen.push({ place, left, top });
    }
    this.asking.abort();
    const { signal } = this.asking = new AbortController();
    const places = chosen.map(({ place }) => place);
    let ids = [];
    try {
      ids = await this.items.of(places, signal);
    } catch {
      return; // there are none then: whoever asks for an item itself is told why
    }
    if (signal.aborted) return;
    const [wanted, idOf] = [new Set(places), new Map(places.map((place, at) => [place, ids[at]]))];
    for (const [place, image] of this.shown) if (!wanted.has(place)) this.drop(place, image);
    for (const place of wanted) {
      const image = this.shown.get(place) ?? this.begin(place, idOf.get(place));
      image.width = side;
      image.height = side;
      image.style.borderColor = colourOf(place);
      image.toggleAttribute("data-selected", points.look[4 * place + 2] > 0);
      image.toggleAttribute("data-dimmed", points.look[4 * place + 3] > 0);
      this.stand(view, points, place, image);
    }
    const before = this.layer.dataset.pictures;
    this.layer.dataset.pictures = this.shown.size;
    if (before !== this.layer.dataset.pictures) this.chosen();
  }

  begin(place, item) {
    const image = new Image();
    image.alt = "";
    image.decoding = "async";
    image.draggable = false;
    image.addEventListener("error", () => this.drop(place, image));
    image.src = this.address.replace("PLACE", encodeURIComponent(item));
    this.shown.set(place, image);
    this.layer.append(image);
    return image;
  }

  // One that has not come yet is not waited for.
  drop(place, image) {
    if (this.shown.get(place) === image) this.shown.delete(place);
    image.remove();
    if (!image.complete) image.removeAttribute("src");
  }

  stand(view, points, place, image) {
    const [left, top] = view.toScreen(points.at[2 * place], points.at[2 * place + 1]);
    image.style.transform = `translate(${left - image.width / 2}px, ${top - image.height / 2}px)`;
  }

  end() {
    clearTimeout(this.waiting);
    this.asking.abort();
    for (const [place, image] of this.shown) this.drop(place, image);
  }
}
