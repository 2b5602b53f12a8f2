// <threshold-slider levels="0.12:50 0.4:98">: hides the hits below it while it moves, and says how rare its score is; let
// go, the search is asked again with it. `levels`: scores with their percentiles, where the collection is calibrated.
import { _, ngettext } from "./strings.js";

const TICK = 16; // how high a hit's mark is, of 100

customElements.define("threshold-slider", class extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input");
    this.output = this.querySelector("output");
    const levels = this.getAttribute("levels")?.split(" ") ?? [];
    this.levels = levels.map((level) => level.split(":").map(Number));
    this.input.addEventListener("input", () => this.apply());
    this.input.addEventListener("change", () => this.input.form.requestSubmit());
    this.tell(this.least);
  }

  get least() {
    return Number(this.input.value);
  }

  get all() {
    return this.least <= Number(this.input.min);
  }

  apply() {
    const least = this.least;
    this.tell(least);
    const hits = [...document.querySelectorAll("#hits > [data-score]")];
    let shown = 0;
    for (const hit of hits) {
      hit.hidden = !this.all && Number(hit.dataset.score) < least;
      shown += !hit.hidden;
    }
    const tally = document.querySelector("#tally");
    if (tally) tally.textContent = ngettext("%(shown)s of %(all)s shown", "%(shown)s of %(all)s shown", hits.length, { shown, all: hits.length });
  }

  // The hits as they are now, as the server has drawn those of the first page. Where chance is not known, they are the bars, too.
  mark() {
    const spread = this.querySelector(".spread");
    if (!spread) return;
    const [low, high, bars] = [Number(this.input.min), Number(this.input.max), spread.viewBox.baseVal.width];
    const scores = [...document.querySelectorAll("#hits > [data-score]")].map(({ dataset }) => Number(dataset.score));
    const marks = scores.map((score) => Math.min(1, Math.max(0, (score - low) / (high - low))) * bars);
    spread.querySelector(".ticks").setAttribute("d", marks.map((mark) => `M${mark.toFixed(2)} 100v-${TICK}`).join(""));
    if (this.levels.length) return;
    const counts = new Array(bars).fill(0);
    for (const mark of marks) counts[Math.min(bars - 1, Math.floor(mark))] += 1;
    const most = Math.max(1, ...counts);
    const steps = counts.map((one, place) => `V${100 - 100 * Math.sqrt(one / most)}H${place + 1}`);
    spread.querySelector(".pairs").setAttribute("d", `M0 100${steps.join("")}V100Z`);
  }

  tell(least) {
    const share = this.all ? null : this.percentile(least);
    const score = least.toFixed(2);
    if (this.all) this.output.textContent = _("any");
    else if (share === null) this.output.textContent = score;
    else this.output.textContent = _("%(score)s · closer than %(share)s", { score, share });
    this.input.setAttribute("aria-valuetext", this.output.textContent);
  }

  // As the hits have it: never a full 100, which a sample cannot know.
  percentile(score) {
    if (!this.levels.length) return null;
    const above = this.levels.findIndex(([level]) => level >= score);
    let share = 100;
    if (above === 0) share = score < this.levels[0][0] ? 0 : this.levels[0][1];
    else if (above > 0) {
      const [[low, from], [high, to]] = [this.levels[above - 1], this.levels[above]];
      share = from + ((score - low) / (high - low)) * (to - from);
    }
    if (share > 99.9) return _("all but 0.1 %");
    return `${share >= 99 ? share.toFixed(1) : Math.floor(share)} %`;
  }
});
