// <duplicates-desk>: walk over groups of duplicates, decide with a key, lay one picture over another.
import { _ } from "./strings.js";

const TYPED = "input:not([type=radio]), select, textarea, dialog";

customElements.define("duplicates-desk", class extends HTMLElement {
  connectedCallback() {
    this.stop = new AbortController();
    document.addEventListener("keydown", (event) => this.key(event), { signal: this.stop.signal });
    this.addEventListener("click", (event) => {
      const button = event.target.closest("[data-over]");
      if (button) this.lay(button.closest(".pile"));
    });
    if (/^#group-\d+$/.test(location.hash)) document.querySelector(location.hash)?.focus();
  }

  disconnectedCallback() {
    this.stop.abort();
    this.dialog?.remove();
  }

  get piles() {
    return [...this.querySelectorAll(".pile")];
  }

  // The group that has the focus, else none.
  get here() {
    return document.activeElement?.closest("duplicates-desk .pile");
  }

  key(event) {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target instanceof Element && event.target.closest(TYPED)) return;
    const pile = this.here;
    const radio = event.target instanceof Element && event.target.matches("input[type=radio]");
    if ((event.key === "ArrowDown" || event.key === "ArrowUp") && !radio) {
      const idle = [document.body, document.querySelector("main"), null].includes(document.activeElement);
      if (!pile && !idle) return;
      event.preventDefault();
      this.go(pile, event.key === "ArrowDown" ? 1 : -1);
      return;
    }
    if (!pile) return;
    if (/^[1-9]$/.test(event.key)) {
      const choice = pile.querySelectorAll(".keeping input")[Number(event.key) - 1];
      if (choice) choice.checked = true;
      return;
    }
    if (event.key === "o") this.lay(pile);
    const name = { a: "aside", d: "different" }[event.key];
    if (name) pile.querySelector(`.deciding [name=${name}]`)?.click();
  }

  go(from, step) {
    const piles = this.piles;
    const next = from ? piles[piles.indexOf(from) + step] : piles[0];
    next?.focus();
    next?.scrollIntoView({ block: "nearest" });
  }

  // The one that is kept, and another of the group over it.
  lay(pile) {
    const members = [...pile.querySelectorAll(".member")].filter((member) => member.dataset.large);
    const chosen = pile.querySelector(".keeping input:checked")?.value;
    const kept = members.find((member) => member.dataset.id === chosen) ?? members[0];
    const others = members.filter((member) => member !== kept);
    if (!others.length) return;
    this.dialog?.remove();
    const dialog = overlay(kept, others);
    this.dialog = dialog;
    this.append(dialog);
    dialog.addEventListener("close", () => pile.focus());
    dialog.showModal();
  }
});

function made(name, attributes = {}, ...inside) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
}

function overlay(kept, others) {
  const under = made("img", { src: kept.dataset.large, alt: kept.dataset.name });
  const over = made("img", { src: others[0].dataset.large, alt: others[0].dataset.name });
  const share = made("input", { type: "range", min: "0", max: "100", value: "50", "aria-label": _("How much of the other one") });
  const said = made("output", { role: "status" });
  const choice = made("select", { "aria-label": _("The other one") });
  for (const other of others) choice.append(new Option(other.dataset.name, other.dataset.large));
  const flip = made("button", { type: "button", class: "primary" }, _("Change over"));
  const close = made("button", { type: "button" }, _("Close"));
  const show = () => {
    over.style.opacity = String(Number(share.value) / 100);
    const full = { 0: kept.dataset.name, 100: over.alt }[share.value];
    said.textContent = full ?? _("both, one over the other");
  };
  const turn = () => {
    share.value = Number(share.value) > 50 ? "0" : "100";
    show();
  };
  choice.addEventListener("change", () => {
    over.src = choice.value;
    over.alt = choice.selectedOptions[0].text;
    show();
  });
  share.addEventListener("input", show);
  flip.addEventListener("click", turn);
  const dialog = made(
    "dialog", { class: "over", "aria-label": _("One picture over the other") },
    made("div", { class: "stage" }, under, over),
    made("p", { class: "told" }, said, made("span", { class: "hint" }, _("The space bar changes over; the slider mixes."))),
    made("div", { class: "controls" }, ...(others.length > 1 ? [choice] : []), share, flip, close),
  );
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("keydown", (event) => {
    if (event.key !== " " || event.target === choice || event.target === close) return;
    event.preventDefault();
    if (!event.repeat) turn();
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  show();
  return dialog;
}
