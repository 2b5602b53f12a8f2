// <threshold-slider>: hides the hits below it while it moves; let go, the search is asked again with it.
customElements.define("threshold-slider", class extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.output = this.querySelector("output");
    this.input.addEventListener("input", () => this.apply());
    this.input.addEventListener("change", () => this.input.form.requestSubmit());
  }

  apply() {
    const least = Number(this.input.value);
    const all = least <= Number(this.input.min);
    this.output.textContent = all ? "any" : least.toFixed(2);
    const hits = [...document.querySelectorAll("#hits > [data-score]")];
    let shown = 0;
    for (const hit of hits) {
      hit.hidden = !all && Number(hit.dataset.score) < least;
      shown += !hit.hidden;
    }
    const tally = document.querySelector("#tally");
    if (tally) tally.textContent = `${shown} of ${hits.length} shown`;
  }
});
