"""``morelike models``: encoders' weights on this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morelike.cli.help import Command, Group
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.progress import Reporter
from morelike.cli.session import session_of
from morelike.cli.text import human_size
from morelike.errors import ModelNotHere, UsageError
from morelike.shapes import card_shape

if TYPE_CHECKING:
    from morelike.settings import Settings
    from morelike.types import Card

app = typer.Typer(
    cls=Group,
    rich_markup_mode=None,
    add_completion=False,
    help="List, fetch, import, convert and verify encoders' weights.",
)


@app.command("list", cls=Command, epilog="morelike models list")
def list_models(context: typer.Context, as_json: AsJson = False) -> None:
    """List every card: its size and licence, and what is here.

    `tried` says whether the project itself has run it.
    """
    from morelike.models import cards

    settings = session_of(context).settings()
    shapes = [_shape(card, settings) for card in cards.all_cards(settings)]
    if as_json:
        print_json({"models": shapes})
        return
    rows: list[tuple[Any, ...]] = [
        (
            shape["name"],
            human_size(shape["size"]) if shape["size"] else "-",
            shape["dim"],
            "yes" if shape["here"] else "no",
            "yes" if shape["run_here"] else "no",
            shape["licence"] or "unknown",
        )
        for shape in shapes
    ]
    table(rows, ["name", "size", "dim", "here", "tried", "licence"], right=("size", "dim"))
    line("tried: the project itself has run it; morelike models pull NAME fetches what is not here")


def _shape(card: Card, settings: Settings) -> dict[str, Any]:
    from morelike.models import weights

    status = weights.status(card, settings)
    return {
        **card_shape(card),
        "size": status.size,
        "here": status.here,
        "folder": str(status.folder) if status.folder else None,
        "run_here": card.run_here,
    }


@app.command(cls=Command, epilog="morelike models pull dinov2-small")
def pull(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="A card's name.")],
    as_json: AsJson = False,
) -> None:
    """Fetch a card's weights.

    At a pinned revision, going on where a fetch broke off, with the digest checked at the end.
    """
    from morelike.models import cards, weights

    session = session_of(context)
    settings = session.settings()
    card = cards.find(name, settings)
    size = weights.status(card, settings).size
    if not card.weights:
        _answer(card, settings, f"{card.name} needs no weights", as_json=as_json)
        return
    session.note(f"{card.name}: {human_size(size) if size else 'size unknown'}, licence {card.licence or 'unknown'}")
    with Reporter(quiet=session.quiet) as reporter:
        card = weights.pull(card, settings, progress=reporter.download)
    _answer(card, settings, f"{card.name} is here", as_json=as_json)


@app.command("import", cls=Command, epilog="morelike models import model.onnx --card mine.toml")
def import_model(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="An ONNX file; or a folder with card.toml and the files it names.")
    ],
    card: Annotated[
        str | None,
        typer.Option(
            "--card",
            metavar="CARD",
            help="The TOML file that describes it, or the name of a card; a folder's own without.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take an ONNX file with its card into the models folder."""
    from morelike.models import weights

    settings = session_of(context).settings()
    if card is not None:
        imported = weights.import_file(file, card, settings)
    elif file.is_dir():
        imported = weights.import_pack(file, settings)
    else:
        raise UsageError(f"{file} needs a card", hint="--card mine.toml, or name a folder with card.toml in it")
    _answer(imported, settings, f"imported {imported.name}; --encoder {imported.name} uses it", as_json=as_json)


@app.command(cls=Command, epilog="morelike models convert resnet50 checkpoint.pth")
def convert(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="The network: panns, resnet50 or resnet50-gem-512; or a sentence encoder's card."
        ),
    ],
    checkpoint: Annotated[
        Path,
        typer.Argument(
            metavar="CHECKPOINT",
            help="A torch state dict (.pth) or a .safetensors file; of a sentence encoder also its folder or wheel.",
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="DIR", help="The folder to write to; the models folder without."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an ONNX file and its card from a checkpoint.

    For the networks that morelike defines (with the extra `train`), and for sentence encoders of the BERT family
    (with the extra `convert`, without torch): tokenizer.json and config.json are expected beside the weights.
    """
    from morelike.models.convert import convert as convert_sentences
    from morelike.training.convert import convert as convert_checkpoint
    from morelike.training.networks import is_network

    settings = session_of(context).settings()
    card = (convert_checkpoint if is_network(name) else convert_sentences)(name, checkpoint, output, settings)
    folder = output or settings.models_cache / card.name
    _answer(card, settings, f"wrote {folder / 'model.onnx'} and its card", as_json=as_json)


@app.command(cls=Command, epilog="morelike models verify")
def verify(
    context: typer.Context,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A card's name; every card whose weights are here without.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Read weights again and compare them with their digests.

    The exit code is 1 where something is wrong.
    """
    from morelike.models import cards, weights

    settings = session_of(context).settings()
    if name is not None:
        chosen = [cards.find(name, settings)]
        if not weights.status(chosen[0], settings).here:
            raise ModelNotHere(f"the weights of {name} are not here", hint=f"morelike models pull {name}")
    else:
        chosen = [card for card in cards.all_cards(settings) if card.weights and weights.status(card, settings).here]
    faults = {card.name: list(weights.verify(card, settings)) for card in chosen}
    wrong = any(faults.values())
    if as_json:
        print_json({"ok": not wrong, "models": [{"name": name, "faults": found} for name, found in faults.items()]})
    else:
        for model, found in faults.items():
            line(f"{model}: {'; '.join(found) or 'as it should be'}")
        if not faults:
            line("no weights are here")
    if wrong:
        raise typer.Exit(1)


def _answer(card: Card, settings: Settings, sentence: str, *, as_json: bool) -> None:
    if as_json:
        print_json(_shape(card, settings))
    else:
        line(sentence)
