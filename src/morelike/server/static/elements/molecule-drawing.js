// <molecule-drawing for="q">: an editor beside the field with that id. A drawing writes its SMILES into the field, a SMILES
// that is written there changes the drawing. The editor is fetched when somebody opens it for the first time.
import { _ } from "./strings.js";

const EDITOR = new URL("../vendor/openchemlib/openchemlib.js", import.meta.url).href;
const LONGEST = 600; // letters of a SMILES that is drawn while it is typed

customElements.define("molecule-drawing", class extends HTMLElement {
  connectedCallback() {
    this.field = document.getElementById(this.getAttribute("for"));
    this.button = document.querySelector(`[data-draw][aria-controls="${this.id}"]`);
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.button.addEventListener("click", () => this.toggle(), { signal });
    this.field.addEventListener("input", () => this.read(), { signal });
  }

  disconnectedCallback() {
    this.stop.abort();
    this.editor?.destroy();
    this.editor = null;
    this.replaceChildren();
  }

  async toggle() {
    const open = this.hidden;
    this.hidden = !open;
    this.button.setAttribute("aria-expanded", String(open));
    if (!open) {
      this.button.focus();
      return;
    }
    if (!this.editor) await this.begin();
  }

  async begin() {
    this.tell(_("The editor is coming …"));
    try {
      this.chemistry ??= await import(EDITOR);
    } catch {
      this.tell(_("The editor could not be loaded. Is the server still running?"));
      return;
    }
    if (!this.isConnected || this.editor) return;
    this.replaceChildren();
    const place = document.createElement("div");
    place.className = "editor";
    place.setAttribute("role", "group");
    place.setAttribute("aria-label", _("A molecule to draw; its SMILES can be typed into the field above instead"));
    this.append(place);
    // not its own element: that writes a style into the page, which the policy forbids
    this.editor = new this.chemistry.CanvasEditor(place);
    this.drawn = "";
    this.editor.setOnChangeListener((event) => { if (event.type === "molecule") this.write(); });
    this.read();
  }

  tell(sentence) {
    const said = document.createElement("p");
    said.className = "hint";
    said.setAttribute("role", "status");
    said.textContent = sentence;
    this.replaceChildren(said);
  }

  // From the drawing into the field.
  write() {
    const smiles = this.editor.getMolecule().toIsomericSmiles();
    if (smiles === this.drawn) return;
    this.drawn = smiles;
    this.writing = true;
    this.field.value = smiles;
    this.field.dispatchEvent(new Event("input", { bubbles: true }));
    this.writing = false;
  }

  // From the field into the drawing, as far as the editor reads it: what it does not, the server may.
  read() {
    const written = this.field.value.trim().split(/\s/)[0];
    if (this.writing || !this.editor || written.length > LONGEST) return;
    let molecule;
    try {
      molecule = this.chemistry.Molecule.fromSmiles(written);
    } catch {
      return;
    }
    const smiles = molecule.toIsomericSmiles();
    if (smiles === this.drawn) return;
    this.drawn = smiles;
    this.editor.setMolecule(molecule);
  }
});
