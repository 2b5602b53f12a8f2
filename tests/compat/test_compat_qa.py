"""``serve --compat qa``: what the older question and answer server's web client and scripts send, and what they get."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from compat_held import DEADLINE, Held
from compat_http import refused
from compat_pictures import asked
from compat_servers import compat_server
from text_server import ORIGIN, Texts, in_csv, text_server

from morelike.errors import UsageError
from morelike.older_settings import OlderSettings
from morelike.server.compat.older import parse
from morelike.server.compat.opening import check_compat
from morelike.server.options import ServerOptions

pytest.importorskip("charset_normalizer", reason="texts need the extra `text`")
pytestmark = pytest.mark.xdist_group("port 8000")

MISSING = "Milvus doesn't have a collection named {}"
QUESTIONS = (
    "Is  Disability  Insurance  Required  By  Law?",
    "Can Creditors Take Life Insurance After Death?",
    "Does Travelers Insurance Have Renters Insurance?",
    "Can I Drive A New Car Home Without Insurance?",
    "Is The Cash Surrender Value Of Life Insurance Taxable?",
    "How Is A Home Appraised For Insurance?",
    "What Does Medicare Cover In A Nursing Home?",
    "When Did Car Insurance Start?",
    "Why Would I Want An Annuity?",
    "Who Sells Pet Insurance In Texas?",
    "Where Do I Find My Policy Number?",
    "Which Dentist Takes My Plan?",
)


def row(number: int) -> tuple[str, str]:
    return QUESTIONS[number], f'The answer of the number {number},\nwith "marks" and a second line.'


def table_of(*rows: tuple[str, str], header: tuple[str, str] = ("question", "answer")) -> bytes:
    return in_csv(*rows, header=header)


def loaded(rows: int) -> list[object]:
    return [{"status": True, "msg": f"Successfully loaded data: {rows}"}, 200]


def found_in(qa: Texts, table: str, words: str) -> list[str]:
    answer = qa.ask(table, words)
    assert answer.status_code == 200, answer.text
    told, status = answer.json()
    assert (told["status"], status) == (True, 200)
    questions: list[str] = told["msg"]
    return questions


@pytest.fixture(scope="module")
def qa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Texts]:
    with text_server(tmp_path_factory.mktemp("qa"), "qa") as running:
        yield running


@pytest.fixture(scope="module")
def twelve(qa: Texts) -> tuple[str, ...]:
    """Twelve questions with their answers in the table ``twelve``, which no test changes."""
    qa.load("twelve", table_of(*map(row, range(12))))
    return QUESTIONS


def test_the_web_client_goes_through_its_day(qa: Texts) -> None:
    """It loads, counts, finds ten questions, asks for the answer to the first, and drops; each body to the letter, in
    the default table, and a page may read it.
    """
    sent = qa.send(None, table_of(*map(row, range(12))))
    found = qa.ask(None, "is insurance for disability required by any law?")
    told, status = found.json()
    answer = qa.client.get("/qa/answer", params={"question": told["msg"][0]}, headers=ORIGIN)

    assert (sent.status_code, sent.json()) == (200, loaded(12))
    assert [each.headers["access-control-allow-origin"] for each in (sent, found, answer)] == ["*"] * 3
    assert qa.count() == 12
    assert (list(told), told["status"], status, len(told["msg"])) == (["status", "msg"], True, 200, 10)
    assert told["msg"][0] == QUESTIONS[0]
    assert (answer.status_code, answer.json()) == (200, {"status": True, "msg": row(0)[1]})
    assert qa.drop().status_code == 200
    assert qa.count() is None


def test_a_drop_is_read_by_both_of_its_readers(qa: Texts) -> None:
    """A script reads ``status`` and ``msg``, and the web client ``data[0].status``, which ended with a TypeError."""
    qa.load("short", table_of(row(0)))
    for message in ("ok", MISSING.format("short")):
        dropped = qa.drop("short")

        assert dropped.status_code == 200
        told = dropped.json()
        assert (told["status"], told["msg"]) == (True, message)
        assert told["0"] == {"status": True, "msg": message}
        assert list(told) == ["status", "msg", "0"] or list(told) == ["0", "status", "msg"]


def test_an_answer_is_that_of_the_very_question(qa: Texts, twelve: tuple[str, ...]) -> None:
    """To the letter, and in other letters' case and blanks; what only means the same is no row's question."""
    for number in range(12):
        answer = qa.ask("twelve", QUESTIONS[number], "/qa/answer")
        assert answer.json() == {"status": True, "msg": row(number)[1]}
    plain = qa.ask("twelve", " is disability insurance required by LAW? ", "/qa/answer")
    status, body = asked(qa.base, f"/qa/answer?table_name=twelve&question={QUESTIONS[3]}")

    assert plain.json()["msg"] == row(0)[1]
    assert (status, json.loads(body)["msg"]) == (200, row(3)[1])
    assert "/qa/search gives" in refused(qa.ask("twelve", "Does the law want that insurance?", "/qa/answer"), 404)


def test_an_answer_is_whole_however_long(qa: Texts) -> None:
    """Neither question nor answer is cut, whatever is compared of them."""
    question, reply = "What about " + "this and that " * 300 + "\tthen?", "Ä paragraph of words.\n\n" * 2000
    qa.load("long", table_of((question, reply), row(1)))

    assert found_in(qa, "long", question)[0] == question
    assert qa.ask("long", question, "/qa/answer").json()["msg"] == reply


def test_what_is_wrong_is_said_with_a_status_that_says_so_too(qa: Texts, twelve: tuple[str, ...]) -> None:
    """4xx and a sentence, where the older server answered 200 with the failure inside, or ended; no table is made."""
    for path in ("/qa/search", "/qa/answer"):
        assert "send one to /qa/load_data first" in refused(qa.ask("none", "words", path), 404)
        for words in ("", " "):
            refused(qa.ask("twelve", words, path), 400)
        refused(qa.client.get(path, params={"table_name": "twelve"}), 400)
    refused(qa.client.post("/qa/load_data", params={"table_name": "never"}), 400)
    for data in (b"", b"\x00\x01" * 100, b"question,answer\n", b"title,answer\na,b\n", b"PK\x03\x04"):
        refused(qa.send("never", data), 422)
    assert "question" in refused(qa.send("never", b"title,reply\na,b\n"), 422)
    assert "never" not in qa.library.names()


def test_bad_rows_keep_nobody_from_loading(qa: Texts) -> None:
    """The good ones are there and counted, the bad ones stand in the ledger with reasons."""
    data = table_of(row(0), ("", "without a question"), ("?", "no word"), row(1)) + b"one,two,three\n"

    assert qa.load("mixed", data) == loaded(2)
    assert qa.count("mixed") == 2
    ledger = qa.library.collection("mixed").rejected()
    assert len(ledger) == 3
    assert all(one.reason for one in ledger)
    assert "could be taken in" in refused(qa.send("bad", table_of(("", "nothing"))), 422)


def test_a_copy_has_its_own_row(qa: Texts) -> None:
    """A question that stands twice is found twice; of two answers to one question the first row's is told."""
    qa.load("copies", table_of(row(0), row(0), (QUESTIONS[1], "First"), (QUESTIONS[1], "Second")))

    assert qa.count("copies") == 4
    assert found_in(qa, "copies", QUESTIONS[0])[:2] == [QUESTIONS[0]] * 2
    assert len(found_in(qa, "copies", QUESTIONS[0])) == 4
    assert qa.ask("copies", QUESTIONS[1], "/qa/answer").json()["msg"] in ("First", "Second")


