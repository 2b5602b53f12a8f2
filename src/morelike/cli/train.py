"""``morelike train``: data, training and export of networks that compose a picture and words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from morelike.cli.help import Command, Group
from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import AsJson, line, print_json, table
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED
from morelike.cli.session import session_of
from morelike.errors import UnknownName, UsageError

if TYPE_CHECKING:
    from morelike.training.composed.loop import Outcome

app = typer.Typer(
    cls=Group,
    rich_markup_mode=None,
    add_completion=False,
    help="Train networks that compose a picture and words: data, training, export.",
)

DATA_EXAMPLES = """\
morelike train data css --out css
morelike train data css --out small --scenes 200 --pictures both
"""
COMPOSED_EXAMPLES = """\
morelike train composed --dataset css --dataset-path css --num-iters 20000 --comment first
morelike train composed --resume runs/20261122-061500-first
"""
EXPORT_EXAMPLES = """\
morelike train export runs/20261122-061500-first
morelike train export runs/20261122-061500-first --out tirg-mine --name tirg-mine
"""


@app.command(cls=Command, epilog=DATA_EXAMPLES)
def data(
    context: typer.Context,
    *,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The data set: css.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write to.")],
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Which scenes are drawn.")] = 0,
    scenes: Annotated[int, typer.Option(metavar="N", min=1, help="First scenes of each split.")] = 2000,
    pictures: Annotated[str, typer.Option(metavar="FORM", help="2d, 3d or both.")] = "3d",
    as_json: AsJson = False,
) -> None:
    """Make a data set to train with.

    The CSS task: scenes of coloured solids and the words that change them, drawn by chance; the same seed gives the
    same bytes. Fashion200k and MIT-States have to be had from their makers.
    """
    if name not in ("css", "css3d"):
        raise UnknownName(f"the data set {name!r} cannot be made", hint="css can")
    forms: Any = {"2d": ("2d",), "3d": ("3d",), "both": ("3d", "2d")}.get(pictures)
    if forms is None:
        raise UsageError(f"--pictures cannot be {pictures!r}", hint="2d, 3d or both")
    from morelike.training.css_files import write_css

    session = session_of(context)
    with Reporter(quiet=session.quiet) as reporter:
        written = write_css(out, seed=seed, scenes=scenes, pictures=forms, progress=reporter.drawn)
    if as_json:
        print_json({"folder": str(out), "pictures": written})
    else:
        line(f"{written} pictures in {out}; morelike train composed --dataset css --dataset-path {quote(str(out))}")


@app.command(cls=Command, epilog=COMPOSED_EXAMPLES)
def composed(
    context: typer.Context,
    *,
    dataset: Annotated[
        str | None, typer.Option(metavar="NAME", help="css, fashion200k or mitstates.", rich_help_panel="Data")
    ] = None,
    dataset_path: Annotated[
        str | None, typer.Option(metavar="DIR", help="The data set's folder.", rich_help_panel="Data")
    ] = None,
    query_pictures: Annotated[
        str | None,
        typer.Option(
            metavar="FORM",
            help="Of css: how the queries' pictures are drawn, 2d or 3d. [default: 3d]",
            rich_help_panel="Data",
        ),
    ] = None,
    target_pictures: Annotated[
        str | None,
        typer.Option(metavar="FORM", help="Of css: likewise those to be found. [default: 3d]", rich_help_panel="Data"),
    ] = None,
    height: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="The pictures' height in the network. [default: 60; of photographs 224]",
            rich_help_panel="Data",
        ),
    ] = None,
    width: Annotated[
        int | None,
        typer.Option(metavar="N", help="Likewise. [default: 90; of photographs 224]", rich_help_panel="Data"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="tirg, tirg_lastconv, concat, film, relationship, image_only or text_only. [default: tirg]",
            rich_help_panel="Network",
        ),
    ] = None,
    trunk: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="What reads the pictures: small or resnet18. [default: small]",
            rich_help_panel="Network",
        ),
    ] = None,
    dim: Annotated[
        int | None, typer.Option(metavar="N", help="Numbers of a vector. [default: 512]", rich_help_panel="Network")
    ] = None,
    loss: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="soft_triplet or batch_based_classification. [default: soft_triplet]",
            rich_help_panel="Training",
        ),
    ] = None,
    batch_size: Annotated[
        int | None,
        typer.Option(metavar="N", help="Triplets of an iteration. [default: 32]", rich_help_panel="Training"),
    ] = None,
    num_iters: Annotated[
        int | None, typer.Option(metavar="N", help="Iterations. [default: 160000]", rich_help_panel="Training")
    ] = None,
    rate: Annotated[
        float | None,
        typer.Option(
            "--learning-rate",
            metavar="X",
            help="The rate, or the highest of a cycle. [default: 0.01]",
            rich_help_panel="Training",
        ),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="one-cycle, or published: constant. [default: one-cycle; with resnet18 published]",
            rich_help_panel="Training",
        ),
    ] = None,
    decay_every: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="With published: a tenth of the rate after every N iterations. [default: never]",
            rich_help_panel="Training",
        ),
    ] = None,
    optimiser: Annotated[
        str | None, typer.Option(metavar="NAME", help="sgd or adamw. [default: sgd]", rich_help_panel="Training")
    ] = None,
    weight_decay: Annotated[
        float | None,
        typer.Option(metavar="X", help="How much weights shrink. [default: 1e-6]", rich_help_panel="Training"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(metavar="N", help="Everything by chance comes of it. [default: 0]", rich_help_panel="Training"),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="cpu or cuda. [default: cuda where there is one]", rich_help_panel="Machine"),
    ] = None,
    precision: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="float32 or bfloat16. [default: bfloat16 on cuda, float32 on cpu]",
            rich_help_panel="Machine",
        ),
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Other numbers of threads give slightly other numbers. [default: all cores]",
            rich_help_panel="Machine",
        ),
    ] = None,
    log_every: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Iterations between two losses of the curve. [default: 100]", rich_help_panel="Figures"
        ),
    ] = None,
    evaluate_every: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Iterations between two evaluations. [default: at the end only]",
            rich_help_panel="Figures",
        ),
    ] = None,
    train_queries: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Queries asked of the training split too; 0: none. [default: 10000]",
            rich_help_panel="Figures",
        ),
    ] = None,
    checkpoint_every: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Iterations between two checkpoints; there is one every minute besides. [default: 1000]",
            rich_help_panel="Run",
        ),
    ] = None,
    comment: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The end of the run's folder's name.", rich_help_panel="Run")
    ] = None,
    runs: Annotated[Path, typer.Option(metavar="DIR", help="Where runs are kept.", rich_help_panel="Run")] = Path(
        "runs"
    ),
    resume: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Go on with a run that was stopped.", rich_help_panel="Run")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Train a network that composes a picture and words.

    It learns from triplets: a picture, words that change it, the picture that comes of it. The run's folder gets
    the curve (curve.jsonl, and events for TensorBoard) and checkpoints. Recall at k: the share of the queries that
    find a picture of the wanted label among the first k, in percent. Ctrl-C stops at the next iteration; --resume
    goes on as if nothing had been.
    """
    given = {
        "dataset": "css" if dataset == "css3d" else dataset,
        "dataset_path": dataset_path,
        "model": model,
        "loss": loss,
        "trunk": trunk,
        "dim": dim,
        "batch": batch_size,
        "num_iters": num_iters,
        "learning_rate": rate,
        "schedule": schedule,
        "decay_every": decay_every,
        "optimiser": optimiser,
        "weight_decay": weight_decay,
        "query_pictures": query_pictures,
        "target_pictures": target_pictures,
        "height": height,
        "width": width,
        "precision": precision,
        "device": device,
        "threads": threads,
        "seed": seed,
        "log_every": log_every,
        "evaluate_every": evaluate_every,
        "checkpoint_every": checkpoint_every,
        "train_queries": train_queries,
        "comment": comment,
    }
    chosen = {setting: value for setting, value in given.items() if value is not None}
    from morelike.training.composed.loop import require, train

    require()
    run = _started(runs, chosen) if resume is None else _resumed(resume, chosen)
    session = session_of(context)
    with Reporter(quiet=session.quiet) as reporter, stop_on_interrupt() as stop:
        reporter.note(f"{'training' if resume is None else 'going on with'} {run}")
        outcome = train(run, tell=reporter.train, stop=stop.is_set)
    _print(outcome, as_json=as_json)
    if outcome.interrupted:
        session.note(
            f"interrupted after iteration {outcome.iteration}; morelike train composed --resume {quote(str(run))}"
        )
        raise typer.Exit(INTERRUPTED)


