// <moment-player at="12.5">: the player inside stands at that second; its line and its strip go elsewhere in it, and a
// film's picture can be asked with.
import "./time-line.js"; // its line must be one before it is told where the player stands

customElements.define("moment-player", class extends HTMLElement {
  connectedCallback() {
    this.media = this.querySelector("audio, video");
    this.line = this.querySelector("time-line");
    this.stop = new AbortController();
    const on = (target, type, handle) => target?.addEventListener(type, handle, { signal: this.stop.signal });
    on(this, "seek", (event) => this.go(event.detail));
    on(this.querySelector(".strip"), "click", (event) => this.step(event));
    if (!this.media) return;
    on(this.media, "timeupdate", () => this.tell());
    on(this.media, "seeking", () => this.tell());
    on(this.media, "error", () => this.give());
    on(this.querySelector("[data-grab]"), "click", () => this.grab());
    if (this.media.error) this.give();
    else if (this.media.readyState >= HTMLMediaElement.HAVE_METADATA) this.begin();
    else on(this.media, "loadedmetadata", () => this.begin());
    this.querySelector(".strip [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
  }

  disconnectedCallback() {
    this.stop.abort();
  }

  // The fragment of the address does the same; of what has no index (a recording of a browser) only this does.
  begin() {
    const at = Number(this.getAttribute("at")) || 0;
    if (Math.abs(this.media.currentTime - at) > 0.05) this.media.currentTime = at;
    this.tell();
  }

  go(at) {
    if (!this.media) return;
    this.media.currentTime = at;
    this.tell();
  }

  tell() {
    const now = this.media.currentTime;
    this.line?.stand(now);
    const links = [...this.querySelectorAll(".strip a")];
    const starts = links.map((link) => Number(link.dataset.start));
    const here = starts.findLastIndex((start) => start <= now + 0.001);
    for (const [place, link] of links.entries()) {
      if (place === here) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  step(event) {
    const link = event.target.closest("a");
    if (!link || !this.media || this.media.error || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    this.go(Number(link.dataset.at));
  }

  give() {
    this.querySelector(".cannot").hidden = false;
    for (const button of this.querySelectorAll("[data-grab]")) button.disabled = true;
  }

  grab() {
    const film = this.media;
    if (!film.videoWidth) return;
    film.pause();
    const canvas = document.createElement("canvas");
    Object.assign(canvas, { width: film.videoWidth, height: film.videoHeight });
    canvas.getContext("2d").drawImage(film, 0, 0);
    canvas.toBlob((picture) => {
      const form = this.querySelector(".grabbing");
      const chosen = new DataTransfer();
      chosen.items.add(new File([picture], `frame-at-${film.currentTime.toFixed(1)}s.png`, { type: "image/png" }));
      form.querySelector("[type=file]").files = chosen.files;
      form.requestSubmit();
    }, "image/png");
  }
});
