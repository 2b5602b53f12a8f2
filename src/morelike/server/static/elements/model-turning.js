// <model-turning src="…/model" label="…">: a picture of a 3D model, and a button that puts a viewer in its place. The viewer
// is fetched when somebody wants to turn a model for the first time.
const VIEWER = new URL("../vendor/model-viewer/model-viewer.min.js", import.meta.url).href;

// The viewer's own <style> is one that the page's policy forbids; the same rules as a sheet of a script are allowed.
function dress(root) {
  root.adoptedStyleSheets = [...root.querySelectorAll("style")].map((style) => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(style.textContent);
    return sheet;
  });
}

customElements.define("model-turning", class extends HTMLElement {
  connectedCallback() {
    this.stop = new AbortController();
    this.querySelector("[data-turn]")?.addEventListener("click", () => this.begin(), { signal: this.stop.signal });
  }

  disconnectedCallback() {
    this.stop.abort();
  }

  async begin() {
    this.tell("The model is coming …");
    try {
      await import(VIEWER);
    } catch {
      this.tell("The viewer could not be loaded. Is the server still running?");
      return;
    }
    if (!this.isConnected || this.querySelector("model-viewer")) return;
    const viewer = document.createElement("model-viewer");
    for (const [name, value] of Object.entries({
      src: this.getAttribute("src"), alt: this.getAttribute("label"), loading: "eager", "camera-controls": "",
      "touch-action": "pan-y", "shadow-intensity": "0.6", "interaction-prompt": "none", "camera-orbit": "30deg 70deg auto",
    })) viewer.setAttribute(name, value);
    const progress = document.createElement("div"); // none: what goes on is told below
    progress.slot = "progress-bar";
    viewer.append(progress);
    viewer.addEventListener("load", () => {
      viewer.classList.remove("coming");
      this.picture?.replaceWith(viewer);
      this.tell("Drag to turn it, scroll to come nearer; the arrow keys turn it, too.");
      this.querySelector("[data-turn]").hidden = true;
      requestAnimationFrame(() => (viewer.shadowRoot.querySelector("[tabindex]") ?? viewer).focus());
    }, { once: true });
    viewer.addEventListener("error", () => {
      viewer.remove();
      this.tell("This model cannot be shown here. The original can be opened with another program.");
    }, { once: true });
    viewer.classList.add("coming");
    this.picture = this.querySelector("a");
    this.append(viewer);
    dress(viewer.shadowRoot);
  }

  tell(sentence) {
    this.querySelector("[role=status]").textContent = sentence;
  }
});
