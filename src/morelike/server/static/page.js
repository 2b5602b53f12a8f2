// What makes the page better than links and forms. Each element is a file of its own.
import "./vendor/htmx/htmx.esm.min.js";
import { _ } from "./elements/strings.js";
import "./elements/board-fold.js";
import "./elements/copy-link.js";
import "./elements/crop-box.js";
import "./elements/drop-zone.js";
import "./elements/filter-builder.js";
import "./elements/gone-example.js";
import "./elements/growing-field.js";
import "./elements/hit-picking.js";
import "./elements/hit-why.js";
import "./elements/job-progress.js";
import "./elements/key-help.js";
import "./elements/kind-choice.js";
import "./elements/light-box.js";
import "./elements/moment-button.js";
import "./elements/moment-player.js";
import "./elements/result-grid.js";
import "./elements/row-picking.js";
import "./elements/search-history.js";
import "./elements/sound-recorder.js";
import "./elements/source-lines.js";
import "./elements/theme-switch.js";
import "./elements/threshold-slider.js";
import "./elements/time-line.js";
import "./elements/upload-queue.js";
import "./elements/view-switch.js";
import "./elements/weight-slider.js";

// A picture that cannot be drawn says so instead of showing a broken frame.
document.addEventListener("error", (event) => {
  const image = event.target;
  const picture = image instanceof HTMLImageElement ? image.closest(".picture") : null;
  if (!picture) return;
  picture.classList.add("blank");
  picture.textContent = _("no preview");
}, true);

// Where one is in a collection is in sight, on a narrow screen too.
const here = document.querySelector(".local [aria-current]");
if (here) here.parentElement.scrollLeft = here.offsetLeft - (here.parentElement.clientWidth - here.offsetWidth) / 2;

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && document.activeElement instanceof HTMLElement) {
    document.activeElement.blur();
    return;
  }
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target instanceof Element && event.target.closest("input, textarea, select, molecule-drawing")) return;
  const words = document.querySelector("#q");
  if (!words) return;
  event.preventDefault();
  words.focus();
  words.select();
});

// A server that does not answer is said, not swallowed; and taken back when it answers again.
const say = (sentence) => { document.querySelector("#said").textContent = sentence; };
document.addEventListener("htmx:error", () => say(_("The server does not answer. Is it still running?")));
document.addEventListener("htmx:after:request", (event) => {
  say("");
  // a session that has ended leads to the login page: all of it, not a part of it inside this page
  const answered = event.detail?.ctx?.response?.raw;
  if (answered?.redirected && new URL(answered.url).pathname === "/login") {
    event.preventDefault();
    location.assign(answered.url);
  }
});

// What only one kind of page needs is fetched there alone.
if (document.querySelector("written-search")) {
  await Promise.all([import("./elements/written-search.js"), import("./elements/molecule-drawing.js"), import("./elements/atom-picking.js")]);
}
if (document.querySelector("web-cam")) await import("./elements/web-cam.js");
if (document.querySelector("model-turning")) await import("./elements/model-turning.js");
if (document.querySelector("point-map")) await import("./elements/point-map.js");
if (document.querySelector("picture-zoom")) await import("./elements/picture-zoom.js");

document.documentElement.dataset.scripts = "here";
