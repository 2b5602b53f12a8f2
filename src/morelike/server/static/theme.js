// Before the first paint: the colours and the view that were chosen last, and that scripts run.
(() => {
  const root = document.documentElement;
  root.classList.add("script");
  try {
    const kept = localStorage.getItem("morelike-theme");
    if (kept === "light" || kept === "dark") root.dataset.theme = kept;
    if (localStorage.getItem("morelike-view") === "list") root.dataset.view = "list";
  } catch {
    // storage may be switched off: the system's colours then
  }
})();
