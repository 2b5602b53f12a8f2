"""``serve --compat molecule``: what the older molecule server's client sends, and what it gets."""

from __future__ import annotations

import gzip
import io
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from compat_held import DEADLINE, Held
from compat_http import Client, get, refused
from compat_pictures import asked
from compat_servers import CompatServers, compat_server
from PIL import Image

from morelike.errors import MissingExtra, UsageError
from morelike.library import Library
from morelike.older_settings import OlderSettings

pytest.importorskip("rdkit", reason="molecules need the extra `molecules`")
pytestmark = pytest.mark.xdist_group("port 5000")

LOADED = {"status": True, "msg": "Successfully loaded data!"}
ORIGIN = {"Origin": "http://localhost:801"}
TWELVE = (
    "Cc1ccc(cc1)S(=O)(=O)N",
    "OCC",
    "CC(=O)Oc1ccccc1C(=O)O",
    "[Na+].CC(=O)[O-]",
    "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "c1ccccc1",
    "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
    "CCN(CC)CC",
    "OC(=O)CCl",
    "C1CCCCC1",
    "O=C(N)c1ccccc1",
    "CS(=O)(=O)c1ccccc1",
)
"""None as RDKit would write it, but for a few; one is a salt."""


@dataclass(frozen=True)
class Molecules:
    """A running server, a client of it, and the folder that requests may name."""

    client: Client
    library: Library
    root: Path
    base: str

    def write(self, name: str, lines: tuple[str, ...] | list[str]) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
        return path

    def load(self, place: Path, table: str) -> None:
        answer = self.client.post("/data/load", json={"Table": table, "File": str(place)})
        assert (answer.status_code, answer.json()) == (200, LOADED)

    def search(self, table: str, smiles: str, number: int = 100) -> list[tuple[str, str, float]]:
        """(SMILES, address, distance)"""
        answer = self.client.post("/data/search", json={"Table": table, "Mol": smiles, "Num": number})
        assert answer.status_code == 200, answer.text
        return [(found, address, distance) for found, (address, distance) in answer.json()]

    def count(self, table: str) -> Any:
        answer = self.client.post("/data/count", params={"table_name": table})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def progress(self) -> tuple[int, int]:
        """As the web client reads it."""
        current, total = (int(part.split(":")[1]) for part in self.client.get("/progress").json().split(","))
        return current, total


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    folder = tmp_path_factory.mktemp("molecule")
    (folder / "root").mkdir()
    with compat_server(folder / "library", "molecule", allow_roots=(folder / "root",), real="molecule") as running:
        yield running


@pytest.fixture(scope="module")
def molecules(servers: CompatServers) -> Molecules:
    root = servers.library.folder.parent / "root"
    return Molecules(servers.client("molecule"), servers.library, root, servers["molecule"])


@pytest.fixture(scope="module")
def twelve(molecules: Molecules) -> Path:
    """The twelve in the table ``twelve``, which no test changes."""
    path = molecules.write("twelve.smi", [f"{smiles} mol{at}" for at, smiles in enumerate(TWELVE)])
    molecules.load(path, "twelve")
    return path


def bits_of(smiles: str) -> set[int]:
    """The older server's fingerprint."""
    from rdkit import Chem
    from rdkit.Chem import rdFingerprintGenerator

    made = rdFingerprintGenerator.GetMorganGenerator(radius=2, fpSize=512)
    return set(made.GetFingerprint(Chem.MolFromSmiles(smiles)).GetOnBits())


def jaccard(one: str, other: str) -> float:
    mine, its = bits_of(one), bits_of(other)
    return 1 - len(mine & its) / len(mine | its)