def _started(runs: Path, chosen: dict[str, Any]) -> Path:
    from morelike.training.composed.runs import Settings, new_run

    for option in ("dataset", "dataset_path"):
        if option not in chosen:
            raise UsageError(
                f"--{option.replace('_', '-')} is missing", hint="--dataset css --dataset-path DIR, or --resume RUN"
            )
    defaults: dict[str, Any] = {}
    if chosen["dataset"] != "css":
        defaults = {"height": 224, "width": 224}
        if chosen.get("height", 224) == chosen.get("width", 224):
            defaults["resize"] = "shorter"
    if "schedule" not in chosen and chosen.get("trunk") == "resnet18":
        defaults["schedule"] = "published"
    settings = Settings(**{**defaults, **chosen}).checked()
    if not Path(settings.dataset_path).is_dir():
        raise UsageError(f"there is no folder {settings.dataset_path}", hint="--dataset-path names the data set's")
    return new_run(runs, settings)


def _resumed(run: Path, chosen: dict[str, Any]) -> Path:
    from morelike.training.composed.runs import read_settings, write_settings

    settings = read_settings(run)
    if others := sorted(set(chosen) - {"dataset_path"}):
        raise UsageError(
            f"--resume goes on with the run's own settings, not with another {others[0].replace('_', ' ')}",
            hint="only --dataset-path may be given, where the data has moved",
        )
    if chosen:
        write_settings(run, replace(settings, dataset_path=chosen["dataset_path"]))
    return run


