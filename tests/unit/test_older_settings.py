"""The older servers' variables: what they mean here, what they may not say, and what is told about them."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from morelike.errors import SettingsError
from morelike.older_settings import OlderSettings, older_settings
from morelike.settings import Settings
from morelike.stores.catalog.engine.mysql_making import make_database

SECRET = "s3cr@t/#word"


def notes(**variables: str) -> str:
    return "\n".join(older_settings(variables).notes)


def test_nothing_given() -> None:
    """Without any of them everything is as the servers themselves have it, and there is nothing to say."""
    assert older_settings({}) == OlderSettings()


def test_blank_is_nothing() -> None:
    """``-e TOP_K=`` and blanks around a value are as good as not there."""
    blank = dict.fromkeys(("MILVUS_HOST", "MYSQL_HOST", "TOP_K", "METRIC_TYPE", "DEFAULT_TABLE", "DATAPATH1"), " ")

    assert older_settings(blank) == OlderSettings()
    assert older_settings({"TOP_K": " 5 "}).top_k == 5


@pytest.mark.parametrize(
    ("variables", "vectors"),
    [
        ({"MILVUS_HOST": "milvus"}, "http://milvus:19530"),
        ({"MILVUS_HOST": "10.0.0.7", "MILVUS_PORT": "19531"}, "http://10.0.0.7:19531"),
        ({"MILVUS_HOST": "::1", "MILVUS_PORT": "19531"}, "http://[::1]:19531"),
        ({"MILVUS_HOST": "[::1]:7"}, "http://[::1]:7"),
        ({"MILVUS_HOST": "milvus:19533"}, "http://milvus:19533"),
        ({"MILVUS_HOST": "milvus:19533", "MILVUS_PORT": "1"}, "http://milvus:1"),
        ({"MILVUS_HOST": "http://milvus:19534/"}, "http://milvus:19534"),
        ({"MILVUS_HOST": "https://cloud.example"}, "https://cloud.example:19530"),
        ({"MILVUS_HOST": "milvus", "MILVUS_PORT": "tcp://10.1.2.3:19540"}, "http://milvus:19540"),
    ],
)
def test_milvus(variables: dict[str, str], vectors: str) -> None:
    """Host and port become the address of the vector store, in whatever form they come, Kubernetes' own too."""
    assert older_settings(variables).settings == {"vectors": vectors}


def test_mysql() -> None:
    """All five become the catalog's address; a user and password of any characters arrive as they were."""
    found = older_settings(
        {
            "MYSQL_HOST": "db",
            "MYSQL_PORT": "3307",
            "MYSQL_USER": "a:b",
            "MYSQL_PWD": SECRET,
            "MYSQL_DB": "pictures",
        }
    )
    address = make_url(found.settings["catalog"])

    assert (address.drivername, address.host, address.port, address.database) == ("mysql", "db", 3307, "pictures")
    assert (address.username, address.password) == ("a:b", SECRET)


def test_mysql_as_the_older_servers_had_it() -> None:
    """With the host alone, the user and password are what those servers took; the database is one that can be used."""
    found = older_settings({"MYSQL_HOST": "db"})
    address = make_url(found.settings["catalog"])

    assert (address.username, address.password, address.database) == ("root", "123456", "morelike")
    assert "MYSQL_PWD is not set" in found.notes[1]
    assert "the database morelike" in found.notes[2]
    assert older_settings({"MYSQL_HOST": "db", "MYSQL_DB": "MySQL"}).settings == found.settings


def test_an_empty_password_is_one() -> None:
    """``-e MYSQL_PWD=`` says that there is none, which is another thing than not to say it; blanks belong to one."""
    without = older_settings({"MYSQL_HOST": "db", "MYSQL_PWD": "", "MYSQL_DB": "x"})
    blanks = older_settings({"MYSQL_HOST": "db", "MYSQL_PWD": " a ", "MYSQL_DB": "x"})

    assert without.settings["catalog"] == "mysql://root@db:3306/x"
    assert "MYSQL_PWD" not in "".join(without.notes)
    assert make_url(blanks.settings["catalog"]).password == " a "


def test_settings_take_them(tmp_path: Path) -> None:
    """What comes of them are settings by name, with values that these take."""
    found = older_settings({"MILVUS_HOST": "m", "MYSQL_HOST": "db"}).settings

    settings = Settings(library=tmp_path, **found)

    assert settings.vectors == found["vectors"]
    assert settings.catalog == found["catalog"]


@pytest.mark.parametrize(
    ("older", "ours", "setting"),
    [("MILVUS_HOST", "MORELIKE_VECTORS", "vectors"), ("MYSQL_HOST", "MORELIKE_CATALOG", "catalog")],
)
def test_the_projects_own_variable_wins(older: str, ours: str, setting: str) -> None:
    """Where both are set, ours counts, and the other is said to be without use."""
    found = older_settings({older: "somewhere", ours: "faiss"})

    assert setting not in found.settings
    assert found.notes == (f"{older} is not used: {ours} is set",)


