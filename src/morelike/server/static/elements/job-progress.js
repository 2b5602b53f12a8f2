// <job-progress events="…">: follows one job as it runs, and shows the page anew when it has ended.
import { _ } from "./strings.js";
import { lasting, tallyOf } from "./words.js";

const STATES = {
  queued: _("queued"),
  running: _("running"),
  done: _("done"),
  failed: _("failed"),
  cancelled: _("cancelled"),
};

customElements.define("job-progress", class extends HTMLElement {
  connectedCallback() {
    this.events = new EventSource(this.getAttribute("events"));
    this.events.addEventListener("progress", (event) => this.show(JSON.parse(event.data)));
    const took = this.querySelector("[data-took]");
    const since = performance.now() - 1000 * Number(took?.dataset.took ?? 0);
    if (took) this.clock = setInterval(() => {
      took.textContent = _("for %(time)s", { time: lasting((performance.now() - since) / 1000) });
    }, 1000);
  }

  disconnectedCallback() {
    this.events.close();
    clearInterval(this.clock);
  }

  show(job) {
    const progress = job.progress ?? {};
    this.querySelector("[data-state]").textContent = job.cancelling ? _("stopping") : STATES[job.state] ?? job.state;
    this.querySelector("[data-tally]").textContent = tallyOf(progress);
    const bar = this.querySelector("[data-bar]");
    if (progress.total && Number.isFinite(progress.done)) {
      bar.max = progress.total;
      bar.value = progress.done;
    } else if (job.state === "running") {
      bar.removeAttribute("value");
    }
    if (["done", "failed", "cancelled"].includes(job.state)) {
      this.events.close();
      location.reload();
    }
  }
});