def test_the_web_client_goes_through_its_day(molecules: Molecules) -> None:
    """Opened on nothing, it loads a file, asks how far that is, counts, searches, shows pictures and drops: in the
    default table, with the default ten rows, and with the header that lets a page read each answer.
    """
    client, path = molecules.client, molecules.write("day.smi", TWELVE)
    assert client.post("/data/count", headers=ORIGIN).json() is None
    loaded = client.post("/data/load", json={"File": str(path)}, headers=ORIGIN)
    progress = client.get("/progress").json()
    count = client.post("/data/count").json()
    found = client.post("/data/search", json={"Mol": TWELVE[0], "Num": None}, headers=ORIGIN)
    picture = get(found.json()[0][1][0])
    dropped = client.post("/data/drop")

    assert (loaded.json(), progress, count) == (LOADED, "current: 12, total: 12", 12)
    assert [answer.headers["access-control-allow-origin"] for answer in (loaded, found)] == ["*", "*"]
    assert len(found.json()) == 10
    smiles, (address, distance) = found.json()[0]
    assert (smiles, distance) == (TWELVE[0], 0)
    assert address.startswith(f"{molecules.base}/data?mols_path=")
    assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
    assert (dropped.status_code, dropped.json()) == (200, "ok")
    assert client.post("/data/count").json() is None


def test_distances_and_order_are_the_older_servers(molecules: Molecules, twelve: Path) -> None:
    """1 - Tanimoto of Morgan fingerprints of radius 2 in 512 bits, of the molecule as it was written: salts stay."""
    for query in (TWELVE[2], "Nc1ccccc1", "[Na+].[Cl-]", "CC(=O)[O-]"):
        rows = molecules.search("twelve", query)

        assert {smiles: pytest.approx(jaccard(query, smiles), abs=1e-6) for smiles in TWELVE} == {
            smiles: distance for smiles, _, distance in rows
        }
        assert [distance for *_, distance in rows] == sorted(distance for *_, distance in rows)
    assert len(molecules.search("twelve", "CCO", 3)) == 3


@pytest.mark.parametrize("typed", ["", " ", "c1ccc", "C(", "CC(C)(C)(C)C", "ethanol", "[Xx]", "C" * 20_000, "c1cccc1"])
def test_what_is_no_molecule_yet_is_a_note(molecules: Molecules, twelve: Path, typed: str) -> None:
    """200 and a sentence as a JSON string: the client searches at each letter, and shows just that."""
    answer = molecules.client.post("/data/search", json={"Table": "twelve", "Mol": typed, "Num": 5})

    assert answer.status_code == 200
    assert isinstance(answer.json(), str)
    assert len(answer.json().split()) > 2
    assert len(answer.json()) < 300


def test_what_is_wrong_is_said_with_a_status_that_says_so_too(molecules: Molecules, twelve: Path) -> None:
    """4xx and a sentence, where the older server answered 200 with the failure inside, or ended."""
    post, molecule = molecules.client.post, {"Mol": "CCO"}

    assert "load a folder into it first" in refused(post("/data/search", json={"Table": "none", **molecule}), 404)
    refused(post("/data/search", json={"Table": "twelve", **molecule, "Num": 0}), 400)
    refused(post("/data/search", json={"Table": "twelve", **molecule, "Num": "many"}), 422)
    refused(post("/data/search", json={"Table": "twelve"}), 422)
    refused(post("/data/search", data=b"{"), 422)
    refused(post("/data/load", json={"Table": "never"}), 400)
    for place in ("/", "/etc/passwd", molecules.root / ".." / "library", molecules.root / "no-such.smi"):
        refused(post("/data/load", json={"Table": "never", "File": str(place)}), 403, 422)
    dropped = refused(post("/data/drop", params={"table_name": "never"}), 404)
    assert dropped == "When drop table, there has no table named never"
    assert "never" not in molecules.library.names()


@pytest.mark.parametrize("name", ["a;drop table", "a b", "1st", "x" * 65, "../a"])
def test_names_of_tables_are_names(molecules: Molecules, twelve: Path, name: str) -> None:
    """Each route refuses any other in a sentence, and nothing comes of it."""
    before, post, named = molecules.library.names(), molecules.client.post, {"params": {"table_name": name}}

    for answer in (
        post("/data/load", json={"Table": name, "File": str(twelve)}),
        post("/data/search", json={"Table": name, "Mol": "CCO"}),
        post("/data/count", **named),
        post("/data/drop", **named),
    ):
        assert "cannot be a table's name" in refused(answer, 400)
    assert molecules.library.names() == before


