"""What went wrong, by its kind, in the words of whoever reads the page: the library's own sentence is English."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from morelike import errors
from morelike.errors import MorelikeError, problem_name
from morelike.server.errors import Refused
from morelike.server.pages.language import N_, _, spoken

__all__ = ["KINDS", "foreign", "heading_of", "status_heading"]

KINDS: Final[Mapping[type[MorelikeError], str]] = {
    errors.MorelikeError: N_("That did not work"),
    errors.UsageError: N_("It cannot be done like that"),
    errors.SettingsError: N_("A setting is wrong"),
    errors.QueryError: N_("This cannot be searched for"),
    errors.FilterError: N_("The filter cannot be read"),
    errors.UnknownName: N_("There is nothing of that name"),
    errors.MissingExtra: N_("Optional packages are missing"),
    errors.NoSuchCollection: N_("No such collection"),
    errors.CollectionExists: N_("There is a collection of that name"),
    errors.NoSuchItem: N_("Not in this collection"),
    errors.NoSuchJob: N_("No such job"),
    errors.NoSuchMap: N_("There is no map yet"),
    errors.SpaceMismatch: N_("Two encoders do not fit together"),
    errors.ItemError: N_("This cannot be used"),
    errors.SourceError: N_("The file cannot be had"),
    errors.UnknownMedia: N_("Nobody here reads this kind of file"),
    errors.DecodeError: N_("The file cannot be read"),
    errors.EncodeError: N_("The encoder failed"),
    errors.TooBusy: N_("Too much at once"),
    errors.OriginalGone: N_("The original is gone"),
    errors.ModelError: N_("The model cannot be used"),
    errors.ModelNotHere: N_("The model is not here"),
    errors.DownloadFailed: N_("The model could not be fetched"),
    errors.DigestMismatch: N_("The model is not the one that was meant"),
    errors.StoreError: N_("The store cannot do its work"),
    errors.StoreBusy: N_("The library is in use"),
    errors.StoreFull: N_("The disk is full"),
    errors.StoreReadOnly: N_("The library cannot be written"),
    errors.StoreDamaged: N_("The store is damaged"),
    errors.StoreUnreachable: N_("The store cannot be reached"),
    errors.SchemaTooNew: N_("A newer version made this library"),
}
"""elements/problems.js has the same by the names that problem documents have for them."""
STATUSES: Final[Mapping[int, str]] = {
    401: N_("A key is needed"),
    403: N_("Not for this key"),
    404: N_("Not here"),
    413: N_("Too large"),
    429: N_("Too much at once"),
    503: N_("Not now"),
}
"""Of what the server itself turns away."""
_NAMED: Final = {problem_name(kind): said for kind, said in KINDS.items()}


def heading_of(error: MorelikeError | str) -> str:
    """What kind of error it is, for the page to say in its language: that of its nearest ancestor in the table.

    Of a failed job only the name of its problem is known: "store-full".
    """
    if isinstance(error, str):
        return _NAMED.get(error, KINDS[MorelikeError])
    if isinstance(error, Refused):
        return status_heading(error.status)
    return next(KINDS[kind] for kind in type(error).__mro__ if kind in KINDS)


def status_heading(status: int) -> str:
    """The same of a failure of which only its HTTP status is known."""
    return STATUSES.get(status, KINDS[MorelikeError])


def foreign(sentence: str) -> bool:
    """Whether a sentence is English where the page is not: one of the library's, which nobody translates."""
    return spoken() != "en" and _(sentence) == sentence
