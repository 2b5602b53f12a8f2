// What the scripts say, in the page's language: English stands in the scripts, other languages in a file of their own.
const language = document.documentElement.lang || "en";

async function read() {
  if (language === "en") return {};
  try {
    const answer = await fetch(new URL(`../strings/${language}.json`, import.meta.url));
    return answer.ok ? await answer.json() : {};
  } catch {
    return {}; // English then
  }
}

const said = await read();
const plural = new Intl.PluralRules(language);

function filled(sentence, values) {
  return sentence.replace(/%\((\w+)\)s/g, (all, name) => (name in values ? String(values[name]) : all));
}

// The sentence with its `%(names)s` filled in.
export function _(sentence, values = {}) {
  return filled(said[sentence] ?? sentence, values);
}

// The same of something counted.
export function ngettext(one, many, n, values = {}) {
  const forms = said[one];
  if (Array.isArray(forms)) return filled(forms[forms.length === 1 || plural.select(n) === "one" ? 0 : 1], values);
  return filled(n === 1 ? one : many, values);
}
