"""``config.yaml`` of the older server ``image-engine``, read as this project's own settings."""

from __future__ import annotations

from pathlib import Path

import pytest

from morelike.errors import SettingsError
from morelike.older_config import LARGEST, OlderConfig, older_config
from morelike.settings import Settings

AS_IT_WAS = """\
docker:
  mysql:
    host: mysql8
    port: 3306
    username: root
    password: s3cret/word
    database_name: image_search_engine
  milvus:
    host: standalone
    port: 19530
    database: default
    collection:
      name: image_search_engine_2
      vector_dim: 64
      search:
        threshold: 0.6
  minio:
    access_key: key-of-minio
    secret_key: secret-of-minio
    end_point: public_minio:9000
    bucket: image-search-engine
  api:
    upload_minio: true
    workers_num: 1
    bind_port: 6300
    version: 2023.10.13.3
"""
SECRETS = ("s3cret", "secret-of-minio", "key-of-minio")


def read(folder: Path, text: str | bytes, **environ: str) -> OlderConfig:
    (folder / "config.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
    return older_config(folder, environ)


def test_the_section_of_the_run_mode_is_read(tmp_path: Path) -> None:
    """Whatever its case; each part becomes settings of ours, of which a library can be opened."""
    found = read(tmp_path, AS_IT_WAS, RUN_MODE="Docker")

    assert found.settings == {
        "catalog": "mysql://root:s3cret%2Fword@mysql8:3306/image_search_engine",
        "vectors": "http://standalone:19530",
        "blobs": "s3://image-search-engine/morelike",
        "s3_endpoint": "http://public_minio:9000",
        "s3_access_key": "key-of-minio",
        "s3_secret_key": "secret-of-minio",
    }
    assert (found.table, found.port, found.notes) == ("image_search_engine_2", 6300, ())
    assert Settings(**found.settings).s3_endpoint == "http://public_minio:9000"


def test_without_the_file_there_is_nothing(tmp_path: Path) -> None:
    """Nor where a folder has its name."""
    assert older_config(tmp_path, {}) == OlderConfig()
    (tmp_path / "config.yaml").mkdir()
    assert older_config(tmp_path, {}) == OlderConfig()


def test_the_run_mode_is_local_where_none_is_set(tmp_path: Path) -> None:
    """As the older server had it."""
    text = AS_IT_WAS.replace("docker:", "local:")

    assert read(tmp_path, text).port == 6300
    assert read(tmp_path, text, RUN_MODE=" ").port == 6300


def test_a_section_that_is_missing_is_said(tmp_path: Path) -> None:
    """With those there are; nothing of another section is taken."""
    found = read(tmp_path, AS_IT_WAS, RUN_MODE="t4")

    assert (found.settings, found.table, found.port) == ({}, "", None)
    assert "no section t4" in found.notes[0]
    assert "docker" in found.notes[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "just words",
        "- 1\n- 2\n",
        "docker: text\n",
        "docker:\n  image: nginx\n",
        "a: [unclosed",
        "a: !!python/object/apply:os.system ['true']",
        "when: 2023-99-99\n",
        "[" * 5000,
        b"\xff\xfe\x00",
        b"a: \x00",
        "a" * (LARGEST + 1),
    ],
    ids=range(12),
)
def test_a_file_that_is_no_such_configuration_is_left_alone(tmp_path: Path, text: str | bytes) -> None:
    """Other programs have a config.yaml too: a note says that it is not used, and nothing fails."""
    found = read(tmp_path, text, RUN_MODE="docker")

    assert (found.settings, found.table, found.port) == ({}, "", None)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("config.yaml is not used: ")


def test_our_own_variables_come_first(tmp_path: Path) -> None:
    """One that names a store turns off all that the file says of that store."""
    found = read(
        tmp_path, AS_IT_WAS, RUN_MODE="docker", MORELIKE_CATALOG="sqlite", MORELIKE_BLOBS="folder", MORELIKE_VECTORS="x"
    )

    assert found.settings == {}
    assert (found.table, found.port) == ("image_search_engine_2", 6300)
    part = read(tmp_path, AS_IT_WAS, RUN_MODE="docker", MORELIKE_S3_SECRET_KEY="other")
    assert "s3_secret_key" not in part.settings
    assert part.settings["s3_access_key"] == "key-of-minio"