def test_only_molecules_of_tables_are_drawn(molecules: Molecules, twelve: Path) -> None:
    """No number that none has, no file, no path around; nor one of a table that was dropped."""
    for number in ("1", "0", "-1", "9" * 19, "9" * 400, "٣", str(twelve), "../../../etc/passwd", "twelve-1"):
        refused(molecules.client.get("/data", params={"mols_path": number}), 404)
    refused(molecules.client.get("/data"), 400)
    assert asked(molecules.base, "/data/../../../etc/passwd")[0] == 404

    molecules.load(molecules.write("gone.smi", ["CCCCBr"]), "gone")
    address = molecules.search("gone", "CCCCBr")[0][1]
    assert get(address).status_code == 200
    assert molecules.client.post("/data/drop", params={"table_name": "gone"}).json() == "ok"
    refused(get(address), 404)


def test_each_address_is_a_picture_as_it_stands(molecules: Molecules, twelve: Path) -> None:
    """500 by 500 pixels, white around, a different one for each molecule, and the same one each time."""
    rows = molecules.search("twelve", "CCO")
    pictures = [get(address).content for _, address, _ in rows]

    for data in pictures:
        with Image.open(io.BytesIO(data)) as picture:
            assert (picture.format, picture.size, picture.getpixel((0, 0))) == ("PNG", (500, 500), (255, 255, 255))
            assert picture.convert("L").histogram()[:200] != [0] * 200
    assert len(set(pictures)) == len(TWELVE)
    assert get(rows[0][1]).content == pictures[0]


def test_a_title_names_nothing_here(molecules: Molecules) -> None:
    """What stands behind a SMILES is a name that somebody else chose: no file of that name comes to be."""
    path = molecules.write("titles.smi", ["CCCl ../../../escaped", "CCBr /escaped", "CCI ..\\escaped"])
    molecules.load(path, "titles")

    assert [smiles for smiles, *_ in molecules.search("titles", "CCCl", 1)] == ["CCCl"]
    assert [found for found in molecules.root.parent.rglob("*escaped*") if found.is_file()] == []


def test_bad_lines_keep_nobody_from_loading(molecules: Molecules) -> None:
    """The good ones are there, ``current`` reaches ``total``, and the bad ones stand in the ledger with reasons."""
    molecules.load(molecules.write("mixed.smi", ["CCO", "c1ccc", "", "CC(C)(C)(C)C", "CCN", "x" * 100_000]), "mixed")

    assert molecules.progress() == (5, 5)
    assert molecules.count("mixed") == 2
    ledger = molecules.library.collection("mixed").rejected()
    assert len(ledger) == 3
    assert all(row.reason for row in ledger)
    nothing = molecules.write("nothing.smi", ["c1ccc", "C("])
    said = refused(molecules.client.post("/data/load", json={"Table": "bad", "File": str(nothing)}), 422)
    assert "none of the 2 molecules" in said


def test_endings_count_in_either_case(molecules: Molecules) -> None:
    """Lists, tables and SD files of a folder, packed ones too; what ends otherwise is passed over."""
    from rdkit import Chem

    folder = molecules.root / "kinds"
    molecules.write("kinds/a.SMI", ["CCO"])
    molecules.write("kinds/b.csv", ["name,smiles", "amine,NCC"])
    (folder / "c.smi.GZ").write_bytes(gzip.compress(b"CCBr\n"))
    (folder / "d.Sdf").write_text(Chem.MolToMolBlock(Chem.MolFromSmiles("ClCC")) + "$$$$\n")
    (folder / "notes.bin").write_text("CCCCC\n")

    molecules.load(folder, "kinds")
    molecules.load(folder / "b.csv", "one")

    assert molecules.count("kinds") == 4
    found = {smiles for smiles, *_ in molecules.search("kinds", "CCO")}
    assert found == {"CCO", "NCC", "CCBr", "CCCl"}  # as written, but for the drawn one
    assert molecules.count("one") == 1


