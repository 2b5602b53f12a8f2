// <search-history path="/c/NAME" query="…">: the last searches of this browser, and those that were saved with a name. The
// list is kept here alone; nothing of it is sent before somebody opens one.
import { forgetFiles, nameSent } from "./kept-files.js";
import { Searches } from "./kept-searches.js";
import { _ } from "./strings.js";

const STANDS = 1200; // milliseconds after which what is being typed counts as a search
const SMALL = 72; // pixels of a thumbnail
const LONGEST_NAME = 80;

function made(name, attributes = {}, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
}

function button(words, act, kind = "plain") {
  const element = made("button", { type: "button", class: kind }, words);
  element.addEventListener("click", act);
  return element;
}

// The first picture of the board, small enough for the list; "" where there is none.
async function thumbnail() {
  const picture = document.querySelector(".board .part img");
  if (!picture) return "";
  try {
    await picture.decode();
    const share = Math.min(1, SMALL / Math.max(picture.naturalWidth, picture.naturalHeight));
    const sheet = document.createElement("canvas");
    sheet.width = Math.max(1, Math.round(picture.naturalWidth * share));
    sheet.height = Math.max(1, Math.round(picture.naturalHeight * share));
    const pen = sheet.getContext("2d");
    pen.fillStyle = "#fff";
    pen.fillRect(0, 0, sheet.width, sheet.height);
    pen.drawImage(picture, 0, 0, sheet.width, sheet.height);
    return sheet.toDataURL("image/jpeg", 0.7);
  } catch {
    return "";
  }
}

customElements.define("search-history", class extends HTMLElement {
  connectedCallback() {
    this.path = new URL(this.getAttribute("path"), location.href).pathname;
    this.searches = new Searches(this.path);
    this.button = this.querySelector("button");
    this.stop = new AbortController();
    const { signal } = this.stop;
    this.button.addEventListener("click", () => this.open(), { signal });
    document.addEventListener("keydown", (event) => this.key(event), { signal });
    window.addEventListener("pagehide", () => this.note(), { signal });
    const query = this.getAttribute("query");
    if (!query) return;
    nameSent([...document.querySelectorAll(".board [name=part]")].map(({ value }) => value)
      .filter((value) => value.startsWith("upload:")).map((value) => value.slice("upload:".length)));
    this.search = { query, title: document.querySelector("#answered")?.dataset.heading ?? "", picture: "" };
    // what is being typed is no search at each letter
    this.timer = setTimeout(() => this.note(), this.closest("written-search") ? STANDS : 0);
  }

  disconnectedCallback() {
    this.stop.abort();
    clearTimeout(this.timer);
    this.dialog?.remove();
    this.dialog = null;
  }

  async note() {
    clearTimeout(this.timer);
    const { search } = this;
    if (!search || this.noted || document.querySelector("gone-example")) return;
    this.noted = true;
    this.searches.add({ ...search, at: Date.now() });
    const picture = await thumbnail();
    if (!picture) return;
    search.picture = picture;
    const known = this.searches.all.find(({ query, name }) => query === search.query && !name);
    if (known) this.searches.write(this.searches.all.map((one) => (one.query === search.query && !one.name ? { ...one, picture } : one)));
  }

  key(event) {
    if (event.key !== "h" || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.target instanceof Element && event.target.closest("input, textarea, select, dialog, molecule-drawing")) return;
    event.preventDefault();
    this.open();
  }

  open() {
    if (this.dialog) return;
    this.note();
    this.dialog = made("dialog", { class: "history", "aria-label": _("History") });
    this.dialog.addEventListener("close", () => {
      this.dialog?.remove();
      this.dialog = null;
      if (this.isConnected) this.button.focus();
    });
    this.append(this.dialog);
    this.fill();
    this.dialog.showModal();
  }

  fill() {
    const { dialog, searches } = this;
    const close = button(_("Close"), () => dialog.close());
    const head = made("div", { class: "head" }, made("h2", {}, _("History")), close);
    if (!searches.works) {
      dialog.replaceChildren(head, made("p", {}, _("This browser keeps nothing for this page, so there is no history.")));
      return;
    }
    const [named, recent] = [searches.named, searches.recent];
    const parts = [head];
    if (this.search) parts.push(this.saving());
    if (named.length) parts.push(made("h3", {}, _("Saved")), this.list(named));
    if (recent.length) parts.push(made("h3", {}, _("The last ones")), this.list(recent));
    if (!named.length && !recent.length) parts.push(made("p", { class: "hint" }, _("Nothing was searched here yet.")));
    else parts.push(this.clearing());
    parts.push(made("p", { class: "hint" }, _("Kept in this browser alone; the server knows none of it before you open one.")));
    dialog.replaceChildren(...parts);
  }

  saving() {
    const field = made("input", { maxlength: String(LONGEST_NAME), required: "", autocomplete: "off", "aria-label": _("Name of this search"), placeholder: _("Name of this search") });
    const form = made("form", { class: "saving" }, field, made("button", {}, _("Save this search")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (!name) return;
      this.searches.save({ ...this.search, at: Date.now() }, name);
      this.fill();
      this.dialog.querySelector(".saving input").focus();
    });
    return form;
  }

  list(searches) {
    return made("ul", {}, ...searches.map((search) => this.entry(search)));
  }

  entry(search) {
    const called = search.name || search.title || search.query;
    const link = made("a", { href: `${this.path}?${search.query}` });
    if (/^data:image\/jpeg;base64,/.test(search.picture ?? "")) link.append(made("img", { src: search.picture, alt: "", width: "48", height: "48" }));
    link.append(made("span", {}, called), made("small", {}, this.told(search)));
    const row = made("li", {}, link);
    if (search.name) row.append(button(_("Rename"), () => this.rename(row, search)));
    const away = button(_("Delete"), () => {
      this.searches.remove(search);
      this.fill();
      this.dialog.querySelector("li button, .head button").focus();
    });
    away.setAttribute("aria-label", _("Delete %(name)s", { name: called }));
    row.append(away);
    return row;
  }

  told({ query, title, name, at }) {
    const parts = new URLSearchParams(query);
    const words = [];
    if (name && title) words.push(title);
    const several = parts.getAll("part").length + parts.getAll("text").length;
    if (several > 1) words.push(_("%(n)s parts", { n: several }));
    if (parts.get("filter")) words.push(parts.get("filter"));
    if (at) words.push(new Date(at).toLocaleString(document.documentElement.lang || "en", { dateStyle: "medium", timeStyle: "short" }));
    return words.join(" · ");
  }

  rename(row, search) {
    const field = made("input", { maxlength: String(LONGEST_NAME), required: "", autocomplete: "off", "aria-label": _("New name of %(name)s", { name: search.name }) });
    field.value = search.name;
    const form = made("form", { class: "saving" }, field, made("button", {}, _("Rename")));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (name) this.searches.rename(search, name);
      this.fill();
      this.dialog.querySelector("li a").focus();
    });
    row.replaceChildren(form);
    field.select();
  }

  clearing() {
    return button(_("Clear all"), (event) => {
      const { target } = event;
      if (!target.dataset.sure) {
        target.dataset.sure = "yes";
        target.textContent = _("Clear all, saved ones too: press once more");
        return;
      }
      this.searches.clear();
      forgetFiles();
      this.fill();
      this.dialog.querySelector(".head button").focus();
    });
  }
});
