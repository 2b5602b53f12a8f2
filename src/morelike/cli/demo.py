"""``morelike demo``"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json
from morelike.cli.progress import Reporter
from morelike.cli.search import print_hits, show_pictures
from morelike.cli.session import Session, session_of
from morelike.cli.text import near
from morelike.errors import MissingExtra
from morelike.shapes import hit_shape, report_shape

if TYPE_CHECKING:
    from morelike.demo import Demo
    from morelike.demo_scenes import SceneDemo
    from morelike.hits import Hits

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = """\
morelike demo
morelike demo --port 0
morelike demo ~/Pictures
"""

LIBRARY, PICTURES = Path("demo-library"), Path("demo-pictures")
HITS = 6


@app.command(cls=Command, epilog=EXAMPLES)
def demo(
    context: typer.Context,
    *,
    data: Annotated[
        str | None, typer.Argument(metavar="DATA", help="A folder with pictures; photographs of its own without.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="One search only, nothing else.")] = False,
    port: Annotated[int, typer.Option(metavar="N", help="The port of the page; 0 takes any free one.")] = 8000,
    no_serve: Annotated[bool, typer.Option("--no-serve", help="Searches in the terminal only, no page.")] = False,
    as_json: AsJson = False,
) -> None:
    """Build a small library of photographs, search it, and serve its page.

    The library is made in ./demo-library where --library does not name another folder. Without DATA the
    photographs come from the scikit-image package (the extra `demo`), and altered copies of them (cropped, re-encoded,
    recoloured, rotated) are written to ./demo-pictures. Afterwards the page is served on http://127.0.0.1:8000 until
    Ctrl-C; with --once or --json nothing is served.
    Besides, without DATA and without --once: made scenes of cubes, spheres and cylinders, searched with a picture and
    the words that change it.
    """
    from morelike.demo import build
    from morelike.demo_scenes import build_scenes

    given = session_of(context)
    session = Session(library=given.library or LIBRARY, quiet=given.quiet)
    with session.open_here(make=True) as library:
        with Reporter(quiet=session.quiet) as reporter:
            built = build(library, data or None, PICTURES, notify=reporter.note, progress=reporter.ingest)
            scenes = None
            if not data and not once:
                folder = PICTURES / "scenes"
                scenes = build_scenes(library, folder, notify=reporter.note, progress=reporter.ingest)
        name = built.collection.name
        examples = list(built.examples.items())[: 1 if once else None]
        searches = [(shown, built.collection.search(example, k=HITS)) for shown, example in examples]
        changed = scenes and scenes.collection.search(scenes.picture, text=scenes.text, k=HITS)
        if not as_json:
            _show(session, built, searches, own=not data)
            if scenes and changed:
                _show_scenes(scenes, changed)
    if as_json:
        answers = [
            {"example": example, "hits": [hit_shape(hit) for hit in hits], "more": hits.more}
            for example, hits in searches
        ]
        told = {"library": str(session.library), "add": report_shape(name, built.report), "searches": answers}
        if scenes and changed:
            hits = [hit_shape(hit) for hit in changed]
            told["scenes"] = {"example": scenes.picture, "text": scenes.text, "hits": hits, "more": changed.more}
        print_json(told)
        return
    if not once:
        _what_next(session, built, scenes)
        if not no_serve:
            _serve(context, session, port, data)


def _show(session: Session, built: Demo, searches: list[tuple[str, Hits]], *, own: bool) -> None:
    line(f"{built.collection.count()} pictures in the collection {built.collection.name} in {session.library}")
    if own:
        line("photographs with four altered copies of each; the examples are further copies")
    for example, hits in searches:
        line()
        line(f"most like {near(example)}:")
        print_hits(hits.hits)
        show_pictures(built.collection, hits.hits, True if _colours() else None, columns=HITS)


def _show_scenes(scenes: SceneDemo, hits: Hits) -> None:
    line()
    line(f"most like {near(scenes.picture)} with “{scenes.text}”:")
    print_hits(hits.hits)
    show_pictures(scenes.collection, hits.hits, True if _colours() else None, columns=HITS)


def _colours() -> bool:
    """Whether the terminal says that it shows any colour, and nobody minds."""
    return os.environ.get("COLORTERM") in ("truecolor", "24bit") and not os.environ.get("NO_COLOR")


def _what_next(session: Session, built: Demo, scenes: SceneDemo | None) -> None:
    program = f"{_program()} --library {quote(str(session.library))}"
    name = built.collection.name
    examples = list(built.examples.values())
    line()
    line("try next:")
    line(f"  {program} search {name} {quote(examples[-1])} --picture")
    line(f"  {program} search {name} {quote(examples[0])} --crop 0,0,0.5,1")
    if scenes:
        words = "add large blue sphere to top-left"
        line(f"  {program} search {scenes.collection.name} {quote(near(scenes.picture))} --text {quote(words)}")
    line(f"  {program} ls {name}")
    line(f"  {program} eval {name}")
    line(f"  {program} add mine ~/Pictures")


def _serve(context: typer.Context, session: Session, port: int, data: str | None) -> None:
    """The page, until Ctrl-C; without the packages that it needs, a sentence."""
    from morelike.cli.serve import serve

    context.obj = Session(library=session.library, quiet=True)
    folder = Path(data).expanduser() if data else PICTURES
    roots = [str(folder)] if folder.is_dir() else []
    line()
    line("open this in a browser, and drop a picture on it:")
    try:
        serve(context, port=port, allow_root=roots)
    except MissingExtra as error:
        session.note(f"not served: {error.message} ({error.hint})")


def _program() -> str:
    """How the person at this terminal calls morelike again."""
    if shutil.which("morelike"):
        return "morelike"
    called = Path(sys.argv[0])
    return quote(os.path.relpath(called)) if called.name == "morelike" and called.exists() else "python -m morelike"