def test_a_copy_has_its_own_row(molecules: Molecules) -> None:
    """A molecule that stands in three places, in two spellings, counts three times, at one distance."""
    path = molecules.write("copies/a.smi", ["OCC first", "CCO second", "CCN other"])
    shutil.copy(path, path.with_name("b.smi"))
    molecules.load(path.parent, "copies")

    assert molecules.count("copies") == 6
    rows = molecules.search("copies", "CCO")
    assert [distance for *_, distance in rows[:4]] == [0, 0, 0, 0]
    assert len(rows) == 6
    assert len(molecules.search("copies", "CCO", 3)) == 3


def test_two_loads_of_one_file_at_once_double_nothing(molecules: Molecules, twelve: Path) -> None:
    """Not a row, not a count, not a line of the ledger; both succeed, and so does a third."""
    path = molecules.write("twice.smi", [*TWELVE, "c1ccc"])
    with ThreadPoolExecutor(2) as pool:
        for load in [pool.submit(molecules.load, path, "twice") for _ in range(2)]:
            load.result(DEADLINE)
    molecules.load(path, "twice")

    assert molecules.progress() == (13, 13)
    assert molecules.count("twice") == len(molecules.search("twice", "CCO")) == 12
    assert molecules.library.collection("twice").rejected_count() == 1


def test_eight_clients_at_once(molecules: Molecules, twelve: Path) -> None:
    """Each searches, is shown what it found, counts, and loads a table of its own: every answer is the right one."""

    def client(number: int) -> None:
        own = molecules.write(f"own{number}.smi", [f"{'C' * (number + 3)}Br", "CCO"])
        smiles, address, distance = molecules.search("twelve", TWELVE[number], 1)[0]
        assert (smiles, distance) == (TWELVE[number], 0)
        assert get(address).status_code == 200
        molecules.load(own, f"own{number}")
        assert molecules.count(f"own{number}") == 2
        assert molecules.search(f"own{number}", f"{'C' * (number + 3)}Br", 1)[0][2] == 0
        assert molecules.count("twelve") == 12

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))


def test_a_load_keeps_nobody_waiting(molecules: Molecules) -> None:
    """In the middle of it progress is told, not at its end, rows are counted, and searches find what was there."""
    held = Held("morgan-512", "CCCCCCCCI", molecules.library.settings)
    molecules.library.collection("busy", modality="molecule", encoder=held)
    molecules.load(molecules.write("before.smi", ["CCO", "CCN"]), "busy")
    coming = molecules.write("coming.smi", ["CCCl", "CCCCCCCCI", "CCBr"])
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(molecules.load, coming, "busy")
        try:
            assert held.reached.wait(DEADLINE)
            current, total = molecules.progress()
            assert 0 <= current < total <= 3
            assert 2 <= molecules.count("busy") < 5
            assert molecules.search("busy", "CCN", 1)[0][0] == "CCN"
            assert not load.done()
        finally:
            held.go.set()
        load.result(DEADLINE)

    assert molecules.progress() == (3, 3)
    assert molecules.count("busy") == 5


def test_what_cannot_be_is_said_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without RDKit with what to install; JACCARD where nothing has fingerprints. Another metric, or dimension, is not
    used, and that is said.
    """
    with compat_server(tmp_path / "told", "molecule", older=OlderSettings(metric="L2", dimension=2048)) as servers:
        said = "\n".join(servers.said)
        assert servers.served["molecule"].metric == "JACCARD"
    assert "molecule: METRIC_TYPE is not used" in said
    assert "VECTOR_DIMENSION is 2048, and morgan-512 gives 512" in said
    with (
        pytest.raises(UsageError, match="METRIC_TYPE is JACCARD"),
        compat_server(tmp_path / "image", "image", older=OlderSettings(metric="JACCARD")),
    ):
        pytest.fail("it began")
    monkeypatch.setattr("morelike.modalities.molecule.find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match="rdkit"), compat_server(tmp_path / "without", "molecule"):
        pytest.fail("it began")
