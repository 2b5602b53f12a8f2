"""``morelike search``"""

from __future__ import annotations

import math
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.quotes import quote_lines
from morelike.cli.session import session_of
from morelike.cli.several import are_several, left_out, named, print_several
from morelike.cli.text import near, parse_metadata
from morelike.errors import UsageError
from morelike.explained import alignment_lines, shared_line, units_of, where_of
from morelike.shapes import answer_shape
from morelike.times import stretch

if TYPE_CHECKING:
    from morelike.cli.session import AnyCollection
    from morelike.types import Hit, Span

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike search photos cat.jpg
morelike search photos cat.jpg --crop 0,0,0.5,1 -k 20
morelike search photos cat.jpg --plus sofa.jpg --minus garden.jpg
morelike search photos cat.jpg --plus "text:in the snow" --minus "text:indoors"
morelike search photos cat.jpg --filter "width >= 1000 and tag = 'holiday'"
morelike search scenes scene.png --text "make the red cube small"
morelike search films clip.mp4 --at 1:02-1:10
morelike search notes "how high the river rose" --mode hybrid
morelike search 'photos,film*,sounds' --text "a barking dog"
morelike search molecules "CC(=O)Oc1ccccc1C(=O)O" --filter "rings = 1"
morelike search molecules --text "c1ccccc1[OH]" --mode substructure --explain
"""

ID_LENGTH = 12
NOTHING_SIMILAR = "nearly every item of {} has a closer neighbour than this example has"
WIDEST_BLOCKS = 120
QUERY, ANSWER = "The query", "Which hits"
UNITS: Mapping[str, Literal["page", "bases", "characters"]] = {
    "document": "page",
    "sequence": "bases",
    "text": "characters",
}
"""What a part of an example is counted in, where it is not seconds."""
UNIT_WORDS = {"page": "pages", "bases": "bases", "characters": "characters"}
_COUNTED = re.compile(r"\s*([0-9][0-9,]{0,14})\s*(?:[-–]\s*([0-9][0-9,]{0,14}))?\s*")
CALLED = {"bits": "bits", "tanimoto": "Tanimoto", "tversky": "Tversky"}
"""What the score is called where it is a unit of its field."""
Parts = list[str] | None


@app.command(cls=Command, epilog=EXAMPLES)
def search(
    context: typer.Context,
    *,
    collection: Annotated[
        str,
        typer.Argument(
            metavar="COLLECTION", help="The collection's name; several with commas, or globs: 'photos,film*', '*'."
        ),
    ],
    example: Annotated[
        str | None,
        typer.Argument(
            metavar="EXAMPLE",
            help="A path, a URL, the id of an item (or its beginning), or - for standard input; a molecule as SMILES, "
            "a sequence as its letters, the words that texts are to be about.",
        ),
    ] = None,
    text: Annotated[
        str | None,
        typer.Option(
            metavar="WORDS",
            help="Words, where the encoder understands them; to one that composes, how the example is to change.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    plus: Annotated[
        Parts,
        typer.Option(metavar="EXAMPLE", help="A further example, or text:WORDS; repeatable.", rich_help_panel=QUERY),
    ] = None,
    minus: Annotated[
        Parts,
        typer.Option(metavar="EXAMPLE", help="What to keep away from, likewise; repeatable.", rich_help_panel=QUERY),
    ] = None,
    weight: Annotated[
        list[float] | None,
        typer.Option(
            metavar="X",
            help="How much each part counts, in the order example, --text, --plus, --minus; repeatable.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    crop: Annotated[
        str | None,
        typer.Option(
            metavar="L,T,R,B",
            help="The box of the example that counts: fractions (0.1,0,0.9,1) or percent.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="FROM-TO",
            help="The part of the example that counts: in time (3-8, 1:02-1:10); in pages, bases or characters, where "
            "items have these.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    where: Annotated[
        str | None,
        typer.Option(
            "--filter",
            metavar="EXPR",
            help="Only items that match: \"width >= 1000 and tag = 'cat'\".",
            rich_help_panel=ANSWER,
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(metavar="X", help="Leave out hits with a lower score.", rich_help_panel=ANSWER)
    ] = None,
    k: Annotated[
        int, typer.Option("-k", "--k", metavar="N", min=1, help="How many hits.", rich_help_panel=ANSWER)
    ] = 10,
    offset: Annotated[
        int, typer.Option(metavar="N", min=0, help="Leave out the first hits: the next page.", rich_help_panel=ANSWER)
    ] = 0,
    mode: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How to search: similar (the default), keyword, hybrid, recording, containment, substructure, "
            "superstructure, tversky; of several collections auto: words by meaning and as they stand.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="What the mode can be told: alpha=0.9, beta=0.1 (tversky); stereo=true, read=smarts (substructure); "
            "rescore=false (similar); repeatable.",
            rich_help_panel=QUERY,
        ),
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Say why, and where the time went.")] = False,
    picture: Annotated[
        bool | None,
        typer.Option("--picture/--no-picture", help="Show the pictures; done unasked in terminals that can."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find the items that are most like an example.

    Scores are higher for closer. The percentile (%), where it is known, is the share of random pairs of items that are
    less alike. The example is read exactly as `add` reads files. In films and recordings a hit says where in it: what
    is like a clip is the stretch in which its frames follow one another. The hits of several collections stand by their
    kind; # is the place among all of them, by their places in their own collections.
    """
    session = session_of(context)
    several = are_several(collection)
    if several and picture:
        raise UsageError("pictures are shown of one collection", hint="leave --picture out, or name one")
    with session.open() as library:
        searched: Any = library if several else library.collection(collection)
        parts = _weighted(
            _content(example, library.settings.max_file_size), text, plus or [], minus or [], weight or []
        )
        asked: dict[str, Any] = {"collections": named(collection)} if several else {}
        found = searched.search(
            parts.example,
            plus=parts.plus,
            minus=parts.minus,
            crop=None if crop is None else _box(crop),
            at=None if at is None else _part(at, "" if several else searched.modality),
            filter=where,
            threshold=threshold,
            k=k,
            offset=offset,
            mode=mode or ("auto" if several else "similar"),
            options=parse_metadata(option or [], "--option alpha=0.9"),
            explain=explain,
            **asked,
        )
        if several:
            print_several(session, found, as_json=as_json, explain=explain, following=offset + k)
            return
        if as_json:
            print_json(answer_shape(found, explain=explain))
            return
        print_hits(found.hits, offset=offset)
        if not found.hits:
            session.note(_why_nothing(searched, where, offset, threshold))
        if found.unknown_words:
            session.note(left_out(_composer(searched), found.unknown_words))
        if found.nothing_similar:
            session.note(f"nothing similar here: {NOTHING_SIMILAR.format(collection)}")
        if explain:
            _print_timings(found.hits, found.timings)
        show_pictures(searched, found.hits, picture)
    if found.more:
        session.note(f"there are more: --offset {offset + k}")


