"""Every setting, read once from arguments, ``MORELIKE_*`` variables and ``morelike.toml``: the only reader of them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from pydantic import AfterValidator, BeforeValidator, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from morelike.errors import SettingsError

__all__ = ["Settings", "config_files", "load_settings"]

Folder = Annotated[Path, AfterValidator(lambda path: path.expanduser().absolute())]


def _folders(value: object) -> object:
    """``a:b`` (the platform's path separator) to a list, as PATH is written."""
    return [part for part in value.split(os.pathsep) if part] if isinstance(value, str) else value


def _words(value: object) -> object:
    """Words between spaces to a list."""
    return value.split() if isinstance(value, str) else value


def _data_folder() -> Path:
    return platformdirs.user_data_path("morelike", appauthor=False)


def _models_folder() -> Path:
    return platformdirs.user_cache_path("morelike", appauthor=False) / "models"


def config_files() -> list[Path]:
    """Where ``morelike.toml`` is looked for, the strongest last: the user's folder, then the current one."""
    named = os.environ.get("MORELIKE_CONFIG")
    if named:
        path = Path(named).expanduser()
        if not path.is_file():
            raise SettingsError(f"MORELIKE_CONFIG names {named}, which is no file")
        return [path]
    return [platformdirs.user_config_path("morelike", appauthor=False) / "morelike.toml", Path("morelike.toml")]


class Settings(BaseSettings):
    """What can be set. A field ``x`` is the variable ``MORELIKE_X`` and the line ``x = …`` in ``morelike.toml``."""

    model_config = SettingsConfigDict(env_prefix="MORELIKE_", extra="forbid", frozen=True)

    library: Folder = Field(default_factory=_data_folder, description="The library's folder.")
    server: str = Field(
        "",
        repr=False,
        description="The address of a `morelike serve` whose library is used instead of a folder's: "
        "`https://HOST:PORT`; `--server` on the command line.",
    )
    api_key: str = Field(
        "", repr=False, description="The key that `server` asks for. Better a variable than a file others can read."
    )
    vectors: str = Field(
        "faiss",
        repr=False,  # an address may hold a password
        description="The vector store: `faiss` or `memory`; or Milvus: `http://HOST:19530`, `https://…` for TLS and "
        "Zilliz Cloud, or a path that ends in `.db` for Milvus Lite.",
    )
    vectors_token: str = Field("", repr=False, description="Sent to Milvus: `user:password`, or an API key.")
    vectors_database: str = Field("", description="The database within Milvus; empty: its default one.")
    vectors_ca: Path | None = Field(None, description="A file of certificates (PEM) that Milvus' own is checked with.")
    vectors_memory_bytes: int = Field(
        8 * 1024**3,
        ge=0,
        description="How much memory a Milvus server may take for one space: above it, 8-bit codes; above that, its "
        "disk, where it can.",
    )
    catalog: str = Field(
        "sqlite",
        repr=False,
        description="The catalog: `sqlite` (a file in the library's folder), `mysql://USER:PASSWORD@HOST:3306/NAME` "
        "(MySQL, MariaDB) or `postgresql://USER:PASSWORD@HOST:5432/NAME`.",
    )
    blobs: str = Field(
        "folder",
        repr=False,
        description="The blob store: `folder` (in the library's folder), the path of another folder, or "
        "`s3://BUCKET/PREFIX`.",
    )
    s3_endpoint: str = Field("", description="The address of an S3 server that is not AWS: `https://HOST:PORT`.")
    s3_region: str = Field("", description="The bucket's region; empty: as the environment says, else `us-east-1`.")
    s3_access_key: str = Field("", description="Empty: the usual chain (AWS_* variables, profile, instance role).")
    s3_secret_key: str = Field("", repr=False, description="Goes with `s3_access_key`.")
    s3_session_token: str = Field("", repr=False, description="Goes with temporary keys.")
    s3_anonymous: bool = Field(default=False, description="Do not sign requests: public buckets.")
    s3_host_style: bool = Field(
        default=False, description="`BUCKET.HOST` instead of `HOST/BUCKET` with `s3_endpoint`; AWS always has it."
    )
    s3_ca: Path | None = Field(None, description="A file of certificates (PEM) that the S3 server's is checked with.")
    s3_insecure: bool = Field(
        default=False, description="Take any certificate of the S3 server, self-signed too. For trials only."
    )
    s3_links: bool = Field(
        default=False, description="Let `serve` answer with presigned links of S3 instead of the bytes themselves."
    )
    cache: str = Field(
        "memory",
        repr=False,
        description="The cache: `memory`, or the address of a Redis server: `redis://`, `rediss://`, `unix://`.",
    )
    cache_bytes: int = Field(64 * 1024**2, ge=0, description="How much the cache in memory may hold.")
    cache_seconds: int = Field(7 * 86400, ge=1, le=10 * 366 * 86400, description="How long Redis keeps an entry.")
    models: Annotated[tuple[Folder, ...], NoDecode, BeforeValidator(_folders)] = Field(
        (), description="Further folders with weights and cards, searched first; several are written as in PATH."
    )
    models_cache: Folder = Field(
        default_factory=_models_folder, description="Where pulled and imported weights are kept."
    )
    offline: bool = Field(default=False, description="Never touch the network.")
    hub: str = Field("https://huggingface.co", description="The model hub's address, or a mirror's.")
    hub_token: str = Field("", repr=False, description="Sent to the hub, and only to it, for gated weights.")
    hub_timeout: float = Field(10.0, gt=0, description="Seconds to wait for the hub's answer.")
    workers: int = Field(0, ge=0, description="Decode threads; 0 means one a core.")
    encoder_threads: int = Field(0, ge=0, description="Threads inside an encoder's own runtime; 0 means one a core.")
    query_batch: int = Field(16, ge=1, description="The most payloads of concurrent queries that are encoded together.")
    query_queue: int = Field(256, ge=1, description="Queries that may wait for an encoder; further ones are refused.")
    rescored: int = Field(
        100,
        ge=1,
        le=10_000,
        description="How many of the best candidates are scored again exactly, where the encoder's card says how: "
        "sequences by alignment.",
    )
    ray_address: str = Field(
        "",
        description="The Ray cluster of `add --engine ray`: `HOST:PORT` of its head, or `auto` on one of its machines; "
        "empty: Ray is started on this machine for as long as the run lasts.",
    )
    ray_actors: int = Field(0, ge=0, description="Actors that `add --engine ray` works with; 0: as many as have room.")
    ray_cpus: int = Field(1, ge=1, description="CPUs of one such actor; its threads, where no setting says otherwise.")
    ray_gpus: float = Field(
        0.0, ge=0, description="GPUs of one such actor: a part of one, as 0.25, or a whole number of them."
    )
    ray_list: int = Field(64, ge=64, le=4096, description="Keys that such an actor gets at a time.")
    look_ahead: int = Field(64, ge=8, description="How many items each stage of `add` works ahead; memory follows it.")
    commit_items: int = Field(128, ge=1, description="Items made durable together by `add`.")
    commit_seconds: float = Field(2.0, gt=0, description="The longest that a finished item waits for its group.")
    lock_timeout: float = Field(600.0, ge=0, description="Seconds to wait for another writer of the same library.")
    max_pixels: int = Field(120_000_000, gt=0, description="Pictures with more pixels than this are rejected.")
    max_file_size: int = Field(2 * 1024**3, gt=0, description="Files larger than this many bytes are rejected.")
    max_archive_members: int = Field(1_000_000, gt=0, description="An archive with more members is refused.")
    max_archive_ratio: float = Field(
        200.0, gt=1, description="A member that unpacks to more than this many times its packed size is rejected."
    )
    max_archive_depth: int = Field(2, ge=0, description="How deep archives inside archives are opened.")
    url_timeout: float = Field(30.0, gt=0, description="Seconds to wait for a URL source.")
    max_url_size: int = Field(256 * 1024**2, gt=0, description="Downloads from URL sources stop at this many bytes.")
    allow_private_urls: bool = Field(default=False, description="Let URL sources reach private and loopback addresses.")
    allow_roots: Annotated[tuple[Folder, ...] | None, NoDecode, BeforeValidator(_folders)] = Field(
        None,
        description="Where set, sources may name local files below these folders only, links followed; `serve` always "
        "sets it (`--allow-root`). Several are written as in PATH.",
    )
    s3_roots: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)] = Field(
        (),
        description="Where `allow_roots` is set, sources may name objects below these addresses only: `s3://BUCKET` or "
        "`s3://BUCKET/PREFIX`, several separated by spaces; `serve --allow-root` takes them too.",
    )
    max_upload_bytes: int = Field(
        1024**3, gt=0, description="The server refuses requests with more bytes than this (413)."
    )
    max_concurrent_searches: int = Field(16, ge=1, description="Searches that the server works on at a time.")
    max_waiting_searches: int = Field(
        64, ge=0, description="Searches that may wait for their turn; the server answers 503 to further ones."
    )
    preview_cache_bytes: int = Field(
        256 * 1024**2, ge=0, description="How much disk the server's small pictures may take, in the library's folder."
    )
    storage_warn_bytes: int = Field(
        0, ge=0, description="`storage` warns when the library takes this many bytes in all; 0: never."
    )
    storage_warn_share: float = Field(
        0.9, gt=0, le=1, description="It warns also when a disk that holds a part of it is fuller than this; 1: never."
    )
    log_level: str = Field("warning", description="The level of the `morelike` loggers.")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        files = reversed(config_files())
        return (
            init_settings,
            env_settings,
            *(TomlConfigSettingsSource(settings_cls, toml_file=file) for file in files),
        )


