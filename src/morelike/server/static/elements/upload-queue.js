// <upload-queue to="…">: sends chosen or dropped files and folders in small groups, says how far it is, and which
// files could not be used. Each group is durable and searchable when its answer is here. It can be paused; what is
// cancelled was not sent, and is counted as that.
import { filesIn } from "./dropped-files.js";
import { problemSaid } from "./problems.js";
import { _, ngettext } from "./strings.js";
import { count, size, tagsIn } from "./words.js";

const MOST_FILES = 16;
const MOST_BYTES = 24 * 1024 * 1024;
const LARGE = 8 * 1024 * 1024;
const AT_ONCE = 2;
const TRIES = 6;
const MOST_NAMED = 200;

customElements.define("upload-queue", class extends HTMLElement {
  connectedCallback() {
    this.waiting = [];
    this.flying = new Map();
    this.resting = new Set(); // groups whose next try waits for its time
    this.failures = [];
    this.paused = false;
    this.tally = { files: 0, done: 0, bytes: 0, sent: 0, added: 0, same: 0, rejected: 0, unsent: 0, cancelled: 0 };
    this.area = this.querySelector(".dropping");
    for (const input of this.querySelectorAll("input[type=file]")) {
      input.addEventListener("change", () => { this.enqueue([...input.files]); input.value = ""; });
    }
    this.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    this.querySelector("[data-pause]").addEventListener("click", () => this.pause(!this.paused));
    this.querySelector("[data-cancel]").addEventListener("click", () => this.cancel());
    this.querySelector("[data-again]").addEventListener("click", () => this.again());
    this.stop = new AbortController();
    const { signal } = this.stop;
    document.addEventListener("dragover", (event) => this.over(event), { signal });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) delete this.area.dataset.over; }, { signal });
    document.addEventListener("drop", (event) => this.dropped(event), { signal });
    document.addEventListener("paste", (event) => {
      if (event.clipboardData?.files.length) this.enqueue([...event.clipboardData.files]);
    }, { signal });
    window.addEventListener("beforeunload", (event) => { if (this.busy) event.preventDefault(); }, { signal });
  }

  disconnectedCallback() {
    this.stop.abort();
    for (const request of this.flying.keys()) request.abort();
  }

  get busy() {
    return this.waiting.length + this.flying.size + this.resting.size > 0;
  }

  over(event) {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.area.dataset.over = "";
  }

  async dropped(event) {
    delete this.area.dataset.over;
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    this.enqueue(await filesIn(event.dataTransfer));
  }

  enqueue(files) {
    const seen = files.filter((file) => !file.name.startsWith("."));
    if (!seen.length) return;
    this.waiting.push(...seen);
    this.tally.files += seen.length;
    for (const file of seen) this.tally.bytes += file.size;
    this.querySelector(".queue").hidden = false;
    this.go();
    this.show();
  }

  go() {
    while (!this.paused && this.flying.size + this.resting.size < AT_ONCE && this.waiting.length) this.send(this.group(), 1);
  }

  group() {
    const group = [];
    let bytes = 0;
    while (this.waiting.length && group.length < MOST_FILES && (!group.length || bytes + this.waiting[0].size <= MOST_BYTES)) {
      bytes += this.waiting[0].size;
      group.push(this.waiting.shift());
    }
    return group;
  }

  send(group, tried) {
    const request = new XMLHttpRequest();
    const body = new FormData();
    for (const file of group) body.append("files", file, file.name);
    for (const tag of this.tags()) body.append("tags", tag);
    this.flying.set(request, { group, loaded: 0, line: this.largeLine(group) });
    request.upload.addEventListener("progress", (event) => {
      const flight = this.flying.get(request);
      if (flight) flight.loaded = event.loaded;
      this.show();
    });
    request.addEventListener("loadend", () => this.ended(request, group, tried));
    request.open("POST", this.getAttribute("to"));
    request.responseType = "json";
    request.send(body);
  }

  ended(request, group, tried) {
    const flight = this.flying.get(request);
    if (!flight) return; // it was called off, and is counted already
    flight.line?.remove();
    this.flying.delete(request);
    const answer = request.response ?? {};
    if ([0, 429, 503].includes(request.status) && tried < TRIES) {
      const seconds = Number(request.getResponseHeader("Retry-After")) || 1;
      this.rest(group, tried, seconds * 1000 * tried);
    } else if (request.status === 413 && group.length > 1) { // too much at once: one by one
      for (const file of group) this.send([file], TRIES);
      return;
    } else if (request.status === 200 || request.status === 201) {
      this.settle(group);
      this.tally.added += answer.added;
      this.tally.same += answer.same;
      this.tally.rejected += answer.rejected;
      for (const file of answer.files) if (file.reason) this.say(file.name, file.reason); // or some of what is in it
    } else {
      const why = problemSaid(answer) || _("the server does not answer");
      this.settle(group);
      this.tally.unsent += group.length;
      for (const file of group) this.failures.push({ file, line: this.say(file.name, why) });
    }
    this.go();
    this.show();
  }

  rest(group, tried, time) {
    const resting = { group };
    this.resting.add(resting);
    setTimeout(() => {
      if (!this.isConnected || !this.resting.delete(resting)) return;
      if (this.paused) this.waiting.unshift(...group);
      else this.send(group, tried + 1);
      this.show();
    }, time);
  }

  settle(group) {
    this.tally.done += group.length;
    for (const file of group) this.tally.sent += file.size;
  }

  pause(wanted) {
    this.paused = wanted;
    const button = this.querySelector("[data-pause]");
    button.setAttribute("aria-pressed", String(wanted));
    button.querySelector("span").textContent = wanted ? _("Go on") : _("Pause");
    if (!wanted) this.go();
    this.show();
  }

  // What is on its way may have arrived: only its answer would say so, and nobody waits for that.
  cancel() {
    const flying = [...this.flying];
    this.flying.clear();
    for (const [request, { line }] of flying) {
      line?.remove();
      request.abort();
    }
    const groups = [...flying.map(([, { group }]) => group), ...[...this.resting].map(({ group }) => group), this.waiting];
    for (const group of groups) {
      this.settle(group);
      this.tally.cancelled += group.length;
    }
    this.resting.clear();
    this.waiting = [];
    this.paused = false;
    this.pause(false);
  }

  again() {
    const failures = this.failures;
    this.failures = [];
    for (const { line } of failures) line?.remove();
    this.tally.unsent -= failures.length;
    this.tally.done -= failures.length;
    for (const { file } of failures) this.tally.sent -= file.size;
    this.waiting.push(...failures.map(({ file }) => file));
    this.go();
    this.show();
  }

  say(name, reason) {
    const list = this.querySelector(".failed");
    if (list.childElementCount >= MOST_NAMED) return null; // the ledger has them all
    const line = document.createElement("li");
    const what = document.createElement("strong");
    what.textContent = name;
    line.append(what, ` ${reason}`);
    list.append(line);
    return line;
  }

  // A large file travels alone, and has a bar of its own.
  largeLine(group) {
    const large = group.find((file) => file.size >= LARGE);
    if (!large) return null;
    const line = document.createElement("li");
    const name = document.createElement("span");
    const bar = document.createElement("progress");
    const told = document.createElement("span");
    name.textContent = large.name;
    bar.max = large.size;
    bar.setAttribute("aria-label", large.name);
    line.append(name, bar, told);
    this.querySelector(".large").append(line);
    return line;
  }

  tags() {
    return tagsIn(this.querySelector("[name=tags]").value);
  }

  show() {
    const { files, done, bytes, sent, added, same, rejected, unsent, cancelled } = this.tally;
    let under = 0;
    for (const { loaded, line, group } of this.flying.values()) {
      under += loaded;
      if (!line) continue;
      const all = group.reduce((sum, file) => sum + file.size, 0);
      line.querySelector("progress").value = Math.min(loaded, all);
      line.lastChild.textContent = loaded < all
        ? _("%(done)s of %(total)s", { done: size(loaded), total: size(all) })
        : _("is being read");
    }
    const finished = !this.busy;
    this.querySelector(".queue > progress").value = finished ? 1 : Math.min(0.999, (sent + under) / Math.max(bytes, 1));
    const words = [
      _("%(done)s of %(total)s", { done: count(done), total: count(files) }),
      ngettext("%(n)s added", "%(n)s added", added, { n: count(added) }),
    ];
    if (same) words.push(_("%(n)s there already", { n: count(same) }));
    if (rejected) words.push(ngettext("%(n)s rejected", "%(n)s rejected", rejected, { n: count(rejected) }));
    if (unsent) words.push(_("%(n)s not sent", { n: count(unsent) }));
    if (cancelled) words.push(_("%(n)s cancelled", { n: count(cancelled) }));
    if (this.paused && !finished) words.push(_("paused"));
    this.querySelector(".tally").textContent = words.join(" · ");
    this.querySelector("[data-pause]").hidden = finished;
    this.querySelector("[data-cancel]").hidden = finished;
    this.querySelector("[data-again]").hidden = !finished || !this.failures.length;
    this.after(finished);
  }

  after(finished) {
    const after = this.querySelector(".after");
    after.hidden = !finished;
    if (!finished) return;
    after.replaceChildren(this.link("search", _("Search them")));
    if (this.tally.rejected) after.append(" · ", this.link("ledger", _("See what could not be used")));
  }

  link(attribute, words) {
    const link = document.createElement("a");
    link.href = this.getAttribute(attribute);
    link.textContent = words;
    return link;
  }
});
