// What is selected on a map, and what is done with it: tag, search, fetch.
import { quoted } from "./map-colours.js";
import { failure } from "./map-points.js";
import { _, ngettext } from "./strings.js";
import { count } from "./words.js";

const GROUP = 500;
const KNOWN = 1000;
const TRIES = 5;
const FEW = 24; // so many ids fit a filter in an address
const MOST_FETCHED = 1000; // in one download

export class Picking {
  constructor(element, points, items, { api, path, stale, changed, tagged, signal }) {
    Object.assign(this, { element, points, items, api, path, stale, changed, tagged, places: [] });
    this.bar = element.querySelector("[data-picked]");
    this.form = this.bar.querySelector("form");
    this.links = this.bar.querySelector("[data-searching]");
    this.told = this.bar.querySelector("[data-done]");
    this.form?.addEventListener("submit", (event) => { event.preventDefault(); this.tag(event.submitter?.value === "search"); }, { signal });
    this.bar.querySelector("[data-clear]").addEventListener("click", () => {
      this.set([]);
      element.querySelector("[data-stage]").focus();
    }, { signal });
    for (const button of this.bar.querySelectorAll("[data-fetch]")) {
      button.addEventListener("click", () => this.fetch(button.dataset.fetch), { signal });
    }
    signal.addEventListener("abort", () => this.work?.abort());
  }

  get size() {
    return this.places.length;
  }

  set(places) {
    this.work?.abort();
    for (const place of this.places) this.points.look[4 * place + 2] = 0;
    this.places = places;
    for (const place of places) this.points.look[4 * place + 2] = 1;
    this.bar.hidden = !places.length;
    this.bar.querySelector("[data-count]").textContent = ngettext("%(num)s item", "%(num)s items", places.length, { num: count(places.length) });
    this.told.textContent = "";
    const few = places.length <= FEW;
    this.links.hidden = true;
    if (few && places.length) this.lead(places);
    for (const one of this.bar.querySelectorAll("[data-many]")) one.hidden = few;
    for (const one of this.bar.querySelectorAll("[data-fetch]")) one.disabled = places.length > MOST_FETCHED;
    this.changed();
  }

  // One more, or one less.
  toggle(place) {
    this.set(this.places.includes(place) ? this.places.filter((one) => one !== place) : [...this.places, place]);
  }

  // So few that an address names them.
  async lead(places) {
    try {
      const ids = await this.items.of(places);
      if (places !== this.places) return;
      this.links.href = this.search(`id in (${ids.map(quoted).join(", ")})`);
      this.links.hidden = false;
    } catch (error) {
      if (places === this.places) this.fail(error);
    }
  }

  search(filter) {
    return `${this.path}?${new URLSearchParams({ filter })}`;
  }

  async tag(thenSearch) {
    const tag = this.form.elements.tag.value.trim();
    if (!tag) {
      this.tell(_("Write a tag first."));
      this.form.elements.tag.focus();
      return;
    }
    this.work?.abort();
    const { signal } = this.work = new AbortController();
    this.busy(true);
    let [done, gone] = [0, 0];
    try {
      const [here, all] = [await this.there(signal), this.size];
      gone = all - here.length;
      for (let at = 0; at < here.length; at += GROUP) {
        const items = here.slice(at, at + GROUP);
        await this.ask("PATCH", "items", { items, add_tags: [tag] }, signal);
        done += items.length;
        this.tell(_("%(done)s of %(total)s are tagged.", { done: count(done), total: count(all) }));
      }
      const words = [ngettext("%(num)s item has the tag “%(tag)s” now.", "%(num)s items have the tag “%(tag)s” now.", done, { num: count(done), tag })];
      if (gone) words.push(ngettext("%(num)s is not there any more.", "%(num)s are not there any more.", gone, { num: count(gone) }));
      this.tell(words.join(" "), done ? this.search(`tag = ${quoted(tag)}`) : "");
      this.form.reset();
      this.tagged(tag);
      if (thenSearch && done) location.assign(this.search(`tag = ${quoted(tag)}`));
    } catch (error) {
      if (signal.aborted) return;
      const why = reason(error);
      this.tell(_("%(done)s of %(total)s are tagged, then it stopped: %(why)s", { done: count(done), total: count(this.size), why }));
      if (done) this.tagged(tag);
    } finally {
      this.busy(false);
    }
  }

  // Those that the collection still has: of a map that is up to date, all of them.
  async there(signal) {
    const ids = await this.items.of(this.places, signal);
    if (!this.stale) return ids;
    const found = [];
    for (let at = 0; at < ids.length; at += KNOWN) {
      const answer = await this.ask("POST", "known", { items: ids.slice(at, at + KNOWN) }, signal);
      for (const [id, state] of Object.entries((await answer.json()).items)) if (state === "ready") found.push(id);
    }
    return found;
  }

  async ask(method, path, body, signal) {
    for (let tried = 1; ; tried += 1) {
      const answer = await fetch(`${this.api}/${path}`, {
        method, signal, body: JSON.stringify(body), headers: { "Content-Type": "application/json" },
      });
      if (answer.ok) return answer;
      if (![429, 503].includes(answer.status) || tried >= TRIES) throw new Error(await failure(answer));
      const seconds = Number(answer.headers.get("Retry-After")) || 1;
      await new Promise((again) => { setTimeout(again, seconds * 1000 * tried); });
    }
  }

  async fetch(format) {
    this.work?.abort();
    const { signal } = this.work = new AbortController();
    this.busy(true);
    this.tell(_("The download is being made …"));
    try {
      const answer = await this.ask("POST", "download", { items: await this.there(signal), format }, signal);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await answer.blob());
      link.download = `${this.element.getAttribute("name")}.${format}`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      this.tell("");
    } catch (error) {
      if (!signal.aborted) this.fail(error);
    } finally {
      this.busy(false);
    }
  }

  busy(busy) {
    for (const button of this.bar.querySelectorAll("form button, [data-fetch]")) {
      button.disabled = busy || (button.matches("[data-fetch]") && this.size > MOST_FETCHED);
    }
  }

  fail(error) {
    this.tell(reason(error));
  }

  tell(sentence, search = "") {
    this.told.textContent = sentence;
    if (!search) return;
    const link = document.createElement("a");
    link.href = search;
    link.textContent = _("Search among them");
    this.told.append(" ", link);
  }
}

const reason = (error) => (error instanceof TypeError ? _("The server does not answer. Is it still running?") : error.message);