def load_settings(**overrides: Any) -> Settings:
    """Arguments beat variables, which beat ``morelike.toml``. Raises SettingsError naming the bad setting."""
    unknown = {name for name in os.environ if name.startswith("MORELIKE_")} - _variables()
    if unknown:
        raise SettingsError(
            f"unknown setting {', '.join(sorted(unknown))}", hint="docs/configuration.md lists every setting"
        )
    try:
        return Settings(**overrides)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        what = f"cannot be {first.get('input')!r}" if _may_be_shown(name) else "cannot be what it is"
        raise SettingsError(
            f"the setting {name!r} {what}: {first['msg'].lower()}",
            hint=f"mend MORELIKE_{name.upper()}, the option, or the line in morelike.toml",
        ) from None


def _may_be_shown(name: str) -> bool:
    """Keys, tokens and addresses are texts; a name that is not known may be a mistyped one of them."""
    known = Settings.model_fields.get(name.partition(".")[0])
    return known is not None and known.annotation is not str


def _variables() -> set[str]:
    return {f"MORELIKE_{name.upper()}" for name in Settings.model_fields} | {
        "MORELIKE_CONFIG",
        "MORELIKE_TEST_DATA",
        "MORELIKE_TEST_MYSQL",
        "MORELIKE_TEST_POSTGRESQL",
    }