def test_two_loads_of_one_table_at_once_double_nothing(qa: Texts) -> None:
    """Not a row, not a count, not a line of the ledger; both say how many rows there are."""
    data = table_of(*map(row, range(12)), ("", "no question"))
    with ThreadPoolExecutor(2) as pool:
        loads = [pool.submit(qa.load, "twice", data) for _ in range(2)]
        assert [load.result(DEADLINE) for load in loads] == [loaded(12)] * 2

    assert qa.load("twice", data) == loaded(12)
    assert qa.count("twice") == 12
    assert qa.library.collection("twice").rejected_count() == 1


def test_eight_clients_at_once(qa: Texts, twelve: tuple[str, ...]) -> None:
    """Each searches, is answered, counts, and loads a table of its own: every answer is the right one."""

    def client(number: int) -> None:
        mine = (f"What does client {number} want?", f"answer {number}")
        assert found_in(qa, "twelve", QUESTIONS[number])[0] == QUESTIONS[number]
        assert qa.load(f"own{number}", table_of(mine, row(0))) == loaded(2)
        assert qa.count(f"own{number}") == 2
        assert qa.ask(f"own{number}", mine[0], "/qa/answer").json()["msg"] == mine[1]
        assert qa.count("twelve") == 12

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))


def test_a_load_keeps_nobody_waiting(qa: Texts) -> None:
    """In the middle of it rows are counted, and searches find what was there."""
    held = Held("hashed-text", "who is held?", qa.library.settings)
    qa.library.collection("busy", modality="text", encoder=held, options={"column": "question"})
    qa.load("busy", table_of(row(0), row(1)))
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(qa.load, "busy", table_of(row(2), ("who is held?", "x"), row(3)))
        try:
            assert held.reached.wait(DEADLINE)
            assert 2 <= qa.count("busy") < 5
            assert qa.ask("busy", QUESTIONS[1], "/qa/answer").json()["msg"] == row(1)[1]
            assert not load.done()
        finally:
            held.go.set()
        load.result(DEADLINE)

    assert qa.count("busy") == 5


