"""``morelike encoders``"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.session import session_of
from morelike.shapes import card_shape

if TYPE_CHECKING:
    from morelike.settings import Settings

app = typer.Typer(rich_markup_mode=None, add_completion=False)

EXAMPLES = "morelike encoders --kind text"


@app.command(cls=Command, epilog=EXAMPLES)
def encoders(
    context: typer.Context,
    kind: Annotated[
        str | None, typer.Option(metavar="KIND", help="Only encoders of this kind of content: image, text …")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """List the encoders that a collection can be made with.

    Each is a card: morelike add COLLECTION SOURCE --encoder NAME. `morelike models pull NAME` fetches missing weights.
    """
    settings = session_of(context).settings()
    shapes = [one for one in _shapes(settings) if kind is None or kind in one["kinds"]]
    if as_json:
        print_json({"encoders": shapes})
        return
    if not shapes:
        line(f"no encoder takes {kind}; morelike encoders lists all")
        return
    rows = [
        (
            one["name"],
            "+".join(one["kinds"]),
            one["dim"],
            one["metric"],
            "yes" if one["here"] else "no",
            one["description"],
        )
        for one in shapes
    ]
    table(rows, ["name", "takes", "dim", "metric", "here", "what"], right=("dim",))
    line("`--encoder auto`, the default, takes the best that is here or can be fetched, and says which")


def _shapes(settings: Settings) -> list[dict[str, Any]]:
    """Of this machine, or of the server."""
    if settings.server:
        from morelike.remote.library import encoders_of

        return encoders_of(settings)
    from morelike.models import cards, weights

    return [{**card_shape(card), "here": weights.status(card, settings).here} for card in cards.all_cards(settings)]


def _yes(said: bool) -> str:
    return "yes" if said else "no"
