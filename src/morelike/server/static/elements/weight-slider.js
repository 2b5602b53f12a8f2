// <weight-slider>: says how much a part of the search counts while it moves, and the answers follow; let go, its form
// asks again with it, which is a step to go back to.
import { Follower } from "./re-ranking.js";

const followers = new WeakMap(); // by form

function followerOf(form) {
  if (!followers.has(form)) {
    const follower = new Follower(form, (fault) => {
      document.querySelector("#said").textContent = fault;
    });
    form.addEventListener("change", () => follower.stop());
    form.addEventListener("submit", () => follower.stop());
    followers.set(form, follower);
  }
  return followers.get(form);
}

customElements.define("weight-slider", class extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.output = this.querySelector("output");
    this.stop = new AbortController();
    this.input.addEventListener("input", () => this.apply(), { signal: this.stop.signal });
  }

  disconnectedCallback() {
    this.stop.abort();
  }

  apply() {
    const weight = Number(this.input.value);
    const sign = weight < 0 ? "−" : weight > 0 ? "+" : "";
    this.output.textContent = `${sign} ${Math.round(Math.abs(weight) * 100) / 100}×`.trim();
    this.input.setAttribute("aria-valuetext", this.output.textContent);
    this.closest(".part").classList.toggle("against", weight < 0);
    followerOf(this.input.form).later();
  }
});
