// <hit-why>: shows in the dialog inside why a hit is there. The links `a.why` lead to the same as a page.
import { _ } from "./strings.js";

customElements.define("hit-why", class extends HTMLElement {
  connectedCallback() {
    this.stop = new AbortController();
    document.addEventListener("click", (event) => {
      const link = event.target.closest?.("a.why");
      if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
      event.preventDefault();
      this.open(link.href);
    }, { signal: this.stop.signal });
    this.dialog = this.querySelector("dialog");
    this.dialog.addEventListener("close", () => this.flight?.abort());
  }

  disconnectedCallback() {
    this.stop.abort();
    this.flight?.abort();
  }

  async open(address) {
    this.flight?.abort();
    this.flight = new AbortController();
    this.tell(_("Looking …"));
    this.dialog.setAttribute("aria-busy", "true");
    this.dialog.showModal();
    try {
      const answer = await fetch(address, { headers: { "HX-Request": "true" }, signal: this.flight.signal });
      if (answer.redirected) { // a session that has ended leads to the login page
        location.assign(answer.url);
        return;
      }
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const said = page.querySelector(".whysaid");
      if (said) this.querySelector("[data-said]").replaceChildren(said);
      else this.tell(page.querySelector("main")?.textContent.trim() || _("The server could not answer."));
    } catch (error) {
      if (error.name !== "AbortError") this.tell(_("The server does not answer. Is it still running?"));
    } finally {
      this.dialog.removeAttribute("aria-busy");
    }
  }

  tell(sentence) {
    const title = document.createElement("p");
    title.id = "why-title";
    title.setAttribute("role", "status");
    title.textContent = sentence;
    this.querySelector("[data-said]").replaceChildren(title);
  }
});
