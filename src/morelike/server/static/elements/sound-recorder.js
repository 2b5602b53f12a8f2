// <sound-recorder>: the microphone as an example: press, make a sound, press again; at most thirty seconds. What was
// recorded goes into the form around it, as a file that was chosen would.
import { letGo, streamFor, there } from "./devices.js";
import { _ } from "./strings.js";

const LONGEST = 30;
const TYPES = { "audio/webm;codecs=opus": "webm", "audio/ogg;codecs=opus": "ogg", "audio/mp4": "m4a" };
const REASONS = {
  NotAllowedError: _("The browser was not allowed to use the microphone. Allow it in the address bar, then record again."),
  NotFoundError: _("There is no microphone here."),
  NotReadableError: _("The microphone is used by something else."),
};

customElements.define("sound-recorder", class extends HTMLElement {
  connectedCallback() {
    this.button = this.querySelector("button");
    this.type = window.MediaRecorder ? Object.keys(TYPES).find((type) => MediaRecorder.isTypeSupported(type)) : null;
    if (!this.type || !there()) {
      this.hidden = true;
      return;
    }
    this.button.addEventListener("click", () => (this.recorder ? this.finish() : this.begin()));
  }

  disconnectedCallback() {
    this.release();
  }

  tell(sentence) {
    this.querySelector(".told").textContent = sentence;
  }

  look(words, icon) {
    this.button.querySelector("span").textContent = words;
    this.toggleAttribute("recording", icon);
    this.querySelector("meter").hidden = !icon;
  }

  async begin() {
    const wanted = { audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } };
    const why = (error) => REASONS[error.name] ?? _("The microphone cannot be used: %(reason)s", { reason: error.message });
    const stream = await streamFor(this, wanted, why);
    if (!stream) return;
    this.stream = stream;
    const parts = [];
    this.recorder = new MediaRecorder(this.stream, { mimeType: this.type });
    this.recorder.addEventListener("dataavailable", (event) => { if (event.data.size) parts.push(event.data); });
    this.recorder.addEventListener("stop", () => this.hand(parts));
    this.recorder.start();
    this.began = performance.now();
    this.look(_("Stop"), true);
    this.listen();
  }

  listen() {
    this.sound = new AudioContext();
    const meter = this.sound.createAnalyser();
    this.sound.createMediaStreamSource(this.stream).connect(meter);
    const samples = new Float32Array(meter.fftSize);
    this.timer = setInterval(() => {
      const passed = (performance.now() - this.began) / 1000;
      meter.getFloatTimeDomainData(samples);
      const loud = Math.sqrt(samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length);
      this.querySelector("meter").value = Math.min(1, Math.max(0, 1 + Math.log10(loud + 1e-6) / 3)); // -60 dB to 0
      this.button.querySelector("span").textContent = _("Stop (%(seconds)s s)", { seconds: Math.floor(passed) });
      if (passed >= LONGEST) this.finish();
    }, 100);
  }

  finish() {
    if (this.recorder?.state === "recording") this.recorder.stop();
  }

  hand(parts) {
    const kind = this.type.split(";")[0];
    const file = new File(parts, `recording.${TYPES[this.type]}`, { type: kind });
    const wanted = this.isConnected;
    this.release();
    if (!wanted) return;
    this.look(_("Record"), false);
    if (!file.size) {
      this.tell(_("Nothing was recorded."));
      return;
    }
    this.closest("drop-zone").take([file]);
  }

  release() {
    clearInterval(this.timer);
    if (this.recorder?.state === "recording") this.recorder.stop();
    this.recorder = null;
    letGo(this.stream);
    this.stream = null;
    this.sound?.close();
    this.sound = null;
  }
});