def test_a_file_may_say_little(tmp_path: Path) -> None:
    """A part that is not there changes nothing; the others have the older server's defaults."""
    found = read(tmp_path, "local:\n  milvus:\n    host: ::1\n    database: shop\n")

    assert found.settings == {"vectors": "http://[::1]:19530", "vectors_database": "shop"}
    assert (found.table, found.port, found.notes) == ("", None, ())


def test_pictures_that_were_not_to_be_kept_in_minio_stay_out_of_it(tmp_path: Path) -> None:
    """``upload_minio: false``; and it is said where they go."""
    found = read(tmp_path, AS_IT_WAS.replace("upload_minio: true", "upload_minio: false"), RUN_MODE="docker")

    assert "blobs" not in found.settings
    assert "upload_minio is false" in found.notes[0]


def test_numbers_are_texts_where_texts_are_meant(tmp_path: Path) -> None:
    """A password of digits needs no quotes."""
    found = read(tmp_path, "local:\n  mysql:\n    host: db\n    password: 123456\n    username: 7\n")

    assert found.settings["catalog"] == "mysql://7:123456@db:3306/image_search_engine"


@pytest.mark.parametrize(
    ("line", "instead", "named"),
    [
        ("host: mysql8", "host: root:s3cret@mysql8", "mysql.host"),
        ("host: standalone", "host: ''", "milvus.host"),
        ("port: 3306", "port: s3cret", "mysql.port"),
        ("port: 19530", "port: 99999", "milvus.port"),
        ("bind_port: 6300", "bind_port: [1]", "api.bind_port"),
        ("password: s3cret/word", "password: [s3cret]", "mysql.password"),
        ("end_point: public_minio:9000", "end_point: key:s3cret@minio:9000", "minio.end_point"),
        ("end_point: public_minio:9000", "end_point: minio:port", "minio.end_point"),
        ("name: image_search_engine_2", "name: {a: b}", "milvus.collection.name"),
    ],
)
def test_a_wrong_value_is_named_and_not_repeated(tmp_path: Path, line: str, instead: str, named: str) -> None:
    """It may be a password in the wrong line."""
    with pytest.raises(SettingsError) as caught:
        read(tmp_path, AS_IT_WAS.replace(line, instead), RUN_MODE="docker")

    assert named in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_nothing_that_is_shown_has_a_secret(tmp_path: Path) -> None:
    """Neither the whole, printed, nor a note."""
    shown = repr(read(tmp_path, AS_IT_WAS.replace("upload_minio: true", "upload_minio: false"), RUN_MODE="docker"))

    assert not [secret for secret in SECRETS if secret in shown]


def test_only_its_own_server_takes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that was asked for stays; other older servers keep their tables, and without it nothing is read."""
    from morelike.cli.serve import _older

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RUN_MODE", "docker")
    (tmp_path / "config.yaml").write_text(AS_IT_WAS)

    asked, older = _older(["image-engine:7000", "audio"])

    assert [(one.older.name, one.port, one.older.table) for one in asked] == [
        ("image-engine", 7000, "image_search_engine_2"),
        ("audio", 8002, "audio_table"),
    ]
    assert older.settings["vectors"] == "http://standalone:19530"
    assert _older(["image-engine"])[0][0].port == 6300
    assert _older(["audio"])[1].settings == {}
    assert _older([])[0] == ()


def test_aliases_that_would_grow_without_bound_are_not_read(tmp_path: Path) -> None:
    """Each level is merged twice into the next one: sixty of them are more than any memory holds."""
    levels = "".join(f"a{at}: &a{at}\n  <<: [*a{at - 1}, *a{at - 1}]\n" for at in range(1, 60))
    (tmp_path / "config.yaml").write_text("a0: &a0 {mysql: {host: x}}\n" + levels)

    (note,) = older_config(tmp_path, {"RUN_MODE": "a59"}).notes

    assert "config.yaml is not used" in note


def test_a_part_may_be_written_once_for_two_modes(tmp_path: Path) -> None:
    """Aliases are read as YAML has them."""
    text = "local: &local\n  mysql: {host: one}\ndocker:\n  <<: *local\n  milvus: {host: two}\n"
    (tmp_path / "config.yaml").write_text(text)

    found = older_config(tmp_path, {"RUN_MODE": "docker"})

    assert found.settings == {
        "catalog": "mysql://root@one:3306/image_search_engine",
        "vectors": "http://two:19530",
    }
