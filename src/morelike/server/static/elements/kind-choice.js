// <kind-choice>: shows what belongs to the chosen kind of media only; what is hidden is not sent.
customElements.define("kind-choice", class extends HTMLElement {
  connectedCallback() {
    this.select = this.querySelector("select");
    this.select.addEventListener("change", () => this.show());
    this.show();
  }

  show() {
    for (const part of this.querySelectorAll("[data-for]")) {
      const fits = part.dataset.for.split(" ").includes(this.select.value);
      part.hidden = !fits;
      part.disabled = !fits;
    }
  }
});
