// <moment-button src="…" plays="audio|video" start="12" end="14.5">: plays the part where it stands, in the grid. The
// link inside leads to the item's page, which does the same without scripts.
import { clock } from "./words.js";

let playing = null; // one at a time

customElements.define("moment-button", class extends HTMLElement {
  connectedCallback() {
    this.start = Number(this.getAttribute("start")) || 0;
    this.until = Number(this.getAttribute("end")) || Infinity;
    this.querySelector("a").addEventListener("click", (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      this.toggle();
    });
  }

  disconnectedCallback() {
    this.end();
  }

  toggle() {
    if (this.media) this.end();
    else this.begin();
  }

  begin() {
    playing?.end();
    playing = this;
    const media = document.createElement(this.getAttribute("plays") === "video" ? "video" : "audio");
    media.src = this.getAttribute("src");
    media.controls = media.tagName === "VIDEO";
    media.preload = "auto";
    media.setAttribute("aria-label", this.querySelector("a").textContent.trim());
    media.addEventListener("loadedmetadata", () => { media.currentTime = this.start; }, { once: true });
    media.addEventListener("timeupdate", () => this.tell());
    media.addEventListener("ended", () => this.end());
    media.addEventListener("error", () => { this.told("cannot play it"); });
    this.media = media;
    this.words = this.querySelector("[data-time]").textContent;
    this.setAttribute("playing", "");
    this.append(media);
    media.play().catch((reason) => { if (reason.name !== "AbortError") this.told("cannot play it"); });
  }

  tell() {
    if (!this.media) return;
    if (this.media.currentTime >= this.until && !this.media.seeking) {
      this.end();
      return;
    }
    this.told(clock(this.media.currentTime));
  }

  told(words) {
    if (this.media) this.querySelector("[data-time]").textContent = words;
  }

  end() {
    if (!this.media) return;
    const media = this.media;
    this.querySelector("[data-time]").textContent = this.words;
    this.media = null;
    if (playing === this) playing = null;
    this.removeAttribute("playing");
    media.pause();
    media.removeAttribute("src");
    media.load();
    media.remove();
  }
});