@pytest.mark.parametrize(
    ("variables", "table"),
    [
        ({"DEFAULT_TABLE": "a"}, "a"),
        ({"MILVUS_TABLE": "b"}, "b"),
        ({"DEFAULT_TABLE": "a", "MILVUS_TABLE": "b"}, "a"),
    ],
)
def test_the_table(variables: dict[str, str], table: str) -> None:
    """Some servers called it so, others so; of two that differ the first is taken, and the other named."""
    found = older_settings(variables)

    assert found.table == table
    assert found.notes == (("MILVUS_TABLE is not used: DEFAULT_TABLE is set",) if len(variables) == 2 else ())


def test_numbers_and_the_metric() -> None:
    """They are numbers where they are numbers; COSINE is IP of unit vectors; the metric's case does not matter."""
    found = older_settings({"TOP_K": "7", "VECTOR_DIMENSION": "1000", "METRIC_TYPE": "ip"})

    assert (found.top_k, found.dimension, found.metric) == (7, 1000, "IP")
    assert older_settings({"METRIC_TYPE": "COSINE"}).metric == "IP"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("TOP_K", "many"),
        ("TOP_K", "0"),
        ("TOP_K", "-1"),
        ("TOP_K", "²"),
        ("TOP_K", "1" * 5000),
        ("VECTOR_DIMENSION", "2048.0"),
        ("METRIC_TYPE", "HAMMING"),
        ("MILVUS_PORT", "65536"),
        ("MYSQL_PORT", "x"),
        ("MILVUS_HOST", "user:word@milvus"),
        ("MYSQL_HOST", "a host"),
        ("MYSQL_HOST", "db/name"),
        ("MYSQL_HOST", "[::1"),
        ("MYSQL_HOST", "tcp://"),
    ],
)
def test_what_cannot_be(name: str, value: str) -> None:
    """It is refused in a sentence that names the variable, and that is not longer for a long value."""
    hosts = {"MILVUS_HOST": "milvus", "MYSQL_HOST": "db"}

    with pytest.raises(SettingsError) as refused:
        older_settings({**hosts, name: value})

    assert name in refused.value.message
    assert len(refused.value.message) < 120
    assert refused.value.hint


def test_folders(tmp_path: Path) -> None:
    """Mounted folders may be read from; one that is not there is named, and keeps nobody from starting."""
    (tmp_path / "images").mkdir()
    there, gone = str(tmp_path / "images"), str(tmp_path / "on the other machine")

    both = older_settings({"INTERNAL_DATAPATH": there, "DATAPATH1": gone})

    assert both.roots == (tmp_path / "images",)
    assert len(both.notes) == 1
    assert both.notes[0].startswith("DATAPATH1 is not used")
    assert older_settings({"INTERNAL_DATAPATH": there, "DATAPATH1": there}).roots == (tmp_path / "images",)


@pytest.mark.parametrize("name", ["UPLOAD_PATH", "DATA_PATH", "OUT_PATH", "MODEL_PATH"])
def test_those_without_use(name: str) -> None:
    """They are said to do nothing, and why."""
    assert notes(**{name: "tmp/x"}).startswith(f"{name} is not used: ")


@pytest.mark.parametrize("name", ["MILVUS_PORT", "MYSQL_PORT", "MYSQL_USER", "MYSQL_PWD", "MYSQL_DB"])
def test_those_without_their_host(name: str) -> None:
    """A port or a password alone names no server: nothing is done with it, and that is said."""
    found = older_settings({name: "1"})

    assert found.settings == {}
    assert found.notes == (f"{name} is not used: there is no {name.partition('_')[0]}_HOST",)


def test_no_password_is_ever_told() -> None:
    """Neither a note, nor a refusal, nor the object's own form holds it, whatever else is wrong."""
    given = {"MYSQL_HOST": "db", "MYSQL_PWD": SECRET, "MILVUS_HOST": "m"}
    found = older_settings(given)
    with pytest.raises(SettingsError) as refused:
        older_settings({**given, "MYSQL_PORT": "0"})

    assert found.notes
    for told in (*found.notes, repr(found), str(refused.value), notes(MYSQL_PWD=SECRET)):
        assert SECRET not in told
        assert "s3cr" not in told


def test_the_database_of_a_server_that_does_not_answer() -> None:
    """Making it says nothing of that, and raises nothing: whoever opens the catalog next says it."""
    make_database("mysql://root@127.0.0.1:1/morelike")

    with pytest.raises(SettingsError, match="names no database"):
        make_database("mysql://root@127.0.0.1:1/")
