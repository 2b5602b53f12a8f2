// Swagger UI has a dark dress under a class of its own: on where the page is dark, now and when that changes.
"use strict";

(() => {
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const dress = () => root.classList.toggle("dark-mode", (root.dataset.theme ?? (dark.matches ? "dark" : "light")) === "dark");
  dark.addEventListener("change", dress);
  dress();
})();
