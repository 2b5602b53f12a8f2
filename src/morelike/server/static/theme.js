// Before the first paint: the colours, the view and the board that were chosen last, and that scripts run.
(() => {
  const root = document.documentElement;
  root.classList.add("script");
  try {
    const kept = localStorage.getItem("morelike-theme");
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
    if (localStorage.getItem("morelike-view") === "list") root.dataset.view = "list";
    if (sessionStorage.getItem("morelike-board") === "open") root.dataset.board = "open";
  } catch {
    // storage may be switched off: the system's colours then
  }
})();