def _composer(opened: AnyCollection) -> str:
    from morelike.search.composing import composer_of

    return composer_of(opened.spaces)


def _why_nothing(opened: AnyCollection, where: str | None, offset: int, threshold: float | None) -> str:
    """What to look at where a search finds nothing."""
    if not opened.count():
        return f"the collection {opened.name} is empty: morelike add {opened.name} SOURCE"
    if where and not opened.count(filter=where):
        return f"no item matches the filter; morelike show {opened.name} ITEM lists the fields that an item has"
    if offset:
        return f"there are fewer than {offset + 1} hits"
    return "" if threshold is None else f"no score reaches {threshold:g}; leave --threshold out to see them"


class _Parts(NamedTuple):
    """What the library takes: each part with its weight."""

    example: Any
    plus: tuple[Any, ...]
    minus: tuple[Any, ...]


def _weighted(
    example: str | bytes | None, text: str | None, plus: list[str], minus: list[str], weights: list[float]
) -> _Parts:
    """Deal the weights out in the order in which the help names the parts."""
    from morelike.types import Example

    parts = (example is not None) + (text is not None) + len(plus) + len(minus)
    if not all(map(math.isfinite, weights)):
        raise UsageError("a --weight has to be a finite number", hint="for example: --weight 0.5")
    if weights and len(weights) != parts:
        raise UsageError(
            f"{len(weights)} weight{'s' * (len(weights) != 1)} for {parts} parts of the query",
            hint="one --weight for each, in the order example, --text, --plus, --minus",
        )
    left = iter(weights or [1.0] * parts)
    first = None if example is None else (example, next(left))
    words = () if text is None else (Example("text", text, next(left)),)
    return _Parts(first, words + tuple((one, next(left)) for one in plus), tuple((one, next(left)) for one in minus))


def print_hits(hits: Sequence[Hit], *, offset: int = 0) -> None:
    """The table of hits; also what the demo prints."""
    if not hits:
        line("nothing found")
        return
    spans = any(where_of(hit) for hit in hits)
    unit = next(iter(hits[0].unit), "")
    same = all(unit not in hit.unit or _is_score(hit.unit[unit], hit) for hit in hits)
    other_unit = "" if same else unit
    known = any(hit.percentile is not None for hit in hits)
    aligned = any("identity" in hit.unit for hit in hits)
    score = CALLED.get(unit, "score") if same else "score"
    heads = ["#", score] + (["%"] if known else []) + ([other_unit] if other_unit else []) + ["item"]
    heads += (["aligned"] if aligned else []) + (["where"] if spans else []) + ["source"]
    rows = []
    for place, hit in enumerate(hits, start=offset + 1):
        row: list[object] = [place, f"{hit.score:.3f}"]
        row += ["" if hit.percentile is None else f"{hit.percentile:.2f}"] if known else []
        row += [f"{hit.unit.get(other_unit, float('nan')):.3f}"] if other_unit else []
        row.append(hit.item[:ID_LENGTH])
        row += [", ".join(units_of(hit)) if "identity" in hit.unit else ""] if aligned else []
        row += [where_of(hit)] if spans else []
        rows.append([*row, near(hit.source)])
    under = [quote_lines(hit) for hit in hits]
    table(rows, heads, right=("#", score, "%", other_unit), long="source", under=under)


