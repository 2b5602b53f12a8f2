// <board-fold>: in the line that the board folds under where the screen is narrow. This tab remembers which way it was left;
// theme.js has that before the first paint.
const KEPT = "morelike-board";

function keep(open) {
  if (open) document.documentElement.dataset.board = "open";
  else delete document.documentElement.dataset.board;
  try {
    if (open) sessionStorage.setItem(KEPT, "open");
    else sessionStorage.removeItem(KEPT);
  } catch {
    // storage may be switched off: for this page alone then
  }
}

customElements.define("board-fold", class extends HTMLElement {
  connectedCallback() {
    const fold = this.closest("details");
    if (document.documentElement.dataset.board === "open") fold.open = true;
    // the press, not the turning: a board that the server opened is nobody's choice
    this.closest("summary").addEventListener("click", () => keep(!fold.open));
  }
});
