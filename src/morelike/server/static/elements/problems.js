// What a problem document says. Where the page does not speak English, which is the library's own language, the kind of
// the problem goes before it; pages/failing.py has the same kinds.
import { _ } from "./strings.js";

const KINDS = {
  "collection-exists": _("There is a collection of that name"),
  "content-too-large": _("Too large"),
  "decode-error": _("The file cannot be read"),
  "digest-mismatch": _("The model is not the one that was meant"),
  "download-failed": _("The model could not be fetched"),
  "encode-error": _("The encoder failed"),
  "filter-error": _("The filter cannot be read"),
  forbidden: _("Not for this key"),
  "item-error": _("This cannot be used"),
  "missing-extra": _("Optional packages are missing"),
  "model-error": _("The model cannot be used"),
  "model-not-here": _("The model is not here"),
  "morelike-error": _("That did not work"),
  "no-such-collection": _("No such collection"),
  "no-such-item": _("Not in this collection"),
  "no-such-job": _("No such job"),
  "no-such-map": _("There is no map yet"),
  "not-found": _("Not here"),
  "original-gone": _("The original is gone"),
  "query-error": _("This cannot be searched for"),
  "request-entity-too-large": _("Too large"),
  "schema-too-new": _("A newer version made this library"),
  "service-unavailable": _("Not now"),
  "settings-error": _("A setting is wrong"),
  "source-error": _("The file cannot be had"),
  "space-mismatch": _("Two encoders do not fit together"),
  "store-busy": _("The library is in use"),
  "store-damaged": _("The store is damaged"),
  "store-error": _("The store cannot do its work"),
  "store-full": _("The disk is full"),
  "store-read-only": _("The library cannot be written"),
  "store-unreachable": _("The store cannot be reached"),
  "too-busy": _("Too much at once"),
  "too-many-requests": _("Too much at once"),
  unauthorized: _("A key is needed"),
  "unknown-media": _("Nobody here reads this kind of file"),
  "unknown-name": _("There is nothing of that name"),
  "usage-error": _("It cannot be done like that"),
};

// In one line; "" of what says nothing.
export function problemSaid({ type, title, detail, hint }) {
  const said = [detail ?? title, hint].filter(Boolean).join(": ");
  if ((document.documentElement.lang || "en") === "en" || !said) return said;
  const kind = KINDS[String(type).split(":").at(-1)] ?? KINDS["morelike-error"];
  return _("%(fault)s: %(hint)s", { fault: kind, hint: said });
}
