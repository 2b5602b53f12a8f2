// <weight-slider>: says how much a part of the search counts while it moves; let go, its form asks again with it.
customElements.define("weight-slider", class extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.output = this.querySelector("output");
    this.input.addEventListener("input", () => this.apply());
  }

  apply() {
    const weight = Number(this.input.value);
    const sign = weight < 0 ? "−" : weight > 0 ? "+" : "";
    this.output.textContent = `${sign} ${Math.round(Math.abs(weight) * 100) / 100}×`.trim();
    this.input.setAttribute("aria-valuetext", this.output.textContent);
    this.closest(".part").classList.toggle("against", weight < 0);
  }
});