def _is_score(value: float | None, hit: Hit) -> bool:
    """Whether a unit says what the score says, which went through 32 bits."""
    return value is not None and math.isclose(value, hit.score, rel_tol=1e-5, abs_tol=1e-6)


def _print_timings(hits: Sequence[Hit], timings: Any) -> None:
    for hit in hits:
        if hit.why:
            shared = shared_line(hit)
            rest = {name: value for name, value in hit.why.items() if name not in {"alignment", "shared"}}
            words = [f"shared: {shared}"] if shared else []
            words += [_said(rest)] if rest else []
            words += units_of(hit) if "alignment" in hit.why else []
            line(f"{hit.item[:ID_LENGTH]}  {'; '.join(words)}")
            for row in alignment_lines(hit).splitlines():
                line(row)
    line("time: " + ", ".join(f"{stage} {seconds * 1000:.1f} ms" for stage, seconds in timings.items()))


def _said(why: Mapping[str, Any]) -> str:
    """An explanation on one line; what has parts of its own in brackets."""
    words = {name: f"({_said(value)})" if isinstance(value, Mapping) else value for name, value in why.items()}
    return ", ".join(f"{name}: {value}" for name, value in words.items())


def _part(text: str, modality: str) -> Span:
    """``3-8``, ``1:02-1:10`` as a span in seconds; in pages, bases or characters where items have these, written as
    answers write it.
    """
    unit = UNITS.get(modality)
    return _stretch(text) if unit is None else _counted(text, unit)


def _counted(text: str, unit: Literal["page", "bases", "characters"]) -> Span:
    from morelike.types import Span

    found = _COUNTED.fullmatch(text.strip().removeprefix(unit))
    first, last = (int(part.replace(",", "")) if part else 0 for part in found.groups()) if found else (0, 0)
    if unit == "page" and found and found[2] is None:
        last = first
    if not found or not (1 <= first <= last if unit == "page" else first < last):
        example = "3 or 3-5" if unit == "page" else "1000-2000"
        raise UsageError(f"--at: {text[:40]!r} is no part in {UNIT_WORDS[unit]}", hint=f"for example: --at {example}")
    return Span(unit, first, last)


def _stretch(text: str) -> Span:
    """``3-8`` or ``1:02-1:10`` as a span in seconds."""
    from morelike.types import Span

    try:
        start, end = stretch(text)
    except UsageError as error:
        raise UsageError(f"--at: {error.message}", hint=error.hint) from error
    return Span("seconds", start, end)


def _content(example: str | None, limit: int) -> str | bytes | None:
    """What the library takes as an example; ``-`` is read here, and not without end."""
    if example != "-":
        return example
    if sys.stdin.isatty():
        raise UsageError("- reads the example from standard input", hint="morelike search photos - < picture.jpg")
    data = sys.stdin.buffer.read(limit + 1)
    if len(data) > limit:
        raise UsageError(f"standard input has more than {limit} bytes", hint="MORELIKE_MAX_FILE_SIZE raises the limit")
    if not data:
        raise UsageError("standard input is empty")
    return data


def _box(text: str) -> tuple[float, float, float, float]:
    """``0.1,0,0.9,1`` or ``10%,0%,90%,100%`` as fractions."""
    hint = "left, top, right, bottom as fractions of the picture: --crop 0.1,0.2,0.9,1"
    parts = [part.strip() for part in text.split(",")]
    try:
        numbers = [float(part[:-1]) / 100 if part.endswith("%") else float(part) for part in parts]
    except ValueError:
        numbers = []
    if len(numbers) != 4:
        raise UsageError(f"--crop cannot be {text!r}", hint=hint)
    left, top, right, bottom = numbers
    if not (0 <= left < right <= 1 and 0 <= top < bottom <= 1):
        raise UsageError(f"--crop {text} is no box inside the picture", hint=hint)
    return left, top, right, bottom


def show_pictures(opened: Any, hits: Sequence[Hit], wanted: bool | None, *, columns: int = 5) -> None:
    """Thumbnails under the table, where standard output is a terminal and can show them, or was told to."""
    from morelike.display import contact_sheet, picture_protocol, terminal_picture
    from morelike.errors import MorelikeError

    if wanted is False or not hits or not sys.stdout.isatty():
        return
    protocol = picture_protocol() or ("blocks" if wanted else None)
    if protocol is None:
        return
    pictures: list[bytes | None] = []
    for hit in hits:
        try:
            pictures.append(opened.preview(hit.item, side=192, span=hit.span).data)
        except MorelikeError:  # the file behind it may be gone; its row is shown all the same
            pictures.append(None)
    sheet = contact_sheet(pictures, columns=columns)
    width = min(shutil.get_terminal_size().columns, WIDEST_BLOCKS)
    sys.stdout.write(terminal_picture(sheet, protocol, columns=width) + "\n")
