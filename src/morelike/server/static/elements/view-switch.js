// <view-switch>: a grid of pictures, or a list with a line a hit. Remembered by this browser; theme.js sets it before
// the first paint.
const KEPT = "morelike-view";

customElements.define("view-switch", class extends HTMLElement {
  connectedCallback() {
    this.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button) this.choose(button.dataset.view);
    });
    this.show();
  }

  choose(view) {
    if (view === "list") document.documentElement.dataset.view = "list";
    else delete document.documentElement.dataset.view;
    try {
      localStorage.setItem(KEPT, view);
    } catch {
      // storage may be switched off: for this page alone then
    }
    for (const other of document.querySelectorAll("view-switch")) other.show();
  }

  show() {
    const list = document.documentElement.dataset.view === "list";
    for (const button of this.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String((button.dataset.view === "list") === list));
    }
  }
});
