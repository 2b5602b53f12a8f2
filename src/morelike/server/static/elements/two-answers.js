// <two-answers>: a hit that is pointed at lights up in the other answer too; a file that is dropped is compared with.
customElements.define("two-answers", class extends HTMLElement {
  connectedCallback() {
    for (const type of ["pointerover", "focusin"]) this.addEventListener(type, (event) => this.light(event.target));
    for (const type of ["pointerleave", "focusout"]) this.addEventListener(type, () => this.light(null));
    this.stop = new AbortController();
    document.addEventListener("dragover", (event) => {
      if (event.dataTransfer?.types.includes("Files")) event.preventDefault();
    }, { signal: this.stop.signal });
    document.addEventListener("drop", (event) => this.drop(event), { signal: this.stop.signal });
  }

  disconnectedCallback() {
    this.stop.abort();
  }

  light(target) {
    const row = target?.closest?.("li[data-item]");
    for (const lit of this.querySelectorAll("[data-lit]")) delete lit.dataset.lit;
    if (!row) return;
    for (const twin of row.closest(".answers-beside").querySelectorAll("li[data-item]")) {
      if (twin.dataset.item === row.dataset.item) twin.dataset.lit = "";
    }
  }

  drop(event) {
    const file = event.dataTransfer?.files[0];
    const form = this.querySelector("form[data-drops]");
    if (!file || !form) return;
    event.preventDefault();
    const one = new DataTransfer();
    one.items.add(file);
    form.elements.file.files = one.files;
    form.requestSubmit();
  }
});
