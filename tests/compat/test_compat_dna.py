"""``serve --compat dna``: what scripts sent to the older server of DNA sequences, and what they get."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from compat_held import DEADLINE, Held
from compat_http import Answer, Client, refused
from compat_pictures import asked
from compat_servers import CompatServers, compat_server

from morelike.errors import SettingsError, UsageError
from morelike.library import Library
from morelike.older_settings import OlderSettings, older_settings

pytestmark = pytest.mark.xdist_group("port 5001")

LOADED = "Successfully loaded data!"
ORIGIN = {"Origin": "http://localhost:8001"}
FAMILIES = "class\tgene_family\n0\tG protein coupled receptors\n3\tSynthetase\n"


def sequence(seed: int, length: int = 300) -> str:
    return "".join(random.Random(seed).choices("ACGT", k=length))


def mutated(letters: str, seed: int, share: float = 0.05) -> str:
    chance = random.Random(seed)
    return "".join(chance.choice("ACGT") if chance.random() < share else letter for letter in letters)


def table_of(*rows: tuple[str, Any], header: str = "sequence\tclass\n") -> bytes:
    return (header + "".join(f"{letters}\t{told}\n" for letters, told in rows)).encode()


@dataclass(frozen=True)
class Dna:
    """A running server and a client of it."""

    client: Client
    library: Library
    base: str

    def send(self, table: str | None, data: bytes, name: str = "human.txt") -> Answer:
        named = {"table_name": table} if table else {}
        return self.client.post("/text/load", params=named, files={"file": (name, data)}, headers=ORIGIN)

    def load(self, table: str | None, data: bytes, name: str = "human.txt") -> None:
        answer = self.send(table, data, name)
        assert (answer.status_code, answer.json()) == (200, LOADED)

    def ask(self, table: str | None, letters: str) -> Answer:
        named = {"table_name": table} if table else {}
        return self.client.get("/text/search", params={**named, "query_sentence": letters}, headers=ORIGIN)

    def search(self, table: str, letters: str) -> list[dict[str, Any]]:
        answer = self.ask(table, letters)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, Any]] = answer.json()
        return rows

    def count(self, table: str | None = None) -> Any:
        answer = self.client.post("/text/count", params={"table_name": table} if table else {})
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    folder = tmp_path_factory.mktemp("dna")
    (folder / "gene_class.txt").write_text(FAMILIES)
    older = older_settings({"SEQ_CLASS_PATH": str(folder / "gene_class.txt"), "KMER_K": "4", "METRIC_TYPE": "IP"})
    with compat_server(folder / "library", "dna", older=older, real="dna") as running:
        yield running


@pytest.fixture(scope="module")
def dna(servers: CompatServers) -> Dna:
    return Dna(servers.client("dna"), servers.library, servers["dna"])


@pytest.fixture(scope="module")
def twelve(dna: Dna) -> list[str]:
    """Twelve sequences of the classes 0 to 3 in the table ``twelve``, which no test changes."""
    letters = [sequence(seed) for seed in range(12)]
    dna.load("twelve", table_of(*((one, at % 4) for at, one in enumerate(letters))))
    return letters


def test_a_script_goes_through_its_day(dna: Dna, twelve: list[str]) -> None:
    """It loads, counts, searches and drops the default table: bodies to the letter, ten rows, the greatest first."""
    assert dna.count() is None
    dna.load(None, table_of(*((letters, at % 4) for at, letters in enumerate(twelve))))
    found = dna.ask(None, mutated(twelve[3], 1))
    rows = found.json()

    assert dna.count() == 12
    assert found.headers["access-control-allow-origin"] == "*"
    assert len(rows) == 10
    assert [list(row) for row in rows] == [["milvus_id", "seq_class", "seq_gene", "IP distance"]] * 10
    assert (rows[0]["seq_class"], rows[0]["seq_gene"]) == ("3", "Synthetase")
    assert rows[0]["milvus_id"].isdigit()
    assert [row["IP distance"] for row in rows] == sorted((row["IP distance"] for row in rows), reverse=True)
    assert 0.2 < rows[0]["IP distance"] < 1
    assert dna.client.post("/text/drop").json() == "ok"
    dropped = dna.client.post("/text/drop")
    assert (dropped.status_code, dropped.json()) == (200, "collection is not exist")
    assert dna.count() is None


def test_distances_are_inner_products_of_counted_words(dna: Dna, twelve: list[str]) -> None:
    """1 for the sequence itself; for others near what words of seven bases give without hashing, on either strand."""

    def words(letters: str) -> Counter[str]:
        back = letters.translate(str.maketrans("ACGT", "TGCA"))[::-1]
        places = range(len(letters) - 6)
        return Counter(min(letters[at : at + 7], back[len(letters) - 7 - at :][:7]) for at in places)

    def inner(one: str, other: str) -> float:
        mine, its = words(one), words(other)
        lengths = np.sqrt(sum(n * n for n in mine.values()) * sum(n * n for n in its.values()))
        return float(sum(mine[word] * its[word] for word in mine) / lengths)

    relatives = [mutated(twelve[0], at, share) for at, share in enumerate((0.01, 0.1, 0.3))]
    dna.load("near", table_of(*((letters, at) for at, letters in enumerate([twelve[0], *relatives]))))
    rows = dna.search("near", twelve[0])

    assert [row["seq_class"] for row in rows] == ["0", "1", "2", "3"]
    assert rows[0]["IP distance"] == pytest.approx(1, abs=1e-6)
    for row, relative in zip(rows[1:], relatives, strict=True):
        assert row["IP distance"] == pytest.approx(inner(twelve[0], relative), abs=0.15)


def test_a_class_without_a_name_has_none(dna: Dna, twelve: list[str]) -> None:
    """A class that the file does not know is told without a gene; a row without a class with neither. A table may leave
    the header out.
    """
    data = table_of((sequence(50), 7), (sequence(51), "kinase"), (sequence(52), ""), header="")
    dna.load("unnamed", data, "a.txt")
    first = [dna.search("unnamed", sequence(seed))[0] for seed in (50, 51, 52)]

    assert [(row["seq_class"], row["seq_gene"]) for row in first] == [("7", None), ("kinase", None), (None, None)]


def test_a_long_sequence_is_one_row(dna: Dna) -> None:
    """It is compared as a whole, however long it is, and not by its windows."""
    dna.load("long", table_of((sequence(60, 30_000), 0), (sequence(61, 200), 3)))

    rows = dna.search("long", sequence(60, 3000))
    assert [row["seq_class"] for row in rows] == ["0", "3"]
    assert rows[0]["IP distance"] < 0.9


def test_what_is_wrong_is_said_with_a_status_that_says_so_too(dna: Dna, twelve: list[str]) -> None:
    """4xx and a sentence, where the older server answered 200 with the failure inside, or ended; no table is made."""
    assert "send one to /text/load first" in refused(dna.ask("none", twelve[0]), 404)
    for letters in ("", " ", "ACGT5", "MKVLA QWERTY", "ACGTA"):
        refused(dna.ask("twelve", letters), 400, 422)
    refused(dna.client.get("/text/search", params={"table_name": "twelve"}), 400)
    refused(dna.client.post("/text/load", params={"table_name": "never"}), 400)
    for data in (b"", b"these are words\n", b"\x00\x01" * 100, b"name\tclass\na\t1\n"):
        refused(dna.send("never", data), 422)
    assert "never" not in dna.library.names()


def test_bad_rows_keep_nobody_from_loading(dna: Dna, twelve: list[str]) -> None:
    """The good ones are there, the bad ones stand in the ledger with reasons; where all are bad that is an error."""
    dna.load("mixed", table_of((twelve[0], 0), ("ACGT5ACGT", 1), ("", 2), ("ACG", 2), (twelve[1], 3)))

    assert dna.count("mixed") == 2
    ledger = dna.library.collection("mixed").rejected()
    assert len(ledger) == 3
    assert all(row.reason for row in ledger)
    assert "could be taken in" in refused(dna.send("bad", table_of(("ACGT5ACGT", 1))), 422)


def test_a_copy_has_its_own_row(dna: Dna, twelve: list[str]) -> None:
    """A sequence in three rows of two classes counts three times, and each row tells its own class."""
    dna.load("copies", table_of((twelve[0], 0), (twelve[0], 3), (twelve[1], 1)))
    dna.load("copies", table_of((twelve[0], 0)), "other.txt")

    assert dna.count("copies") == 4
    rows = dna.search("copies", twelve[0])
    assert sorted(row["seq_class"] for row in rows[:3]) == ["0", "0", "3"]
    assert len({row["IP distance"] for row in rows[:3]}) == 1
    assert len(rows) == 4


def test_two_loads_of_one_table_at_once_double_nothing(dna: Dna, twelve: list[str]) -> None:
    """Not a row, not a count, not a line of the ledger; both succeed, and so does a third."""
    data = table_of(*((letters, at) for at, letters in enumerate(twelve)), ("ACGT5ACGT", 1))
    with ThreadPoolExecutor(2) as pool:
        for load in [pool.submit(dna.load, "twice", data) for _ in range(2)]:
            load.result(DEADLINE)
    dna.load("twice", data)

    assert dna.count("twice") == 12
    assert dna.library.collection("twice").rejected_count() == 1


def test_eight_clients_at_once(dna: Dna, twelve: list[str]) -> None:
    """Each searches, counts, and loads a table of its own: every answer is the right one."""

    def client(number: int) -> None:
        mine = sequence(100 + number)
        assert dna.search("twelve", twelve[number])[0]["seq_class"] == str(number % 4)
        dna.load(f"own{number}", table_of((mine, number), (twelve[0], 9)))
        assert dna.count(f"own{number}") == 2
        assert dna.search(f"own{number}", mine)[0]["seq_class"] == str(number)
        assert dna.count("twelve") == 12

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))


def test_a_load_keeps_nobody_waiting(dna: Dna, twelve: list[str]) -> None:
    """In the middle of it rows are counted, and searches find what was there."""
    held = Held("dna-kmers-768", sequence(70), dna.library.settings)
    dna.library.collection("busy", modality="sequence", encoder=held)
    dna.load("busy", table_of((twelve[0], 0), (twelve[1], 1)))
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(dna.load, "busy", table_of((sequence(71), 2), (sequence(70), 3), (sequence(72), 4)))
        try:
            assert held.reached.wait(DEADLINE)
            assert 2 <= dna.count("busy") < 5
            assert dna.search("busy", twelve[1])[0]["seq_class"] == "1"
            assert not load.done()
        finally:
            held.go.set()
        load.result(DEADLINE)

    assert dna.count("busy") == 5


def test_an_uploads_name_names_nothing_here(dna: Dna, twelve: list[str]) -> None:
    """No file of that name comes to be; whatever a table is called, it is read as one."""
    for number, name in enumerate(("../../../escaped.txt", "/escaped", "..\\escaped.pkl", "escaped.gene_class")):
        dna.load(f"named{number}", table_of((twelve[number], 0)), name)
        assert dna.count(f"named{number}") == 1

    assert [found for found in dna.library.folder.parent.rglob("*escaped*") if found.is_file()] == []


def test_no_file_is_given_away(dna: Dna, twelve: list[str]) -> None:
    """The server has no route for files, and an answer names no place: neither a path nor an address."""
    for path in ("/data", "/data?path=/etc/passwd", "/data/../../../etc/passwd", "/vectorizer.pkl"):
        assert asked(dna.base, path)[0] == 404
    assert "/" not in dna.ask("twelve", twelve[0]).text


@pytest.mark.parametrize("name", ["a;drop table", "a b", "1st", "x" * 65, "../a"])
def test_names_of_tables_are_names(dna: Dna, twelve: list[str], name: str) -> None:
    """Each route refuses any other in a sentence, and nothing comes of it."""
    before, named = dna.library.names(), {"params": {"table_name": name}}

    for answer in (
        dna.send(name, table_of((twelve[0], 0))),
        dna.ask(name, twelve[0]),
        dna.client.post("/text/count", **named),
        dna.client.post("/text/drop", **named),
    ):
        assert "cannot be a table's name" in refused(answer, 400)
    assert dna.library.names() == before


def test_its_own_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``KMER_K`` is a number; ``SEQ_CLASS_PATH`` a file, by default the one below the folder that serve is started in;
    each that changes nothing is said to.
    """
    monkeypatch.chdir(tmp_path)
    assert older_settings({"KMER_K": "5"}).kmer == 5
    with pytest.raises(SettingsError, match="KMER_K"):
        older_settings({"KMER_K": "four"})
    gone = older_settings({"SEQ_CLASS_PATH": "/no/such.txt", "MODEL_PATH": "./vectorizer.pkl"})
    assert gone.classes is None
    assert gone.notes[0].startswith("MODEL_PATH is not used")
    assert gone.notes[1] == "SEQ_CLASS_PATH is not used: there is no file of that name here"
    assert older_settings({}).classes is None
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "gene_class.txt").write_text(FAMILIES)
    assert older_settings({}).classes == Path("data/gene_class.txt")
    assert older_settings({}).metric == ""
    assert older_settings({"METRIC_TYPE": "jaccard"}).metric == "JACCARD"

    with compat_server(tmp_path / "library", "dna", older=OlderSettings(kmer=5, metric="L2")) as servers:
        assert servers.served["dna"].metric == "L2"
        assert any("KMER_K is 5, and dna-kmers-768 counts words as 4 made them" in said for said in servers.said)


@pytest.mark.parametrize("text", ["", "class\tname\n1\ta\n", "class,gene_family\n1,a\n", "x" * (1024**2 + 1)])
def test_a_file_that_names_no_classes_ends_the_start(tmp_path: Path, text: str) -> None:
    """With a sentence about the variable, before anything listens."""
    (tmp_path / "classes.txt").write_text(text)
    older = OlderSettings(classes=tmp_path / "classes.txt")

    with pytest.raises(UsageError, match="SEQ_CLASS_PATH"), compat_server(tmp_path / "library", "dna", older=older):
        pytest.fail("it began")
