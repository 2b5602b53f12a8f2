"""A library behind a server: ``Library`` over HTTP. Wiring, no logic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from threading import Event
from typing import Any, Final, NoReturn

from morelike.across import Across
from morelike.doctor import DoctorReport
from morelike.errors import CollectionExists, NoSuchCollection, SpaceMismatch, UsageError
from morelike.guess import Guess, guess_modality
from morelike.hits import GroupedHits
from morelike.lanes import Encoders
from morelike.progress import Progress
from morelike.protocols import Modality
from morelike.records import CollectionSummary, StorageReading
from morelike.registry import MODALITIES
from morelike.remote.asked import Files, query_shape
from morelike.remote.client import Client, part
from morelike.remote.collection import RemoteCollection
from morelike.remote.jobs import RemoteJobs, cancelled, done
from morelike.remote.places import is_there
from morelike.remote.refused import refused
from morelike.remote.searching import addressed, send
from morelike.remote.server import Server, connect
from morelike.remote.shapes_back import doctor_report_of, grouped_of, reading_of, space_of, storage_of
from morelike.remote.upkeep import names_of
from morelike.search.several import check_for_several
from morelike.settings import Settings
from morelike.storage import StorageReport
from morelike.types import WHOLE, Collection, Example, Preview, Query, Span
from morelike.unpacking import check_options

__all__ = ["RemoteLibrary", "encoders_of"]

MOST_NAMED: Final = 64
"""Collections that one search may name."""
_THERE: Final = "is done on the machine of the library"
Tell = Callable[[str], None]


class RemoteLibrary(Across):
    """A library behind `morelike serve`. A context manager; safe to use from several threads."""

    def __init__(self, settings: Settings, *, client: Client | None = None) -> None:
        """``settings``: ``server`` and ``api_key``; by the others what lies here is read.

        Raises UsageError where something else answers there or refuses the key, StoreUnreachable where nothing does.
        """
        self.settings = settings
        self._client = client or Client(settings.server, settings.api_key)
        try:
            self._server: Server = connect(self._client, settings)
        except BaseException:
            self._client.close()
            raise
        self.last_storage: StorageReport | None = None

    def __repr__(self) -> str:
        return f"<library of {self._client.address}>"

    def __enter__(self) -> RemoteLibrary:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections. What the server does goes on."""
        self._client.close()

    @property
    def id(self) -> str:
        """Twelve hex digits that no other library has."""
        return self._server.library

    @property
    def jobs(self) -> RemoteJobs:
        """Work that the server does behind the request for it."""
        return RemoteJobs(self._server)

    @property
    def keys(self) -> NoReturn:
        """Who may use the library: not to be seen over HTTP. Raises UsageError."""
        raise UsageError("keys are not seen or made over HTTP", hint="run `morelike keys` on the server's machine")

    def collection(
        self,
        name: str,
        *,
        modality: str | None = None,
        encoder: Encoders = "auto",
        options: Mapping[str, Any] | None = None,
        notify: Tell | None = None,
    ) -> RemoteCollection:
        """Open a collection; with ``modality``, make it where it is missing: as ``Library.collection``.

        ``encoder``: names of what the server has. Raises NoSuchCollection, SpaceMismatch, UsageError.
        """
        try:
            opened = self._opened(name)
        except NoSuchCollection:
            if modality is None:
                raise
            opened = self._make(name, modality, names_of(encoder), options or {}, notify)
        if modality is not None and modality != opened.modality:
            raise UsageError(
                f"the collection {name} holds {opened.modality}, not {modality}", hint="choose another name for it"
            )
        if options:
            found = Collection(0, name, opened.modality, opened.options, opened.created_at)
            check_options(self._modality(opened.modality), found, options)
        if encoder != "auto":
            self._check(opened, names_of(encoder).split(","))
        return opened

    def _opened(self, name: str) -> RemoteCollection:
        return RemoteCollection(self._server, self._client.get(f"/collections/{part(name)}"))

    def _make(
        self, name: str, modality: str, encoder: str, options: Mapping[str, Any], notify: Tell | None
    ) -> RemoteCollection:
        asked = {"name": name, "modality": modality, "encoder": encoder, "options": dict(options)}
        try:
            shape = self._client.post("/collections", asked, repeat=False)
        except CollectionExists:  # somebody else was quicker
            return self._opened(name)
        opened = RemoteCollection(self._server, shape)
        if notify is not None and encoder == "auto":
            chosen = ", ".join(space.card.name for space in opened.spaces)
            notify(f"the server has made {name} with {chosen}")
        return opened

    def _modality(self, name: str) -> Modality:
        made: Modality = MODALITIES.load(name)(self.settings)
        return made

    def _check(self, opened: RemoteCollection, names: Sequence[str]) -> None:
        spaces = [space for space in opened.spaces if space.active]
        own = {name for space in spaces for name in (space.card.name, space.card.id)}
        for name in (one.strip() for one in names):
            if name not in own:
                made_with = ", ".join(space.card.name for space in spaces)
                raise SpaceMismatch(
                    f"the collection {opened.name} was made with {made_with}; vectors of {name} cannot be compared "
                    "with its own",
                    hint=f"leave the encoder out; `morelike reembed {opened.name} --encoder {name}` changes to it",
                )

    def guess(self, *sources: Any, exclude: Sequence[str] = ()) -> Guess:
        """Which modality a new collection of these sources is of, from the first files that lie here.

        Raises UsageError where nothing is recognised, SourceError.
        """
        here = tuple(one for one in sources if not is_there(one))
        if sources and not here:
            raise UsageError(
                "what a new collection is to hold cannot be told from what only the server reads",
                hint="--modality NAME (modality=) says it",
            )
        return guess_modality(here, self.settings, tuple(exclude))

    def names(self, modality: str | None = None) -> list[str]:
        """Of all collections, or those of one modality, in order."""
        shapes = self._shapes()
        return sorted(str(one["name"]) for one in shapes if modality in {None, one.get("modality")})

    def collections(self) -> list[CollectionSummary]:
        """All collections, by name."""
        return [self._server.made(self._summary, shape) for shape in self._shapes()]

    def _shapes(self) -> list[Mapping[str, Any]]:
        return self._server.made(lambda shape: list(shape["collections"]), self._client.get("/collections"))

    def _summary(self, shape: Mapping[str, Any]) -> CollectionSummary:
        spaces = self._client.get(f"/collections/{part(shape['name'])}/spaces")["spaces"]
        return CollectionSummary(
            shape["name"],
            shape["modality"],
            shape["items"],
            shape["rejected"],
            tuple(space_of(space) for space in spaces),
            shape["created_at"],
            shape["options"],
        )

    def _example(self, example: Any, names: Sequence[str], **told: Any) -> Example:
        return super()._example(addressed(example), names, **told)

    def _answered(self, query: Query, names: Sequence[str]) -> GroupedHits:
        """In one request: the server asks its collections."""
        check_for_several(query)
        files = Files(self.settings)
        asked = query_shape(query, files)
        if len(names) <= MOST_NAMED:
            asked["collections"] = list(names)
        elif sorted(names) != self.names():
            raise UsageError(f"{len(names)} collections are named", hint=f"name at most {MOST_NAMED}, or none for all")
        answer = send(self._server, "/search", asked, files)
        drawn_by = {
            one["collection"]: _Later(self._opened, one["collection"])
            for one in self._server.made(lambda shape: list(shape["answers"]), answer)
        }
        return self._server.made(lambda shape: grouped_of(shape, drawn_by), answer)

    def drop(self, name: str) -> None:
        """Remove a collection with its items, vectors and blobs. Raises NoSuchCollection."""
        self._client.json("DELETE", f"/collections/{part(name)}", repeat=False)

    def storage(self, *, listed: bool = False) -> StorageReport:
        """What the library takes, by part, collection and disk of the server, how it grows, and what there is to warn
        of. ``listed`` is up to the server. Raises StoreError.
        """
        del listed
        report = self.last_storage = self._server.made(storage_of, self._client.get("/storage"))
        return report

    def storage_history(self) -> list[StorageReading]:
        """The figures that were kept, oldest first."""
        answer = self._client.get("/storage/history")
        return self._server.made(lambda shape: [reading_of(one) for one in shape["history"]], answer)

    def failing(self) -> dict[str, str]:
        """The parts of the server's library that do not answer now, each with the reason; empty where all is well."""
        answer = self._ready()
        sentence = str(answer.get("detail", ""))
        return {str(name): sentence for name in answer.get("failing", ())}

    def degraded(self) -> dict[str, str]:
        """The same of what it does without meanwhile: the cache."""
        return {str(name): "it does not answer" for name in self._ready().get("degraded", ())}

    def _ready(self) -> dict[str, Any]:
        return self._client.ready()

    def doctor(
        self,
        *,
        fix: bool = False,
        rescue: str = "",
        notify: Tell | None = None,
        progress: Callable[[Progress], None] | None = None,
        stop: Event | None = None,
    ) -> DoctorReport:
        """Have the server hold its stores against each other; with ``fix``, mend what can be mended: as
        ``Library.doctor``. Raises UsageError, NoSuchCollection.
        """
        if rescue and not fix:
            raise UsageError("without fix nothing is rescued", hint="morelike doctor --fix --rescue COLLECTION")
        job = self.jobs.add("doctor", "", {"fix": fix, "rescue": rescue})
        job = done(self._server, job, notify=notify, progress=progress, stop=stop)
        if not job.result:
            raise cancelled(job)
        return self._server.made(doctor_report_of, job.result)

    run_jobs = refused("run_jobs", _THERE, "`morelike serve` does the jobs of its library")
    build_index = refused("build_index", _THERE, "`morelike serve` keeps the index by itself")
    batching = refused("batching", "it is of one process", "the server's /metrics has these figures")
    export = refused("export", _THERE, "run `morelike export` there")
    coming_from = refused("coming_from", _THERE, "run `morelike import` there")
    import_from = refused("import_from", _THERE, "run `morelike import` there")
    export_vectors = refused("export_vectors", _THERE, "run `morelike export` there")
    import_vectors = refused("import_vectors", _THERE, "run `morelike import` there")
    coming_from_older = refused("coming_from_older", _THERE, "run `morelike import` there")
    import_older = refused("import_older", _THERE, "run `morelike import` there")


class _Later:
    """Draws the items of a collection that is opened when the first one is to be drawn."""

    def __init__(self, opened: Callable[[str], RemoteCollection], name: str) -> None:
        self._opened = lru_cache(1)(lambda: opened(name))

    def preview(self, item_id: str, side: int = 256, span: Span = WHOLE, *, parts: Sequence[int] = ()) -> Preview:
        return self._opened().preview(item_id, side, span, parts=parts)

    def playable(self, item_id: str, span: Span = WHOLE, most: int = 400_000) -> Preview:
        return self._opened().playable(item_id, span, most)


def encoders_of(settings: Settings) -> list[dict[str, Any]]:
    """The encoders that a server's collections can be made with, as the API gives them. Raises as ``RemoteLibrary``."""
    client = Client(settings.server, settings.api_key)
    try:
        server = connect(client, settings)
        return server.made(lambda shape: [dict(one) for one in shape["encoders"]], client.get("/encoders"))
    finally:
        client.close()
