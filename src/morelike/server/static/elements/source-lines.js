// <source-lines>: a button beside a place begins a new line with it.
customElements.define("source-lines", class extends HTMLElement {
  connectedCallback() {
    const lines = this.querySelector("textarea");
    for (const button of this.querySelectorAll("[data-line]")) {
      button.addEventListener("click", () => {
        const before = lines.value.replace(/\s+$/, "");
        lines.value = `${before}${before ? "\n" : ""}${button.dataset.line}`;
        lines.focus();
        lines.setSelectionRange(lines.value.length, lines.value.length);
      });
    }
  }
});
