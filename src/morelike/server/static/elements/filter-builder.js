// <filter-builder>: puts a condition together from a field, a comparison and a value, and writes it into the filter.
import { _ } from "./strings.js";

const PLAIN = /^(?!(?:and|or|not|in|like|has|true|false)$)[\p{L}_][\p{L}\p{N}_.\-:]*$/iu;
const quoted = (text) => `'${text.replace(/[\\']/g, "\\$&")}'`;
const named = (field) => (PLAIN.test(field) ? field : `\`${field}\``);

customElements.define("filter-builder", class extends HTMLElement {
  connectedCallback() {
    this.filter = this.querySelector("#filter");
    this.field = this.querySelector("[data-field]");
    this.operator = this.querySelector("[data-operator]");
    this.value = this.querySelector("[data-value]");
    this.said = this.querySelector("[data-said]");
    const unfold = this.querySelector("[data-unfold]");
    unfold.addEventListener("click", () => {
      const building = this.querySelector(".building");
      building.hidden = !building.hidden;
      unfold.setAttribute("aria-expanded", String(!building.hidden));
      if (!building.hidden) this.field.focus();
    });
    this.field.addEventListener("change", () => this.fit());
    this.operator.addEventListener("change", () => this.fit());
    for (const button of this.querySelectorAll("[data-join]")) {
      button.addEventListener("click", () => this.add(button.dataset.join));
    }
    this.value.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault(); // the form would be sent without the condition
      this.add("and");
    });
    this.fit();
  }

  get kind() {
    return this.field.selectedOptions[0]?.dataset.kind ?? "text";
  }

  // Only comparisons that fit the field; an example of a value where one is asked for.
  fit() {
    for (const option of this.operator.options) option.hidden = option.disabled = !option.dataset.kinds.split(" ").includes(this.kind);
    if (this.operator.selectedOptions[0]?.disabled) this.operator.value = "=";
    const bare = this.operator.value.endsWith("has");
    this.value.hidden = bare;
    this.value.placeholder = this.field.selectedOptions[0]?.dataset.example ?? "";
    this.value.inputMode = this.kind === "number" ? "decimal" : "text";
  }

  add(joined) {
    const condition = this.condition();
    if (!condition) return;
    const before = this.filter.value.trim();
    const mixed = joined === "and" ? /\bor\b/i : /\band\b/i;
    const kept = mixed.test(before) ? `(${before})` : before;
    this.filter.value = before ? `${kept} ${joined} ${condition}` : condition;
    this.value.value = "";
    this.said.textContent = _("Added: %(condition)s", { condition });
  }

  condition() {
    const [field, operator, value] = [named(this.field.value), this.operator.value, this.value.value.trim()];
    if (operator.endsWith("has")) return `${operator} ${field}`;
    if (!value) return this.refuse(_("Type a value first."));
    if (this.kind === "number") {
      return Number.isFinite(Number(value)) ? `${field} ${operator} ${value}` : this.refuse(_("%(field)s is a number.", { field }));
    }
    if (this.kind === "truth") {
      return ["true", "false"].includes(value.toLowerCase())
        ? `${field} ${operator} ${value.toLowerCase()}`
        : this.refuse(_("%(field)s is true or false.", { field }));
    }
    return `${field} ${operator} ${quoted(value)}`;
  }

  refuse(sentence) {
    this.said.textContent = sentence;
    this.value.focus();
    return "";
  }
});
