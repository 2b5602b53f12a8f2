// <drop-zone>: dropped, pasted or chosen files, and dropped addresses, go into the form inside and send it.
// With the attribute `page` it takes whatever is dropped anywhere on the page, and what is pasted.
import { keepSent } from "./kept-files.js";

export const ITEM = "application/x-morelike-item";

// Whether a list as that of a file dialogue, `image/*,.svg`, has such a file.
function takes(list, file) {
  const [kind] = file.type.split("/");
  return list.split(",").some((one) => one && (one === file.type || (kind && one === `${kind}/*`) || (one.startsWith(".") && file.name.toLowerCase().endsWith(one))));
}

customElements.define("drop-zone", class extends HTMLElement {
  connectedCallback() {
    this.stop = new AbortController();
    const on = (target, type, handle) => target.addEventListener(type, handle, { signal: this.stop.signal });
    const whole = this.hasAttribute("page");
    const area = whole ? document : this;
    // a link or a picture of this page itself is no address to fetch; a result says so by its own type
    on(document, "dragstart", () => { this.own = true; });
    on(document, "dragend", () => { this.own = false; });
    on(area, "dragover", (event) => this.over(event));
    on(area, "dragleave", (event) => { if (!event.relatedTarget || event.target === this) this.removeAttribute("over"); });
    on(area, "drop", (event) => this.dropped(event));
    on(this.file, "change", () => { if (this.file.files.length) this.send(); });
    on(this.form, "submit", (event) => this.sending(event));
    on(window, "pageshow", () => this.removeAttribute("busy"));
    on(area, "paste", (event) => this.pasted(event));
    this.target = this.querySelector("[data-target]");
    if (this.target) on(this.target, "change", () => { this.aimed = true; });
  }

  disconnectedCallback() {
    this.stop.abort();
  }

  get form() {
    return this.querySelector("form");
  }

  get file() {
    return this.querySelector("input[type=file]");
  }

  over(event) {
    if (event.defaultPrevented) {
      this.removeAttribute("over");
      return;
    }
    const types = event.dataTransfer?.types ?? [];
    const taken = this.own ? [ITEM] : ["Files", ITEM, "text/uri-list"];
    if (!taken.some((type) => types.includes(type))) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    this.setAttribute("over", "");
  }

  dropped(event) {
    this.removeAttribute("over");
    if (event.defaultPrevented) return;
    const data = event.dataTransfer;
    const item = data.getData(ITEM);
    const address = data.getData("text/uri-list").split(/\r?\n/).find((line) => line && !line.startsWith("#"));
    if (!item && (this.own || (!data.files.length && !address))) return;
    event.preventDefault();
    if (item) this.ask(item);
    else if (data.files.length) this.take(data.files);
    else this.ask(address);
  }

  pasted(event) {
    if (event.defaultPrevented) return;
    const files = event.clipboardData?.files;
    if (files?.length) {
      event.preventDefault();
      this.take(files);
      return;
    }
    const text = event.clipboardData?.getData("text/plain").trim() ?? "";
    const typing = event.target instanceof Element && event.target.closest("input, textarea");
    if (!typing && /^https?:\/\/\S+$/i.test(text)) {
      event.preventDefault();
      this.ask(text);
    }
  }

  take(files) {
    const chosen = new DataTransfer();
    for (const file of this.file.multiple ? files : [files[0]]) chosen.items.add(file);
    this.file.files = chosen.files;
    this.send();
  }

  ask(words) {
    this.form.elements.q.value = words;
    this.send();
  }

  send() {
    this.form.requestSubmit();
  }

  // Of several collections the one that takes such a file, and the least else; or the one that was chosen by hand.
  aim(file) {
    const takers = file && !this.aimed ? [...this.target.options].filter((one) => takes(one.dataset.takes, file)) : [];
    takers.sort((one, other) => one.dataset.takes.length - other.dataset.takes.length);
    if (takers.length) this.target.value = takers[0].value;
    this.form.action = this.target.value;
  }

  // What is asked with is kept in this browser first, for a search that is opened again later.
  async sending(event) {
    if (event.defaultPrevented) return;
    this.setAttribute("busy", "");
    if (this.target) this.aim(this.file.files[0]);
    if (!this.form.action.endsWith("/ask")) return;
    event.preventDefault();
    await keepSent([...this.file.files], this.form.elements.q?.value.trim() ?? "");
    if (this.isConnected) this.form.submit();
  }
});
