// The list of searches that this browser keeps for a collection: the last ones, and those with a name.
const MOST = 50;
const MOST_NAMED = 100;
const LONGEST = 8000; // letters of an address that is kept

function read(key) {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "[]");
    return Array.isArray(kept) ? kept.filter((one) => typeof one?.query === "string" && one.query) : [];
  } catch {
    return [];
  }
}

export class Searches {
  constructor(path) {
    this.key = `morelike:searches:${path}`;
  }

  // Whether the browser keeps anything at all.
  get works() {
    try {
      localStorage.setItem("morelike:try", "1");
      localStorage.removeItem("morelike:try");
      return true;
    } catch {
      return false;
    }
  }

  get all() {
    return read(this.key);
  }

  get named() {
    return this.all.filter(({ name }) => name);
  }

  get recent() {
    return this.all.filter(({ name }) => !name);
  }

  write(list) {
    const named = list.filter(({ name }) => name).slice(0, MOST_NAMED);
    const recent = list.filter(({ name }) => !name).slice(0, MOST);
    for (let fewer = recent.length; fewer >= 0; fewer = fewer > 4 ? Math.floor(fewer / 2) : fewer - 1) {
      try {
        localStorage.setItem(this.key, JSON.stringify([...named, ...recent.slice(0, fewer)]));
        return;
      } catch {
        // full: fewer then
      }
    }
  }

  // The newest first; the same search once.
  add(search) {
    if (search.query.length > LONGEST) return;
    this.write([search, ...this.all.filter(({ query, name }) => name || query !== search.query)]);
  }

  save(search, name) {
    this.write([{ ...search, name }, ...this.all.filter((one) => one.name !== name)]);
  }

  rename(search, name) {
    this.write(this.all.map((one) => (one.query === search.query && one.name === search.name ? { ...one, name } : one)));
  }

  remove(search) {
    this.write(this.all.filter((one) => one.query !== search.query || one.name !== search.name));
  }

  clear() {
    try {
      localStorage.removeItem(this.key);
    } catch {
      // nothing is kept anyway
    }
  }

  // An uploaded example that the server has under another token now.
  retoken(token, next) {
    const [old, now] = [token, next].map((one) => `part=${encodeURIComponent(`upload:${one}`)}`);
    this.write(this.all.map((one) => ({ ...one, query: one.query.split("&").map((pair) => (pair === old ? now : pair)).join("&") })));
  }
}
