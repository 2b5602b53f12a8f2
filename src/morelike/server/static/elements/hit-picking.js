// <hit-picking api="/api/v1/collections/NAME" path="/c/NAME" called="NAME">: several items at once: tag, download, remove,
// or search with them. The template parts/picking.html has its bar and dialogs, with what the session may do:
//
//   {% include "parts/picking.html" %}   once in a page, behind the items and outside of what is swapped
//
// An item is anything with `data-item="ID"` that has an `<input type="checkbox" data-pick>` inside: the tiles of
// parts/hits.html do, a row of a table may (`{{ picking(name) }}` of parts/about.html makes one). `data-score` and
// `data-percentile` go into the tables that are downloaded, the list `.tagline` inside follows the tags.
import { PARTS, steered } from "./picked-search.js";
import { problemSaid } from "./problems.js";
import { save } from "./saving.js";
import { _, ngettext } from "./strings.js";
import { count, tagsIn } from "./words.js";

const MOST = 1000; // items of one request

customElements.define("hit-picking", class extends HTMLElement {
  connectedCallback() {
    this.picked = new Set();
    this.bar = this.querySelector(".bar-below");
    this.stop = new AbortController();
    const { signal } = this.stop;
    document.addEventListener("click", (event) => this.clicked(event), { signal });
    document.addEventListener("keydown", (event) => this.key(event), { signal });
    this.addEventListener("click", (event) => this.act(event.target.closest("button")));
    this.querySelector("#picked-tags")?.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      this.tag("add_tags");
    });
    this.grown = new MutationObserver(() => this.sync());
    this.grown.observe(document.querySelector("main"), { childList: true, subtree: true, attributeFilter: ["hidden"] });
    this.sync();
  }

  disconnectedCallback() {
    this.stop.abort();
    this.grown.disconnect();
    document.documentElement.classList.remove("picking");
  }

  get boxes() {
    const boxes = [...document.querySelectorAll("[data-item]:not([hidden]) input[data-pick]")];
    return boxes.filter((box) => !box.closest("[hidden]"));
  }

  // What the boxes show is what is picked, also where answers were put in anew; what has gone is let go.
  sync() {
    const there = new Set();
    for (const box of this.boxes) {
      const { item } = box.closest("[data-item]").dataset;
      there.add(item);
      if (box.checked !== this.picked.has(item)) box.checked = this.picked.has(item);
    }
    for (const item of this.picked) if (!there.has(item)) this.picked.delete(item);
    this.show();
  }

  clicked(event) {
    const all = event.target.closest?.("[data-download-all]");
    if (all) {
      this.all = true;
      this.ask("downloading");
      return;
    }
    const box = event.target.closest?.("input[data-pick]");
    if (!box) return;
    const boxes = this.boxes;
    const place = boxes.indexOf(box);
    const from = event.shiftKey && this.last?.isConnected ? boxes.indexOf(this.last) : place;
    const stretch = boxes.slice(Math.min(from, place), Math.max(from, place) + 1);
    for (const one of from < 0 ? [box] : stretch) this.pick(one, box.checked);
    this.last = box;
    this.show();
  }

  pick(box, picked) {
    box.checked = picked;
    const { item } = box.closest("[data-item]").dataset;
    if (picked) this.picked.add(item);
    else this.picked.delete(item);
  }

  key(event) {
    if (event.target.closest?.("input:not([type=checkbox], [type=range]), textarea, select, molecule-drawing, dialog")) return;
    if (event.key === "Escape" && this.picked.size && !document.querySelector("dialog[open]")) this.clear();
    if (event.key.toLowerCase() !== "a" || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
    const boxes = this.boxes;
    if (!boxes.length) return;
    event.preventDefault();
    for (const box of boxes) this.pick(box, true);
    this.show();
  }

  clear() {
    for (const box of this.boxes) this.pick(box, false);
    this.picked.clear();
    this.show();
  }

  show() {
    const number = this.picked.size;
    const hidden = number === 0;
    if (this.bar.hidden !== hidden) this.bar.hidden = hidden;
    document.documentElement.classList.toggle("picking", !hidden);
    const told = hidden ? "" : ngettext("%(n)s picked", "%(n)s picked", number, { n: count(number) });
    const place = this.querySelector("[data-count]");
    if (place.textContent !== told) {
      place.textContent = told;
      this.tell("");
    }
  }

  // In the bar while there is one, else at the same place alone.
  tell(sentence) {
    const alone = this.bar.hidden;
    this.querySelector("[data-told]").textContent = alone ? "" : sentence;
    this.querySelector("[data-told-alone]").textContent = alone ? sentence : "";
  }

  act(button) {
    if (!button) return;
    const { open, steer, format } = button.dataset;
    if (open) {
      this.all = false;
      this.ask(open);
    } else if (steer) this.steer(Number(steer));
    else if (format) this.download(format);
    else if ("clear" in button.dataset) this.clear();
    else if ("tag" in button.dataset) this.tag("add_tags");
    else if ("untag" in button.dataset) this.tag("remove_tags");
    else if ("remove" in button.dataset) this.remove_();
  }

  ask(name) {
    const n = this.all ? this.boxes.length : this.picked.size;
    const things = { n: count(n), name: this.getAttribute("called") };
    const titles = {
      downloading: ngettext("Download %(n)s item", "Download %(n)s items", n, things),
      removing: ngettext("Remove %(n)s item from %(name)s?", "Remove %(n)s items from %(name)s?", n, things),
      tagging: ngettext("Tag %(n)s item", "Tag %(n)s items", n, things),
    };
    const dialog = this.querySelector(`[data-dialog=${name}]`);
    dialog.querySelector("[data-title]").textContent = titles[name];
    dialog.showModal();
  }

  close() {
    this.querySelector("dialog[open]")?.close();
  }

  steer(weight) {
    const found = steered(this.getAttribute("path"), [...this.picked], weight);
    if (found) location.assign(found);
    else this.tell(_("A search takes %(most)s parts: let some go, or remove some from the board.", { most: PARTS }));
  }

  async tag(what) {
    const field = this.querySelector("#picked-tags");
    const tags = [...new Set(tagsIn(field.value))];
    if (!tags.length) {
      field.focus();
      return;
    }
    const items = [...this.picked];
    this.close();
    const done = await this.each(items, "items", "PATCH", { [what]: tags });
    for (const item of done) this.retag(item, tags, what === "add_tags");
    if (done.length !== items.length) return;
    field.value = "";
    const told = { n: count(done.length), tags: tags.join(", ") };
    this.tell(what === "add_tags"
      ? ngettext("%(n)s item has now: %(tags)s", "%(n)s items have now: %(tags)s", done.length, told)
      : ngettext("%(n)s item has no more: %(tags)s", "%(n)s items have no more: %(tags)s", done.length, told));
  }

  retag(item, tags, add) {
    for (const list of document.querySelectorAll(`[data-item="${CSS.escape(item)}"] .tagline`)) {
      for (const one of [...list.children]) if (tags.includes(one.textContent)) one.remove();
      for (const tag of add ? tags : []) list.append(Object.assign(document.createElement("li"), { textContent: tag }));
    }
  }

  async remove_() {
    const items = [...this.picked];
    this.close();
    const done = await this.each(items, "remove", "POST", {});
    const focused = this.contains(document.activeElement) || document.activeElement === document.body;
    for (const item of done) {
      for (const hit of document.querySelectorAll(`[data-item="${CSS.escape(item)}"]`)) hit.remove();
      this.picked.delete(item);
    }
    this.show();
    if (focused) document.querySelector("[data-item] .picture, [data-item] .like, [data-item] a")?.focus({ preventScroll: true });
    if (done.length === items.length) this.tell(ngettext("%(n)s item was removed.", "%(n)s items were removed.", done.length, { n: count(done.length) }));
  }

  // In groups; gives those that it was done to. What another has removed meanwhile is left out, any other fault is said.
  async each(items, route, method, body) {
    const done = [];
    this.bar.setAttribute("aria-busy", "true");
    try {
      for (let start = 0; start < items.length; start += MOST) {
        let group = items.slice(start, start + MOST);
        let answer = await this.send(route, method, { ...body, items: group });
        if (answer.status === 404) {
          const known = await this.send("known", "POST", { items: group });
          const there = known.ok ? (await known.json()).items : {};
          const gone = group.filter((item) => !(item in there));
          if (gone.length && known.ok) {
            group = group.filter((item) => item in there);
            done.push(...(method === "POST" ? gone : []));
            if (!group.length) continue;
            answer = await this.send(route, method, { ...body, items: group });
          }
        }
        if (!answer.ok) {
          this.tell(await reason(answer));
          return done;
        }
        done.push(...group);
      }
      if (done.length < items.length) this.tell(_("Some of the items are not there any more."));
    } catch {
      this.tell(_("The server does not answer. Is it still running?"));
    } finally {
      this.bar.removeAttribute("aria-busy");
    }
    return done;
  }

  send(route, method, body) {
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    return fetch(`${this.getAttribute("api")}/${route}`, { method, headers, body: JSON.stringify(body) });
  }

  async download(format) {
    const items = this.boxes.map((box) => box.closest("[data-item]"))
      .filter((hit) => this.all || this.picked.has(hit.dataset.item)).map(sent);
    this.close();
    if (items.length > MOST) {
      this.tell(_("At most %(most)s items go into one file.", { most: count(MOST) }));
      return;
    }
    this.tell(_("The file is being made …"));
    try {
      const answer = await this.send("download", "POST", { items, format });
      if (!answer.ok) {
        this.tell(await reason(answer));
        return;
      }
      const size = await save(answer, `${this.getAttribute("called")}.${format}`, (so) => this.tell(_("%(size)s so far …", { size: so })));
      this.tell(_("Saved: %(size)s", { size }));
    } catch {
      this.tell(_("The server does not answer. Is it still running?"));
    }
  }
});

// An item of a download, with what the search said of it.
function sent(hit) {
  const { item, score, percentile } = hit.dataset;
  if (score === undefined) return item;
  const span = hit.querySelector("moment-button[end] [data-time]")?.textContent ?? "";
  return { item, score: Number(score), percentile: percentile === undefined ? null : Number(percentile), span };
}

async function reason(answer) {
  try {
    return problemSaid(await answer.json());
  } catch {
    return _("The server could not answer.");
  }
}
