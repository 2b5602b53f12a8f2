// <gone-example token="…">: an uploaded example that the server has forgotten. Where this browser has kept its bytes they
// are sent again; else, and where that fails, a file is chosen.
import { keptFile, renameFile } from "./kept-files.js";
import { Searches } from "./kept-searches.js";
import { _ } from "./strings.js";

const TRIES = "morelike:again"; // times of what was sent again by itself in this tab
const MOST = 20; // a minute: a server without room for the examples of one search would be sent them for ever

function mayTry() {
  try {
    const now = Date.now();
    const times = JSON.parse(sessionStorage.getItem(TRIES) ?? "[]").filter((time) => now - time < 60_000);
    if (times.length >= MOST) return false;
    sessionStorage.setItem(TRIES, JSON.stringify([...times, now]));
    return true;
  } catch {
    return false;
  }
}

const tokens = (address) => new URL(address, location.href).searchParams.getAll("part");

customElements.define("gone-example", class extends HTMLElement {
  connectedCallback() {
    this.input = this.querySelector("input[type=file]");
    this.input.addEventListener("change", () => this.chosen());
    this.mend();
  }

  get form() {
    return this.input.form;
  }

  chosen() {
    if (this.input.files.length) this.form.requestSubmit();
  }

  tell(sentence) {
    this.querySelector(".told").textContent = sentence;
  }

  async mend() {
    const token = this.getAttribute("token");
    if (!token || document.querySelector("gone-example") !== this) return; // one after the other
    const kept = await keptFile(token);
    if (!kept || !this.isConnected || !mayTry()) return;
    this.tell(_("This browser has kept it: it is sent again …"));
    const fields = new FormData(this.form);
    if (kept.file) fields.set("example", kept.file);
    else fields.set("q", kept.words);
    try {
      const answer = await fetch(this.form.action, { method: "POST", body: fields });
      const place = Number(this.form.elements.instead.value);
      const next = tokens(answer.url)[place]?.replace(/^upload:/, "");
      if (!answer.redirected || !next || next === token) throw new Error("refused");
      await renameFile(token, next);
      new Searches(new URL(answer.url).pathname).retoken(token, next);
      location.replace(answer.url);
    } catch {
      this.tell(_("Sending it again failed. Choose the file."));
    }
  }
});
