// <web-cam>: the camera as an example: a look, a press, and the picture goes into the form around it, as a file that was
// chosen would. The camera is on only while its window is open.
import { letGo, streamFor, there } from "./devices.js";
import { _ } from "./strings.js";

const WIDEST = 1280;
const REASONS = {
  NotAllowedError: _("The browser was not allowed to use the camera. Allow it in the address bar, then try again."),
  NotFoundError: _("There is no camera here."),
  OverconstrainedError: _("There is no camera here."),
  NotReadableError: _("The camera is used by something else."),
};

function button(words, act, kind = "") {
  const made = document.createElement("button");
  made.type = "button";
  made.className = kind;
  made.textContent = words;
  made.addEventListener("click", act);
  return made;
}

customElements.define("web-cam", class extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    if (!there()) {
      this.hidden = true;
      return;
    }
    this.gone = new AbortController();
    this.button.addEventListener("click", () => this.begin(), { signal: this.gone.signal });
    window.addEventListener("pagehide", () => this.release(), { signal: this.gone.signal });
  }

  disconnectedCallback() {
    this.gone?.abort();
    this.release();
  }

  tell(sentence) {
    this.querySelector(".told").textContent = sentence;
  }

  async begin() {
    if (this.stream) return;
    const wanted = { video: { width: { ideal: WIDEST }, facingMode: { ideal: "environment" } } };
    const why = (error) => REASONS[error.name] ?? _("The camera cannot be used: %(reason)s", { reason: error.message });
    this.stream = await streamFor(this, wanted, why);
    if (this.stream) this.open();
  }

  open() {
    this.dialog = document.createElement("dialog");
    this.dialog.className = "camera";
    this.dialog.setAttribute("aria-label", _("A picture with the camera"));
    this.video = document.createElement("video");
    Object.assign(this.video, { muted: true, playsInline: true, srcObject: this.stream });
    this.sheet = document.createElement("canvas");
    this.sheet.hidden = true;
    this.sheet.setAttribute("role", "img");
    this.sheet.setAttribute("aria-label", _("The picture that was taken"));
    this.takes = button(_("Take the picture"), () => this.take(), "primary");
    this.uses = button(_("Search with it"), () => this.use(), "primary");
    this.again = button(_("Once more"), () => this.look());
    const row = document.createElement("div");
    row.className = "row";
    row.append(this.takes, this.uses, this.again, button(_("Cancel"), () => this.release(), "plain"));
    this.dialog.append(this.video, this.sheet, row);
    this.dialog.addEventListener("close", () => this.release());
    this.append(this.dialog);
    this.stream.getVideoTracks()[0]?.addEventListener("ended", () => {
      if (!this.stream) return;
      this.release();
      this.tell(_("The camera was taken away."));
    });
    this.dialog.showModal();
    this.look();
  }

  look() {
    this.sheet.hidden = this.uses.hidden = this.again.hidden = true;
    this.video.hidden = this.takes.hidden = false;
    this.takes.disabled = !this.video.videoWidth;
    this.video.addEventListener("loadeddata", () => {
      this.takes.disabled = false;
      this.takes.focus();
    }, { once: true });
    this.video.play().catch(() => null); // closed before it began
    this.takes.focus();
  }

  take() {
    const [width, height] = [this.video.videoWidth, this.video.videoHeight];
    if (!width) return;
    Object.assign(this.sheet, { width, height });
    this.sheet.getContext("2d").drawImage(this.video, 0, 0);
    this.video.pause();
    this.video.hidden = this.takes.hidden = true;
    this.sheet.hidden = this.uses.hidden = this.again.hidden = false;
    this.uses.focus();
  }

  use() {
    const sheet = this.sheet;
    sheet.toBlob((blob) => {
      const zone = this.closest("drop-zone");
      this.release();
      if (blob && zone) zone.take([new File([blob], "camera.jpg", { type: blob.type })]);
      else this.tell(_("The picture could not be kept."));
    }, "image/jpeg", 0.92);
  }

  // The camera is off, and its light with it.
  release() {
    const { stream, dialog } = this;
    this.stream = this.dialog = null;
    letGo(stream);
    if (this.video) this.video.srcObject = null;
    if (!dialog) return;
    dialog.remove();
    if (this.isConnected) this.button.focus();
  }
});
