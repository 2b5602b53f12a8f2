// <theme-switch>: the system's colours, light, dark; remembered.
import { _ } from "./strings.js";

const ORDER = ["", "light", "dark"];
const SENTENCES = { "": _("Colours: as the system has them"), light: _("Colours: light"), dark: _("Colours: dark") };

customElements.define("theme-switch", class extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.button.addEventListener("click", () => this.choose(ORDER[(ORDER.indexOf(this.theme) + 1) % ORDER.length]));
    this.tell();
  }

  get theme() {
    return document.documentElement.dataset.theme ?? "";
  }

  choose(theme) {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    try {
      if (theme) localStorage.setItem("morelike-theme", theme);
      else localStorage.removeItem("morelike-theme");
    } catch {
      // it holds for this page then
    }
    this.tell();
  }

  tell() {
    const sentence = SENTENCES[this.theme];
    this.button.setAttribute("aria-label", sentence);
    this.button.title = sentence;
  }
});
