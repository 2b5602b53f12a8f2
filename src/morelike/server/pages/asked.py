"""What a form of the search page asks: files, an address, an item's id, words; a new search, or a part of one."""

from __future__ import annotations

import re
from dataclasses import replace
from urllib.parse import parse_qs

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from morelike.collection import OpenCollection
from morelike.errors import NoSuchItem, QueryError
from morelike.examples import ITEM_ID
from morelike.search.composing import composer_of
from morelike.server.pages.board import HEAVIEST, MOST_PARTS, SIMILAR, Board, Fields, Part
from morelike.server.pages.uploads import fetched, stashed, uploaded, written
from morelike.server.pages.view import has_words
from morelike.server.pages.writing import fits_address, writing_of

__all__ = ["asked_of", "kept_of", "takes_words", "words_of"]

MOST_UPLOADS = 8
LEAST_ID = 12
"""Letters of an id where words are searched: `decade` may be the beginning of one."""
URL = re.compile(r"https?://", re.IGNORECASE)


def kept_of(form: FormData) -> Board:
    """The search that the form adds to; a new one has its mode and filter alone. Raises QueryError."""
    keep = _sent(form, "keep")
    if keep:
        return Board.read(Fields(parse_qs(keep, keep_blank_values=True, max_num_fields=100)))
    mode, within = _sent(form, "mode"), _sent(form, "filter")
    return Board(mode=mode or SIMILAR, filter=within) if mode or within else Board()


def asked_of(request: Request, opened: OpenCollection, form: FormData, kept: Board) -> Board:
    """``kept`` with what the form has; ``instead``: the place of an example that the file takes. Raises what reading
    and keeping it raise, and QueryError.
    """
    files = [one for one in form.getlist("example") if isinstance(one, UploadFile) and one.filename][:MOST_UPLOADS]
    board = kept
    for file in files:  # one at a time: together they may be larger than the memory that is kept for them
        _check_room(board, form)
        board = _with(board, form, Part("upload", stashed(request, opened, uploaded(file))))
    if files:
        return board
    words = words_of(form)
    if not words:
        raise QueryError("there is nothing to search for", hint="drop a file, choose one, or type something")
    _check_room(board, form)
    if URL.match(words):
        return _with(board, form, Part("upload", stashed(request, opened, fetched(request, words))))
    item = _item(opened, words)
    if item:
        return _with(board, form, Part("item", item))
    return _with_words(request, opened, form, board, words)


def takes_words(opened: OpenCollection) -> bool:
    """Whether words can be asked with."""
    spaces = opened.spaces
    cards = [space.card for space in spaces if space.active]
    return bool(composer_of(spaces)) or any("text" in card.kinds or card.form == "terms" for card in cards)


def words_of(form: FormData) -> str:
    """What was typed."""
    return _sent(form, "q")


def _with_words(request: Request, opened: OpenCollection, form: FormData, board: Board, words: str) -> Board:
    writing = writing_of(opened)
    if writing and writing.words:
        words = " ".join(words.split())
    if writing and not fits_address(words):
        return _with(board, form, Part("upload", written(request, opened, words)))
    if not writing and not takes_words(opened):
        raise QueryError(
            f"{words[:80]!r} is no address and no item of {opened.name}, and its encoder does not understand words",
            hint="drop a file, or make a collection with an encoder that takes text",
        )
    if not board.asks or composer_of(opened.spaces):  # a picture is changed by one sentence
        return replace(board, text=words, threshold=None, offset=0)
    return board.plus_words(words, _weight(form))


def _with(board: Board, form: FormData, part: Part) -> Board:
    place = _place(board, form)
    return board.plus(replace(part, weight=_weight(form))) if place is None else board.instead(place, part)


def _check_room(board: Board, form: FormData) -> None:
    if _place(board, form) is None and board.full:
        raise QueryError(f"a query takes {MOST_PARTS} parts", hint="remove one first")


def _place(board: Board, form: FormData) -> int | None:
    text = _sent(form, "instead")
    if not text:
        return None
    if not text.isdecimal() or len(text) > 2 or int(text) >= len(board.parts):
        raise QueryError(f"the search has no example {text[:20]!r}", hint="load the page again")
    return int(text)


def _weight(form: FormData) -> float:
    try:
        weight = float(_sent(form, "weight") or 1.0)
    except ValueError:
        weight = 1.0
    return weight if -HEAVIEST <= weight <= HEAVIEST else 1.0


def _sent(form: FormData, name: str) -> str:
    value = form.get(name)
    return value.strip() if isinstance(value, str) else ""


def _item(opened: OpenCollection, words: str) -> str:
    """The id that the words are, or begin; "" where they are none."""
    if has_words(opened.modality):
        if len(words) < LEAST_ID:
            return ""
    elif opened.reads_text:  # an InChIKey, say, and no SMILES
        return opened.item(words).id if opened.means(words) == "item" else ""
    if not ITEM_ID.fullmatch(words):
        return ""
    try:
        return opened.item(words).id
    except NoSuchItem:
        return ""
