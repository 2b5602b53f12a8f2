// <growing-field>: a field for words that is as high as they are. Enter sends its form, with Shift it begins a line.
customElements.define("growing-field", class extends HTMLElement {
  connectedCallback() {
    this.field = this.querySelector("textarea");
    this.field.addEventListener("keydown", (event) => this.key(event));
    if (CSS.supports("field-sizing", "content")) return;
    this.field.addEventListener("input", () => this.grow());
    this.grow();
  }

  key(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.field.form.requestSubmit();
  }

  grow() {
    this.field.style.height = "auto";
    this.field.style.height = `${this.field.scrollHeight + 2}px`;
  }
});
