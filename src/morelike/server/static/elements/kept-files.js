// The bytes of examples that were uploaded from here, in this browser alone: the server forgets them after an hour, and
// is sent them again when a search is opened that has them. Bounded; where the browser keeps nothing, nothing is kept.
const NAME = "morelike";
const MOST_FILES = 20;
const MOST_BYTES = 64 * 1024 ** 2;
const SENT = "morelike:sent"; // what this tab has just sent, in order
const LATE = 1500; // milliseconds after which a search does not wait for the browser's storage

let opening = null;

function opened() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("files", { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
  return opening;
}

function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function files(mode = "readonly") {
  return (await opened()).transaction("files", mode).objectStore("files");
}

// The oldest go until what is left is within bounds.
async function trim() {
  const all = (await done((await files()).getAll())).sort((one, other) => other.used - one.used);
  let bytes = 0;
  const store = await files("readwrite");
  for (const [place, { key, size }] of all.entries()) {
    bytes += size;
    if (place >= MOST_FILES || bytes > MOST_BYTES) store.delete(key);
  }
}

async function put(record) {
  if (record.size <= MOST_BYTES) await done((await files("readwrite")).put(record));
}

const quietly = (promise) => promise.catch(() => null);
const late = () => new Promise((resolve) => { setTimeout(resolve, LATE); });

// Before a form is sent: its files, or what was written or where it lies.
export async function keepSent(chosen, words) {
  const becomes = /^https?:/i.test(words) || words.length > 2000 || words.includes("\n"); // a file, at the server
  const given = chosen.length ? chosen.map((file) => ({ file, size: file.size })) : becomes ? [{ words, size: words.length }] : [];
  if (!given.length) return;
  const keys = given.map(() => `sent:${crypto.getRandomValues(new Uint32Array(2)).join("-")}`);
  await Promise.race([late(), quietly((async () => {
    for (const [place, one] of given.entries()) await put({ ...one, key: keys[place], used: Date.now() });
    sessionStorage.setItem(SENT, JSON.stringify(keys));
  })())]);
}

// After it was answered: the same under the tokens that the server gave, which come last on the board, in the same order.
export function nameSent(tokens) {
  return quietly((async () => {
    const keys = JSON.parse(sessionStorage.getItem(SENT) ?? "[]");
    if (!keys.length) return;
    sessionStorage.removeItem(SENT);
    const known = new Set(await done((await files()).getAllKeys()));
    const fresh = tokens.filter((token) => !known.has(token)).slice(-keys.length);
    for (const [place, key] of keys.entries()) {
      const record = await done((await files()).get(key));
      const store = await files("readwrite");
      if (record && fresh.length === keys.length) store.put({ ...record, key: fresh[place] });
      store.delete(key);
    }
    await trim();
  })());
}

// What was sent under a token: {file, words}; null where it is not kept.
export function keptFile(token) {
  return quietly((async () => {
    const record = await done((await files()).get(token));
    if (record) await put({ ...record, used: Date.now() });
    return record ?? null;
  })());
}

// The server has it under another token now.
export function renameFile(token, next) {
  return quietly((async () => {
    const record = await done((await files()).get(token));
    if (!record) return;
    await put({ ...record, key: next });
    await done((await files("readwrite")).delete(token));
  })());
}

export function forgetFiles() {
  return quietly((async () => done((await files("readwrite")).clear()))());
}