def _print(outcome: Outcome, *, as_json: bool) -> None:
    if as_json:
        shares = {split: {f"r_at_{k}": share for k, share in of.items()} for split, of in outcome.recalls.items()}
        print_json(
            {
                "run": str(outcome.run),
                "iteration": outcome.iteration,
                "interrupted": outcome.interrupted,
                "recalls": shares,
            }
        )
        return
    line(f"{outcome.run}: {outcome.iteration} iterations")
    if outcome.recalls:
        ks = list(next(iter(outcome.recalls.values())))
        rows = [[split, *(f"{100 * of[k]:.2f}" for k in ks)] for split, of in outcome.recalls.items()]
        table(rows, ["split", *(f"R@{k}" for k in ks)], right=tuple(f"R@{k}" for k in ks))


@app.command(cls=Command, epilog=EXPORT_EXAMPLES)
def export(
    context: typer.Context,
    *,
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run's folder.")],
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The folder to write to; RUN/NAME without.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="The encoder's name; without: the model's and the data set's.")
    ] = None,
    dataset_path: Annotated[
        str | None, typer.Option(metavar="DIR", help="The data set's folder, where it has moved.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make an encoder of a run's checkpoint.

    A folder of two ONNX files, the vocabulary and a card: a pack. The files are held against the network on
    pictures and texts of the test split. Beside them lies img.npy: the vectors of the test split's pictures, a row
    each.
    """
    from morelike.training.composed.export import export as export_run

    exported = export_run(run, out, name, dataset_path=dataset_path)
    session_of(context).note(f"files and network are {exported.apart:.1e} apart at most")
    if as_json:
        print_json(
            {
                "folder": str(exported.folder),
                "name": exported.card.name,
                "id": exported.card.id,
                "iteration": exported.iteration,
                "pictures": exported.pictures,
            }
        )
    else:
        folder = quote(str(exported.folder))
        line(f"wrote {exported.card.id} into {exported.folder}; morelike models import {folder} makes it an encoder")