def test_an_uploads_name_names_nothing_here(qa: Texts) -> None:
    """No file of that name comes to be, where the older server wrote one; it is read as a table all the same."""
    for number, name in enumerate(("../../../escaped.csv", "/escaped", "..\\escaped.pkl")):
        assert qa.load(f"named{number}", table_of(row(number)), name) == loaded(1)

    assert [found for found in qa.library.folder.parent.rglob("*escaped*") if found.is_file()] == []


def test_no_file_is_given_away(qa: Texts, twelve: tuple[str, ...]) -> None:
    """The server has no route for files, and an answer names no place."""
    for path in ("/data", "/data?path=/etc/passwd", "/data/../../../etc/passwd", "/QA_data/rows.csv"):
        assert asked(qa.base, path)[0] == 404
    assert "upload:" not in qa.ask("twelve", QUESTIONS[0]).text


@pytest.mark.parametrize("name", ["a;drop table", "a b", "1st", "x" * 65, "../a"])
def test_names_of_tables_are_names(qa: Texts, twelve: tuple[str, ...], name: str) -> None:
    """Each route refuses any other in a sentence, and nothing comes of it."""
    before = qa.library.names()

    for answer in (
        qa.send(name, table_of(row(0))),
        qa.ask(name, "words"),
        qa.ask(name, "words", "/qa/answer"),
        qa.client.post("/qa/count", params={"table_name": name}),
        qa.drop(name),
    ):
        assert "cannot be a table's name" in refused(answer, 400)
    assert qa.library.names() == before


def test_its_variables(tmp_path: Path) -> None:
    """``TOP_K`` and ``DEFAULT_TABLE`` are the old line's; which encoder there is, and of what width, is said."""
    older = OlderSettings(top_k=2, table="milvus_qa_search_1", dimension=768)
    with compat_server(tmp_path / "library", "qa", older=older) as servers:
        client = servers.client("qa")
        client.post("/qa/load_data", files={"file": ("a.csv", table_of(*map(row, range(4))))})

        assert servers.library.names() == ["milvus_qa_search_1"]
        assert len(client.get("/qa/search", params={"question": "insurance"}).json()[0]["msg"]) == 2
    said = "\n".join(servers.said)
    assert "there is no card of the older server's encoder, so new tables are made with hashed-text" in said
    assert "VECTOR_DIMENSION is 768" in said


def test_its_port_is_the_librarys_own(tmp_path: Path) -> None:
    """Both have always been 8000: the refusal names the way out for clients that cannot be told another port."""
    with pytest.raises(UsageError, match="8000") as refusal:
        check_compat(ServerOptions("127.0.0.1", 8000, compat=parse(["qa"])))

    assert "--port 8001" in refusal.value.hint
    check_compat(ServerOptions("127.0.0.1", 8001, compat=parse(["qa"])))
