// <atom-picking path="/c/NAME" smiles="…"> around a molecule's drawing: a window where its atoms and bonds are picked, to
// search for molecules with that part. A click, a rectangle around several, or the arrows and Space.
import { _, ngettext } from "./strings.js";

const SVG = "http://www.w3.org/2000/svg";
const REACH = 17; // of the drawing's 640

function made(name, attributes = {}, words = "") {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  if (words) element.textContent = words;
  return element;
}

function drawn(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}

customElements.define("atom-picking", class extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector(".pick");
    this.told = this.querySelector(".told");
    this.button.addEventListener("click", () => this.begin());
  }

  disconnectedCallback() {
    this.close();
  }

  async asked(what, query) {
    const path = new URL(this.getAttribute("path"), location.href).pathname;
    const answer = await fetch(`${path}/${what}?${new URLSearchParams({ smiles: this.getAttribute("smiles"), ...query })}`);
    if (answer.redirected) location.assign(answer.url); // a session that has ended leads to the login page
    if (!answer.ok) throw new Error(String(answer.status));
    return answer.json();
  }

  async begin() {
    if (this.dialog) return;
    this.told.textContent = "";
    let plan;
    try {
      plan = await this.asked("atoms", {});
    } catch {
      this.told.textContent = _("The server does not answer. Is it still running?");
      return;
    }
    if (plan.problem) this.told.textContent = plan.problem;
    else if (this.isConnected && !this.dialog) this.open(plan);
  }

  open(plan) {
    this.plan = plan;
    this.picked = new Set();
    this.dialog = made("dialog", { class: "picking", "aria-label": _("Pick a part of the molecule") });
    const sheet = made("div", { class: "sheet" });
    const picture = this.querySelector("img").cloneNode();
    picture.alt = "";
    picture.draggable = false;
    sheet.append(picture, this.plane());
    this.said = made("p", { class: "said", role: "status" });
    this.search = made("button", { type: "button", class: "primary" }, _("Search with the picked part"));
    this.search.addEventListener("click", () => this.go());
    const [none, away] = [_("Pick none"), _("Cancel")].map((words) => made("button", { type: "button", class: "plain" }, words));
    none.addEventListener("click", () => this.change(() => this.picked.clear()));
    away.addEventListener("click", () => this.close());
    const row = made("div", { class: "row" });
    row.append(this.search, none, away);
    const hint = made("p", { class: "hint" }, _("Click atoms or bonds, or drag around several. Arrows go from atom to atom, Space picks."));
    this.dialog.append(hint, sheet, this.said, row);
    this.dialog.addEventListener("close", () => this.close());
    this.append(this.dialog);
    this.dialog.showModal();
    this.circles[0]?.focus();
    this.show();
  }

  plane() {
    const { width, height, atoms, bonds } = this.plan;
    const plane = drawn("svg", { viewBox: `0 0 ${width} ${height}`, role: "group", "aria-label": _("Atoms") });
    this.lines = bonds.map(([from, to]) => {
      const [one, other] = [atoms[from], atoms[to]];
      const line = drawn("line", { x1: one.x, y1: one.y, x2: other.x, y2: other.y });
      line.addEventListener("click", () => this.change(() => this.both(from, to)));
      return line;
    });
    this.circles = atoms.map((atom, number) => {
      const circle = drawn("circle", {
        cx: atom.x, cy: atom.y, r: REACH, role: "checkbox", "aria-checked": "false", tabindex: number ? "-1" : "0",
        "aria-label": _("Atom %(number)s: %(symbol)s", { number: number + 1, symbol: atom.symbol }),
      });
      circle.addEventListener("click", () => this.change(() => this.turn(number)));
      circle.addEventListener("keydown", (event) => this.key(event, number));
      return circle;
    });
    this.lasso = drawn("rect", { class: "lasso", visibility: "hidden" });
    plane.append(...this.lines, ...this.circles, this.lasso);
    for (const [type, handle] of Object.entries({ pointerdown: this.down, pointermove: this.move, pointerup: this.up })) {
      plane.addEventListener(type, (event) => handle.call(this, event, plane));
    }
    plane.addEventListener("pointercancel", () => this.drop());
    return plane;
  }

  turn(number) {
    if (!this.picked.delete(number)) this.picked.add(number);
  }

  both(from, to) {
    const had = this.picked.has(from) && this.picked.has(to);
    for (const number of [from, to]) {
      if (had) this.picked.delete(number);
      else this.picked.add(number);
    }
  }

  key(event, number) {
    if (event.key === " " || event.key === "Enter") {
      event.preventDefault();
      this.change(() => this.turn(number));
      return;
    }
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const next = step && this.circles[number + step];
    if (!next) return;
    event.preventDefault();
    this.circles[number].setAttribute("tabindex", "-1");
    next.setAttribute("tabindex", "0");
    next.focus();
  }

  at(event, plane) {
    const box = plane.getBoundingClientRect();
    return [(event.clientX - box.left) / box.width * this.plan.width, (event.clientY - box.top) / box.height * this.plan.height];
  }

  down(event, plane) {
    if (event.button === 0 && event.target === plane) this.from = this.at(event, plane);
  }

  move(event, plane) {
    if (!this.from) return;
    plane.setPointerCapture(event.pointerId);
    const [left, top, right, bottom] = this.box(event, plane);
    for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top, visibility: "visible" })) {
      this.lasso.setAttribute(name, value);
    }
  }

  box(event, plane) {
    const [x, y] = this.at(event, plane);
    return [Math.min(x, this.from[0]), Math.min(y, this.from[1]), Math.max(x, this.from[0]), Math.max(y, this.from[1])];
  }

  up(event, plane) {
    if (!this.from) return;
    const [left, top, right, bottom] = this.box(event, plane);
    this.drop();
    this.change(() => {
      for (const [number, { x, y }] of this.plan.atoms.entries()) {
        if (x >= left && x <= right && y >= top && y <= bottom) this.picked.add(number);
      }
    });
  }

  drop() {
    this.from = null;
    this.lasso.setAttribute("visibility", "hidden");
  }

  change(act) {
    act();
    this.show();
  }

  // What is picked, as the server writes it; the answer to an earlier choice is not shown.
  async show() {
    const chosen = [...this.picked].sort((one, other) => one - other);
    for (const [number, circle] of this.circles.entries()) circle.setAttribute("aria-checked", String(this.picked.has(number)));
    for (const [number, [from, to]] of this.plan.bonds.entries()) {
      this.lines[number].classList.toggle("picked", this.picked.has(from) && this.picked.has(to));
    }
    this.smarts = "";
    this.search.disabled = true;
    const mine = chosen.join(",");
    this.latest = mine;
    if (!chosen.length) {
      this.said.textContent = _("Nothing is picked yet.");
      return;
    }
    let answer;
    try {
      answer = await this.asked("fragment", { atoms: mine });
    } catch {
      answer = { problem: _("The server does not answer. Is it still running?") };
    }
    if (this.latest !== mine || !this.dialog) return;
    this.smarts = answer.part ?? "";
    this.search.disabled = !this.smarts;
    this.said.textContent = this.smarts
      ? ngettext("%(n)s atom: %(part)s", "%(n)s atoms: %(part)s", chosen.length, { n: chosen.length, part: this.smarts })
      : [answer.problem, answer.hint].filter(Boolean).join(": ");
  }

  go() {
    const query = new URLSearchParams({ text: this.smarts, mode: "substructure" });
    const filter = document.querySelector("#filter")?.value.trim();
    if (filter) query.set("filter", filter);
    location.assign(`${new URL(this.getAttribute("path"), location.href).pathname}?${query}`);
  }

  close() {
    const { dialog } = this;
    this.dialog = null;
    if (!dialog) return;
    dialog.remove();
    if (this.isConnected) this.button.focus();
  }
});
