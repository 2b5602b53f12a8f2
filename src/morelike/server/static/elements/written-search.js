// <written-search path="/c/NAME" called="NAME">: the answers follow what is written or drawn. What is only half written is said beside
// the field, and the answers stay; the answer to an earlier letter never takes the place of a later one's.
import htmx from "../vendor/htmx/htmx.esm.min.js";
import { keepPictures } from "./re-ranking.js";
import { _ } from "./strings.js";

const PAUSE = 300; // milliseconds after the last letter
const FAULTS = ["#unread", "main .lead:not([lang])", "main h1"]; // where an answer says what is wrong, the dearest first
const ELSEWHERE = /^https?:\/\//i; // an address is fetched by the server: the form is sent for it

customElements.define("written-search", class extends HTMLElement {
  connectedCallback() {
    this.form = this.querySelector("#ask");
    if (!this.form) return; // an empty collection
    this.field = this.form.elements.q;
    this.mode = this.form.elements.mode;
    this.last = this.field.value.trim();
    this.number = 0;
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.field.addEventListener("input", () => this.later(), { signal });
    this.mode?.addEventListener("change", () => this.ask(this.steered(), true), { signal });
    this.form.addEventListener("submit", (event) => this.sent(event), { capture: true, signal });
    this.addEventListener("change", (event) => {
      // the slider sends the form itself
      if (event.target.form?.id === "refine" && event.target.name !== "threshold") this.ask(this.steered(), true);
    }, { signal });
    this.addEventListener("submit", (event) => {
      if (event.target.id !== "refine") return;
      event.preventDefault();
      this.ask(this.steered(), true);
    }, { signal });
  }

  disconnectedCallback() {
    this.stop?.abort();
    this.flight?.abort();
    clearTimeout(this.timer);
  }

  later() {
    clearTimeout(this.timer);
    const written = this.field.value.trim();
    if (written === this.last || ELSEWHERE.test(written)) return;
    this.timer = setTimeout(() => this.write(written, false), PAUSE);
  }

  write(written, wanted) {
    this.last = written;
    this.ask(written ? this.begun(written) : new URLSearchParams(), wanted);
  }

  sent(event) {
    const written = this.field.value.trim();
    if (!written || ELSEWHERE.test(written) || this.form.elements.example.files.length) return;
    event.preventDefault();
    this.write(written, true);
  }

  // A new search with what is written, within the same filter.
  begun(written) {
    const query = new URLSearchParams({ text: written });
    const filter = this.querySelector("#filter")?.value.trim();
    if (filter) query.set("filter", filter);
    if (this.mode) query.set("mode", this.mode.value);
    return query;
  }

  // The search that stands here, as the board has it now.
  steered() {
    const refine = this.querySelector("#refine");
    const written = this.field.value.trim();
    if (!refine) return written ? this.begun(written) : new URLSearchParams();
    const query = new URLSearchParams(new FormData(refine));
    if (written !== this.last) { // and what was written meanwhile
      this.last = written;
      for (const name of ["part", "weight", "crop", "at", "threshold", "text", "text_weight"]) query.delete(name);
      if (written) query.set("text", written);
    }
    if (this.mode) query.set("mode", this.mode.value);
    return query;
  }

  async ask(query, wanted) {
    clearTimeout(this.timer);
    this.flight?.abort();
    this.flight = new AbortController();
    this.number += 1;
    const mine = this.number;
    const page = new URL(this.getAttribute("path"), location.href).pathname;
    this.setAttribute("busy", "");
    try {
      const answer = await fetch(`${page}/written?${query}`, {
        headers: { "HX-Request": "true" }, signal: this.flight.signal,
      });
      const text = await answer.text();
      if (mine === this.number) this.answered(answer, text, wanted);
    } catch (error) {
      if (mine === this.number && error.name !== "AbortError") this.tell(_("The server does not answer. Is it still running?"));
    } finally {
      if (mine === this.number) this.removeAttribute("busy");
    }
  }

  answered(answer, text, wanted) {
    if (answer.redirected) { // a session that has ended leads to the login page
      location.assign(answer.url);
      return;
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    const fresh = page.querySelector("#answered");
    if (fresh) this.show(fresh, answer.headers.get("HX-Push-Url"), wanted);
    else this.tell(FAULTS.map((place) => page.querySelector(place)?.textContent).find(Boolean) ?? _("The server could not answer."));
  }

  tell(sentence) {
    this.querySelector(".unread").textContent = sentence;
    this.field.toggleAttribute("data-unread", Boolean(sentence));
  }

  show(fresh, address, wanted) {
    this.tell("");
    for (const alert of this.querySelectorAll(":scope > .alert")) alert.remove();
    const old = this.querySelector("#answered");
    const focused = old.contains(document.activeElement) ? document.activeElement.id : "";
    keepPictures(old, fresh);
    old.replaceWith(fresh);
    htmx.process(fresh);
    if (focused) fresh.querySelector(`#${CSS.escape(focused)}`)?.focus({ preventScroll: true });
    const asked = this.classList.contains("asking");
    const asking = "asking" in fresh.dataset;
    this.classList.toggle("asking", asking);
    this.classList.toggle("inviting", !asking);
    const heading = this.querySelector("h1");
    heading.textContent = fresh.dataset.heading;
    heading.classList.toggle("vh", asking);
    const called = `${this.getAttribute("called")} · morelike`;
    document.title = asking ? `${fresh.dataset.heading} · ${called}` : called;
    this.keep(address, wanted || asked !== asking);
  }

  // Each letter is no step to go back to; a search that was asked for is.
  keep(address, step) {
    if (!address || address === location.pathname + location.search) return;
    if (step) {
      history.replaceState({ htmx: true }, "", location.href);
      history.pushState({ htmx: true }, "", address);
    } else {
      history.replaceState({ htmx: true }, "", address);
    }
  }
});
