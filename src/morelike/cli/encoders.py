"""``morelike encoders``"""

from __future__ import annotations

from typing import Annotated

import typer

from morelike.cli.help import Command
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.session import session_of
from morelike.shapes import card_shape

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
    from morelike.models import cards, weights

    settings = session_of(context).settings()
    found = [card for card in cards.all_cards(settings) if kind is None or kind in card.kinds]
    here = {card.id: weights.status(card, settings).here for card in found}
    if as_json:
        print_json({"encoders": [{**card_shape(card), "here": here[card.id]} for card in found]})
        return
    if not found:
        line(f"no encoder takes {kind}; morelike encoders lists all")
        return
    rows = [
        (card.name, "+".join(card.kinds), card.dim, card.metric, "yes" if here[card.id] else "no", card.description)
        for card in found
    ]
    table(rows, ["name", "takes", "dim", "metric", "here", "what"], right=("dim",))
    line("`--encoder auto`, the default, takes the best that is here or can be fetched, and says which")
