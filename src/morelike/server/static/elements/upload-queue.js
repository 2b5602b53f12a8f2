// <upload-queue to="…">: sends chosen or dropped files and folders in small groups, says how far it is, and which
// files could not be used. Each group is durable and searchable when its answer is here.
import { count } from "./words.js";

const MOST_FILES = 16;
const MOST_BYTES = 24 * 1024 * 1024;
const AT_ONCE = 2;
const TRIES = 6;

customElements.define("upload-queue", class extends HTMLElement {
  connectedCallback() {
    this.waiting = [];
    this.flying = new Map();
    this.tally = { files: 0, done: 0, bytes: 0, sent: 0, added: 0, same: 0, rejected: 0 };
    this.area = this.querySelector(".dropping");
    for (const input of this.querySelectorAll("input[type=file]")) {
      input.addEventListener("change", () => { this.enqueue([...input.files]); input.value = ""; });
    }
    this.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
    this.stop = new AbortController();
    const { signal } = this.stop;
    document.addEventListener("dragover", (event) => this.over(event), { signal });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) delete this.area.dataset.over; }, { signal });
    document.addEventListener("drop", (event) => this.dropped(event), { signal });
    document.addEventListener("paste", (event) => {
      if (event.clipboardData?.files.length) this.enqueue([...event.clipboardData.files]);
    }, { signal });
  }

  disconnectedCallback() {
    this.stop.abort();
    for (const request of this.flying.keys()) request.abort();
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
    // the entries have to be asked for before anything is awaited
    const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    const files = [...event.dataTransfer.files];
    this.enqueue(entries.some((entry) => entry.isDirectory) ? await this.within(entries) : files);
  }

  // All files in dropped folders, however deep.
  async within(entries) {
    const files = [];
    const left = [...entries];
    while (left.length) {
      const entry = left.pop();
      if (entry.isFile) {
        files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
        continue;
      }
      const reader = entry.createReader();
      for (;;) { // a reader gives a hundred at a time
        const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
        if (!some.length) break;
        left.push(...some);
      }
    }
    return files;
  }

  enqueue(files) {
    const seen = files.filter((file) => !file.name.startsWith("."));
    if (!seen.length) return;
    this.waiting.push(...seen);
    this.tally.files += seen.length;
    for (const file of seen) this.tally.bytes += file.size;
    this.querySelector(".queue").hidden = false;
    this.querySelector(".after").hidden = true;
    while (this.flying.size < AT_ONCE && this.waiting.length) this.send(this.group(), 1);
    this.show();
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
    this.flying.set(request, 0);
    request.upload.addEventListener("progress", (event) => { this.flying.set(request, event.loaded); this.show(); });
    request.addEventListener("loadend", () => this.ended(request, group, tried));
    request.open("POST", this.getAttribute("to"));
    request.responseType = "json";
    request.send(body);
  }

  ended(request, group, tried) {
    this.flying.delete(request);
    const answer = request.response ?? {};
    const again = [0, 429, 503].includes(request.status) && tried < TRIES;
    if (again) {
      const seconds = Number(request.getResponseHeader("Retry-After")) || 1;
      setTimeout(() => { if (this.isConnected) this.send(group, tried + 1); }, seconds * 1000 * tried);
      return;
    }
    if (request.status === 413 && group.length > 1) { // too much at once: one by one
      for (const file of group) this.send([file], TRIES);
      return;
    }
    this.tally.done += group.length;
    for (const file of group) this.tally.sent += file.size;
    if (request.status === 200 || request.status === 201) {
      this.tally.added += answer.added;
      this.tally.same += answer.same;
      this.tally.rejected += answer.rejected;
      for (const file of answer.files) if (file.reason) this.fail(file.name, file.reason); // or some of what is in it
    } else {
      const why = answer.detail ? [answer.detail, answer.hint].filter(Boolean).join(": ") : "the server does not answer";
      this.tally.rejected += group.length;
      for (const file of group) this.fail(file.name, why);
    }
    if (this.waiting.length) this.send(this.group(), 1);
    this.show();
  }

  fail(name, reason) {
    const line = document.createElement("li");
    const what = document.createElement("strong");
    what.textContent = name;
    line.append(what, ` ${reason}`);
    this.querySelector(".failed").append(line);
  }

  tags() {
    return this.querySelector("[name=tags]").value.split(",").map((tag) => tag.trim()).filter(Boolean);
  }

  show() {
    const { files, done, bytes, sent, added, same, rejected } = this.tally;
    const under = [...this.flying.values()].reduce((sum, loaded) => sum + loaded, 0);
    const bar = this.querySelector("progress");
    const finished = done >= files;
    bar.value = finished ? 1 : Math.min(0.999, (sent + under) / Math.max(bytes, 1));
    const words = [`${count(done)} of ${count(files)}`, `${count(added)} added`];
    if (same) words.push(`${count(same)} there already`);
    if (rejected) words.push(`${count(rejected)} rejected`);
    this.querySelector(".tally").textContent = words.join(" · ");
    if (finished) this.after(rejected);
  }

  after(rejected) {
    const after = this.querySelector(".after");
    after.replaceChildren(this.link("search", "Search them"));
    if (rejected) after.append(" · ", this.link("ledger", "See what could not be used"));
    after.hidden = false;
  }

  link(attribute, words) {
    const link = document.createElement("a");
    link.href = this.getAttribute(attribute);
    link.textContent = words;
    return link;
  }
});
