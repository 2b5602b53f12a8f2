"""``morelike import --from``: an older demo server's data."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote, unquote, urlsplit

import typer

from morelike.cli.interrupt import stop_on_interrupt
from morelike.cli.output import line, print_json
from morelike.cli.progress import Reporter
from morelike.cli.run import INTERRUPTED, SOME_REJECTED
from morelike.errors import SettingsError, UsageError

if TYPE_CHECKING:
    from morelike.cli.session import Session
    from morelike.library import Library
    from morelike.moving.moves import MoveReport
    from morelike.moving.older import Old

__all__ = ["Asked", "import_older"]

SHOWN = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """The options, as they were given; the addresses may hold passwords."""

    kind: Literal["bootcamp", "image-engine"]
    words: tuple[str, ...]
    encoder: str | None
    modality: str | None
    mysql: str | None = field(repr=False)
    milvus: str | None = field(repr=False)
    table: str | None
    path: tuple[str, ...]
    minio: str | None = field(repr=False)
    npy: str | None = None
    pictures: str | None = None

    @property
    def collection(self) -> str:
        """Raises UsageError."""
        if len(self.words) != 1:
            raise UsageError(f"morelike import --from {self.kind} COLLECTION", hint="one collection, of any name")
        return self.words[0]

    def old(self) -> Old:
        """Where everything is: what no option says, the old server's own variables or file say.

        Raises UsageError, SettingsError, MissingExtra.
        """
        from morelike.moving.older import Old
        from morelike.moving.places import BUCKET, parse_moved

        if self.npy or self.pictures:
            return self._published()
        table, _, vectors = (self.table or "").partition(":")
        if self.kind == "bootcamp":
            if self.minio:
                raise UsageError("--minio goes with --from image-engine")
            own, known = _variables()
            table, bucket, objects = table or known, BUCKET, {}
        else:
            if self.path:
                raise UsageError("--path goes with --from bootcamp", hint="the image engine keeps objects, no paths")
            own, known, bucket = _file()
            vectors = vectors or known
            objects = {key: one for key, one in own.items() if key.startswith("s3_")}
            if self.minio:
                objects, named = _objects(self.minio)
                bucket = named or bucket
        milvus = self.milvus or own.get("vectors", "")
        if not self.milvus and own.get("vectors_database"):
            milvus += f"/{own['vectors_database']}"
        return Old(
            kind=self.kind,
            mysql=self.mysql or own.get("catalog", ""),
            table=table,
            milvus=milvus,
            vectors=vectors,
            bucket=bucket,
            objects=objects,
            moved=parse_moved(self.path),
        )

    def _published(self) -> Old:
        """A file of vectors and a folder of pictures; no server is asked. Raises UsageError."""
        from morelike.moving.older import Old
        from morelike.moving.places import parse_moved

        alien = {"mysql": self.mysql, "milvus": self.milvus, "table": self.table, "minio": self.minio}
        if self.kind != "bootcamp" or not self.npy:
            raise UsageError("--npy and --pictures go with --from bootcamp", hint="--npy img.npy --pictures images")
        if name := next((key for key, one in alien.items() if one), None):
            raise UsageError(f"--{name} does not go with --npy", hint="the file stands for MySQL and Milvus")
        pictures = self.pictures or os.environ.get("OUT_PATH", "").strip()
        return Old(kind=self.kind, mysql="", moved=parse_moved(self.path), npy=self.npy, pictures=pictures)


def _environment() -> dict[str, str]:
    """Without this project's own variables, which say where the data go and not where they come from."""
    return {name: value for name, value in os.environ.items() if not name.startswith("MORELIKE_")}


def _variables() -> tuple[dict[str, Any], str]:
    """What the demo servers' variables say: settings by name, and the table."""
    from morelike.older_settings import older_settings

    found = older_settings(_environment())
    settings = dict(found.settings)
    if "catalog" in settings:  # a catalog of this project may have another database than the old tables
        database = quote(os.environ.get("MYSQL_DB", "").strip() or "mysql", safe="")
        settings["catalog"] = f"{settings['catalog'].rpartition('/')[0]}/{database}"
    return settings, found.table


def _file() -> tuple[dict[str, Any], str, str]:
    """What the image engine's ``config.yaml`` in this folder says: settings, the collection in Milvus, the bucket."""
    from morelike.moving.places import BUCKET
    from morelike.older_config import older_config

    found = older_config(environ=_environment())
    bucket = str(found.settings.get("blobs", "")).removeprefix("s3://").partition("/")[0]
    return dict(found.settings), found.table, bucket or BUCKET


def _objects(address: str) -> tuple[dict[str, Any], str]:
    """Settings of the S3 server, and the bucket. Raises SettingsError, which repeats nothing of the address."""
    hint = "http://KEY:SECRET@HOST:9000/BUCKET; / and + in the secret are written as %2F and %2B"
    try:
        parts = urlsplit(address)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise SettingsError("--minio is no address", hint=hint) from None
    bucket = parts.path.strip("/")
    if parts.scheme.lower() not in ("http", "https") or not host or "/" in bucket or parts.query or parts.fragment:
        raise SettingsError("--minio is no address", hint=hint)
    host = f"[{host}]" if ":" in host else host
    settings: dict[str, Any] = {"s3_endpoint": f"{parts.scheme.lower()}://{host}{f':{port}' if port else ''}"}
    if parts.username:
        keys = {"s3_access_key": unquote(parts.username), "s3_secret_key": unquote(parts.password or "")}
        settings |= {**keys, "s3_session_token": "", "s3_anonymous": False}
    return settings, unquote(bucket)


def import_older(session: Session, library: Library, asked: Asked, *, dry_run: bool, as_json: bool) -> None:
    """Do it, or say what would come. Raises what ``Library.import_older`` raises; exits with 3 where rows were bad."""
    collection, old = asked.collection, asked.old()
    if dry_run:
        coming = library.coming_from_older(collection, old, encoder=asked.encoder, modality=asked.modality)
        if as_json:
            print_json({"collection": collection, **asdict(coming)})
        else:
            how = f"with their vectors of {coming.dim} numbers" if coming.dim else "and would be encoded anew"
            line(f"{coming.rows} rows would go into {collection} ({coming.modality}), {how}")
        return
    with Reporter(quiet=session.quiet) as reporter, stop_on_interrupt() as stop:
        report = library.import_older(
            collection,
            old,
            encoder=asked.encoder,
            modality=asked.modality,
            progress=reporter.ingest,
            stop=stop,
            notify=reporter.note,
        )
    if as_json:
        print_json(asdict(report))
    else:
        _print(session, report)
    if report.interrupted:
        session.note(f"interrupted: {report.added + report.same} paths are in; run the same command again to continue")
        raise typer.Exit(INTERRUPTED)
    if report.rejected:
        raise typer.Exit(SOME_REJECTED)


def _print(session: Session, report: MoveReport) -> None:
    same = f", {report.same} were there" if report.same else ""
    how = f", {report.vectors} vectors as they were" if report.vectors else ""
    line(f"imported {report.added}{same} into {report.collection} in {report.seconds:.1f} s{how}")
    if report.rejected:
        line(f"rejected {report.rejected}: {session.call(f'ls {report.collection} --rejected')} says why")
        for rejection in report.rejections[:SHOWN]:
            line(f"  {rejection.uri}: {rejection.reason}")
