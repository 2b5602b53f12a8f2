"""The older servers that one ``serve`` was asked for: checked before anything listens, then one application each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fastapi import FastAPI
from starlette.staticfiles import StaticFiles

from morelike.errors import UsageError
from morelike.library import Library
from morelike.models import cards
from morelike.older_settings import OlderSettings
from morelike.server.compat.app import create_compat_app
from morelike.server.compat.older import Older
from morelike.server.compat.served import MOST_ASKED, Served
from morelike.server.deps import Parts
from morelike.server.errors import Refused
from morelike.server.options import ServerOptions

__all__ = ["check_compat", "open_compat", "waited_for"]


def check_compat(options: ServerOptions) -> None:
    """Raises UsageError where others would reach a server that asks nobody who they are, and on what cannot be."""
    if not options.compat:
        return
    if not options.local and not options.compat_open:
        raise UsageError(
            f"whoever reaches {options.host} could change and drop the tables of --compat: its clients send no key",
            hint="--compat-open allows that; folders of this machine need --allow-root DIR besides",
        )
    for asked in options.compat:
        if asked.port == options.port != 0:
            name = asked.older.name
            raise UsageError(
                f"--port and --compat {name} would both have the port {options.port}",
                hint=f"give one of them another: --port {options.port % 65535 + 1}, "
                f"or --compat {name}:{options.port % 65535 + 1}",
            )
    if options.older.table and len(options.compat) > 1:
        raise UsageError(
            f"DEFAULT_TABLE names one table, {options.older.table[:80]}, for {len(options.compat)} servers",
            hint="unset it: each has a table of its own by default",
        )
    if options.older.metric == "JACCARD" and all(asked.older.metric != "JACCARD" for asked in options.compat):
        raise UsageError("METRIC_TYPE is JACCARD, which compares molecules alone", hint="L2, IP or COSINE")
    if (options.older.top_k or 1) > MOST_ASKED:
        raise UsageError(f"TOP_K is {options.older.top_k}", hint=f"1 to {MOST_ASKED}")


def open_compat(
    library: Library, options: ServerOptions, parts: Parts, static: StaticFiles, say: Callable[[str], None]
) -> list[FastAPI]:
    """One application for each that was asked for, in that order; ``say`` is told what encoder each one has.

    Raises UsageError where a variable names a table or a file that cannot be, MissingExtra.
    """
    apps = []
    for asked in options.compat:
        older = asked.older
        served = Served(
            library=library,
            older=older,
            parts=parts,
            table=options.older.table or older.table,
            top_k=options.older.top_k or older.top_k,
            metric=_metric(older, options.older.metric),
            limit=(options.older.limit or older.limit) if older.limit is not None else None,
        )
        try:
            served.named(None)
        except Refused as error:
            raise UsageError(f"DEFAULT_TABLE or MILVUS_TABLE: {error.message}", hint=error.hint) from None
        say(served.settle())
        for note in (_other_dimension(served, options.older.dimension), _other_words(served, options.older)):
            if note:
                say(note)
        apps.append(create_compat_app(served, static))
    if apps and options.older.limit is not None and all(asked.older.limit is None for asked in options.compat):
        say("DISTANCE_LIMIT is not used: none of these servers has such a limit")
    if apps and options.older.kmer is not None and all(asked.older.kmer is None for asked in options.compat):
        say("KMER_K is not used: none of these servers counts words of letters")
    for note in options.older.notes if apps else ():
        say(note)
    return apps


def waited_for(requests: int, apps: Sequence[FastAPI]) -> str:
    """What a server that is to stop waits for, in a sentence; nothing where it waits for nothing."""
    loads = [
        f"a load of {served.older.name}{f' ({current} of {total} {served.older.things}s)' * bool(total)} "
        "ends with what is in work"
        for served in (app.state.served for app in apps)
        for current, total in served.loading.under_way
    ]
    if not requests and not loads:
        return ""
    waiting = [f"{requests} request{'s' * (requests != 1)} under way"] if requests else []
    return "stopping: " + "; ".join([*waiting, *loads, "Ctrl-C again stops at once"])


def _metric(older: Older, told: str) -> str:
    """Fingerprints are compared in one way, and vectors never in theirs."""
    return older.metric if older.metric == "JACCARD" or told in ("", "JACCARD") else told


def _other_words(served: Served, told: OlderSettings) -> str:
    """A sentence where a variable asks for another way to compare, or other words, than there is."""
    older = served.older
    if older.metric == "JACCARD" and told.metric not in ("", "JACCARD"):
        return f"{older.name}: METRIC_TYPE is not used: fingerprints are compared by their Jaccard distance"
    if older.kmer is None or told.kmer in (None, older.kmer):
        return ""
    return (
        f"{older.name}: KMER_K is {told.kmer}, and {served.encoder} counts words as {older.kmer} made them; "
        "the encoder decides, the variable is not used"
    )


def _other_dimension(served: Served, told: int | None) -> str:
    """A sentence where ``VECTOR_DIMENSION`` says something else than the encoder gives."""
    if told is None or not served.encoder:
        return ""
    card = cards.find(served.encoder.partition(",")[0], served.library.settings)
    if told == card.dim:
        return ""
    return (
        f"{served.older.name}: VECTOR_DIMENSION is {told}, and {card.name} gives {card.dim} numbers; "
        "the encoder decides, the variable is not used"
    )
