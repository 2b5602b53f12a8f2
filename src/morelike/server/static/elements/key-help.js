// <key-help>: `?`, or a button with `data-keys`, opens the list of keys inside.
customElements.define("key-help", class extends HTMLElement {
  connectedCallback() {
    this.stop = new AbortController();
    const { signal } = this.stop;
    const dialog = this.querySelector("dialog");
    document.addEventListener("click", (event) => {
      if (event.target.closest?.("[data-keys]")) dialog.showModal();
    }, { signal });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "?" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
      if (event.target.closest?.("input:not([type=checkbox], [type=range]), textarea, select, molecule-drawing, dialog[open]")) return;
      event.preventDefault();
      dialog.showModal();
    }, { signal });
  }

  disconnectedCallback() {
    this.stop.abort();
  }
});
