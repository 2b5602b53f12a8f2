// <job-progress events="…">: follows one job as it runs, and shows the page anew when it has ended.
import { tallyOf } from "./words.js";

customElements.define("job-progress", class extends HTMLElement {
  connectedCallback() {
    this.events = new EventSource(this.getAttribute("events"));
    this.events.addEventListener("progress", (event) => this.show(JSON.parse(event.data)));
  }

  disconnectedCallback() {
    this.events.close();
  }

  show(job) {
    const progress = job.progress ?? {};
    this.querySelector("[data-state]").textContent = job.cancelling ? "stopping" : job.state;
    this.querySelector("[data-tally]").textContent = tallyOf(progress);
    const bar = this.querySelector("[data-bar]");
    if (progress.total && Number.isFinite(progress.done)) {
      bar.max = progress.total;
      bar.value = progress.done;
    }
    if (["done", "failed", "cancelled"].includes(job.state)) {
      this.events.close();
      location.reload();
    }
  }
});
