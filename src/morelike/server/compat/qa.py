"""Questions and answers: the rows of an uploaded table, found by a question that means much the same.

A client finds questions first, and asks for the answer to the one that its user picks. Its bodies are what they were: a
list of an object and a status for what finds and loads, an object for an answer. Of a drop the web client reads
``data[0]``, which an object did not have: it now has the key ``0`` besides its own.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, File, Query, Response, UploadFile

from morelike.expressions import Compare
from morelike.server.answers import Json
from morelike.server.compat.describing import answers
from morelike.server.compat.served import Served
from morelike.server.compat.text_rows import Cells, cells_of, load_rows, opened_for, search_rows
from morelike.server.errors import Refused
from morelike.types import Example
from morelike.types import Query as Asked

__all__ = ["routes"]

MISSING: Final = "Milvus doesn't have a collection named {}"
COLUMNS: Final = "question,answer"
_LOOKED_AT: Final = 20
"""Of the nearest questions, those that are held against a question which no row has to the letter."""
Table = Annotated[str | None, Query(description="The table; none: the server's own.")]
Question = Annotated[str | None, Query(description="In anybody's words.")]


def _listed(message: Any) -> list[Any]:
    return [{"status": True, "msg": message}, 200]


def _dropped(message: str) -> dict[str, Any]:
    """Also for who reads ``data[0].status``, as of the other routes' lists."""
    told = {"status": True, "msg": message}
    return {**told, "0": told}


_LOADED: Final = answers(_listed("Successfully loaded data: 99"))
_FOUND: Final = answers(_listed(["Is disability insurance required by law?", "Can creditors take life insurance?"]))
_ANSWERED: Final = answers({"status": True, "msg": "Not generally. There are five states that require it."})
_DROPPED: Final = answers(_dropped("ok"))


def routes(served: Served) -> APIRouter:
    """The routes over ``served``. Raises MissingExtra."""
    router = APIRouter(tags=["qa"])
    _add_tables(router, served)
    _add_searches(router, served)
    return router


def _add_tables(router: APIRouter, served: Served) -> None:
    parts = served.parts

    @router.post("/qa/load_data", summary="Load a table of questions and answers", responses=_LOADED)
    async def do_load_api(
        file: Annotated[UploadFile | None, File(description="A CSV file: `question` and `answer`.")] = None,
        table_name: Table = None,
    ) -> Response:
        """Answers when all of it is searchable, with how many rows that are. Bad rows are passed over, and stand in the
        library's ledger.
        """
        rows = await served.loads.run(load_rows, served, file, table_name, COLUMNS)
        return Json(_listed(f"Successfully loaded data: {rows}"))

    @router.post("/qa/count", summary="Count the questions", responses=answers(99, None))
    async def count_questions(table_name: Table = None) -> Response:
        """A question that stands in several rows counts as often; null where there is no such table."""
        return Json(await parts.fetches.run(served.count_rows, table_name))

    @router.post("/qa/drop", summary="Drop a table", responses=_DROPPED)
    async def drop_tables(table_name: Table = None) -> Response:
        """``ok``, or a sentence where there was none; under the key ``0`` once more."""
        dropped = await parts.writes.run(served.drop, table_name)
        return Json(_dropped("ok" if dropped else MISSING.format(served.named(table_name))))


def _add_searches(router: APIRouter, served: Served) -> None:
    parts = served.parts

    @router.get("/qa/search", summary="Search by a question", responses=_FOUND)
    async def do_get_question_api(question: Question = None, table_name: Table = None) -> Response:
        """The questions that are most alike, the nearest first."""
        rows = await parts.searches.run(_searched, served, table_name, question)
        return Json(_listed([row.first("question") or row.name for row in rows]))

    @router.get("/qa/answer", summary="The answer to a question", responses=_ANSWERED)
    async def do_get_answer_api(
        question: Annotated[str | None, Query(description="As a search's answer has it.")] = None,
        table_name: Table = None,
    ) -> Response:
        """Of the first row with this question; letters' case and blanks make no difference."""
        return Json({"status": True, "msg": await parts.searches.run(_answered, served, table_name, question)})


def _searched(served: Served, table: str | None, question: str | None) -> list[Cells]:
    return search_rows(served, table, question, parameter="question", route="/qa/load_data")


def _answered(served: Served, table: str | None, question: str | None) -> str:
    """Raises Refused, and what a search raises."""
    opened = opened_for(served, table, "/qa/load_data")
    if not question or not question.strip():
        raise Refused(400, "the request has no question", hint="?question=one+of+those+that+/qa/search+gave")
    examples, wanted = (Example("text", question),), _plain(question)
    for only in (Compare("question", "=", question.strip()), None):
        for row in cells_of(opened, served.found(opened, Asked(examples, k=_LOOKED_AT, filter=only))):
            if _plain(row.first("question")) == wanted:
                return row.first("answer")
    raise Refused(404, f"no row has the question {question[:80]!r}", hint="/qa/search gives those that are like it")


def _plain(question: str) -> str:
    return " ".join(question.casefold().split())
