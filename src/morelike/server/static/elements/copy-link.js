// <copy-link href="…" kept="…">: the address of this search into the clipboard; `kept` says how long it works.
import { _ } from "./strings.js";

customElements.define("copy-link", class extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.told = document.createElement("span");
    this.told.className = "told";
    this.told.setAttribute("role", "status");
    this.append(this.told);
    this.button.addEventListener("click", () => this.copy());
  }

  disconnectedCallback() {
    this.told.remove();
  }

  async copy() {
    const address = new URL(this.getAttribute("href"), location.href).href;
    const kept = this.getAttribute("kept") ?? "";
    this.told.textContent = "";
    try {
      await navigator.clipboard.writeText(address);
      this.told.textContent = [_("Copied."), kept].filter(Boolean).join(" ");
    } catch { // a page that is neither of this machine nor https may not
      const field = document.createElement("input");
      Object.assign(field, { readOnly: true, value: address });
      field.setAttribute("aria-label", _("The address of this search"));
      this.told.replaceChildren(_("Copy it from here:"), " ", field, " ", kept);
      field.select();
    }
  }
});
