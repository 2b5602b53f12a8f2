// <row-picking>: says how many rows are ticked, ticks all, a stretch with Shift; without any its buttons rest.
import { _, ngettext } from "./strings.js";
import { count } from "./words.js";

customElements.define("row-picking", class extends HTMLElement {
  connectedCallback() {
    this.boxes = [...this.querySelectorAll("input[name=uri]")];
    this.all = this.querySelector("[data-all]");
    if (!this.all) return; // whoever may only read
    this.all.addEventListener("change", () => {
      for (const box of this.boxes) box.checked = this.all.checked;
      this.show();
    });
    this.boxes.forEach((box, place) => box.addEventListener("click", (event) => {
      if (event.shiftKey && this.last !== undefined) {
        const [from, to] = [Math.min(place, this.last), Math.max(place, this.last)];
        for (const one of this.boxes.slice(from, to + 1)) one.checked = box.checked;
      }
      this.last = place;
      this.show();
    }));
    this.show();
  }

  show() {
    const ticked = this.boxes.filter((box) => box.checked).length;
    this.all.checked = ticked > 0 && ticked === this.boxes.length;
    this.all.indeterminate = ticked > 0 && ticked < this.boxes.length;
    for (const button of this.querySelectorAll("[data-needs]")) button.disabled = !ticked;
    this.querySelector("[data-told]").textContent = ticked
      ? ngettext("%(n)s row is ticked", "%(n)s rows are ticked", ticked, { n: count(ticked) })
      : _("None is ticked");
  }
});
