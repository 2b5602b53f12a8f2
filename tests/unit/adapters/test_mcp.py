"""The tools as a client of the protocol sees them: the package's own client, in this process."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import pytest
from asking_tools import Call, asked, failed
from mcp.shared.exceptions import MCPError
from PIL import Image

import morelike
from morelike.adapters.mcp.reach import LIBRARY_READS, Limits, Reach, ReadOnly
from morelike.errors import UsageError
from morelike.library import Library


@pytest.fixture
def call(library: Library) -> Call:
    """``call("search", text="river")`` by a client that may only read."""

    def one(tool: str, **arguments: Any) -> Any:
        return asked(library, Limits(), lambda client: client.call_tool(tool, arguments))

    return one


def test_tools_read_only(library: Library) -> None:
    """Without leave to add there are three tools, and each says that it changes nothing."""
    tools = asked(library, Limits(), lambda client: client.list_tools()).tools

    assert [tool.name for tool in tools] == ["list_collections", "search", "show"]
    assert {(tool.annotations.read_only_hint, tool.annotations.destructive_hint) for tool in tools} == {(True, False)}


def test_tools_with_leave_to_add(library: Library) -> None:
    """With it there is a fourth, which says that it changes something, destroys nothing, and may be repeated."""
    tool = asked(library, Limits(adding=True), lambda client: client.list_tools()).tools[-1]

    assert tool.name == "add"
    assert tool.annotations.read_only_hint is False
    assert tool.annotations.destructive_hint is False
    assert tool.annotations.idempotent_hint is True


def test_collections_say_what_they_take(call: Call) -> None:
    """A client learns how many items there are and by what they can be searched."""
    listed = {one["name"]: one for one in call("list_collections").structured_content["collections"]}

    assert (listed["photos"]["items"], listed["photos"]["takes"]) == (6, ["image"])
    assert "text" in listed["notes"]["takes"]


@pytest.mark.parametrize("way", ["path", "data", "item"])
def test_search_by_example(call: Call, library: Library, shared: Any, way: str) -> None:
    """A path, the bytes themselves and an item's id find the picture, or what is like it without itself."""
    file = shared.pictures / "00002.png"
    own_id = next(item.id for item in library.collection("photos").items() if item.sources[0].uri == str(file))
    given = {"path": str(file), "data": base64.b64encode(file.read_bytes()).decode(), "item": own_id}[way]

    hits = call("search", **{way: given}, collections=["photos"]).structured_content["hits"]

    found = [hit["item"] for hit in hits]
    assert own_id not in found if way == "item" else found[0] == own_id
    assert hits[0]["collection"] == "photos"
    assert {"source", "score", "span", "metadata"} <= set(hits[0])


def test_search_by_a_path_of_a_mac(call: Call, shared: Any) -> None:
    """A path is what its file is called, whatever blanks are in it."""
    odd = shared.allowed / "at 9.41\u202fAM.png"
    odd.write_bytes((shared.pictures / "00001.png").read_bytes())

    assert call("search", path=str(odd), collections=["photos"]).structured_content["hits"][0]["score"] > 0.99


def test_search_by_words(call: Call) -> None:
    """Words find the text that has them, in whichever collection it is; those that know no words say so."""
    answer = call("search", text="how high the river rose").structured_content

    assert answer["hits"][0]["source"].endswith("river.txt")
    assert answer["hits"][0]["quote"]["text"].startswith("The river")
    assert [one["collection"] for one in answer["silent"]] == ["photos"]


def test_search_bounds(call: Call) -> None:
    """``k``, ``offset``, ``filter`` and ``threshold`` do what they do in the library."""
    shown = call("search", text="river", collections=["notes"], k=1, offset=1).structured_content
    few = call("search", text="river", collections=["notes"], filter="name = 'stars.txt'").structured_content
    none = call("search", text="river", collections=["notes"], threshold=5.0, mode="similar").structured_content

    assert (len(shown["hits"]), shown["more"]) == (1, True)
    assert [Path(hit["source"]).name for hit in few["hits"]] == ["stars.txt"]
    assert none["hits"] == []


def test_answers_are_text_too(call: Call) -> None:
    """Clients that know no structured answers get the same as JSON text."""
    result = call("search", text="river", collections=["notes"])

    assert json.loads(result.content[0].text) == result.structured_content


def test_show_gives_a_picture(call: Call, library: Library) -> None:
    """``show`` has the item's record, a picture no larger than was asked for, and where the original is to be had."""
    item = library.collection("photos").items()[0]

    result = call("show", collection="photos", item=item.id[:12], side=64)

    assert result.structured_content["item"] == item.id
    assert result.structured_content["tags"] == ["shown"]
    assert result.structured_content["sources"][0]["metadata"] == {"camera": "toy"}
    kinds = {content.type: content for content in result.content}
    assert max(Image.open(io.BytesIO(base64.b64decode(kinds["image"].data))).size) <= 64
    assert kinds["resource_link"].uri == f"morelike://photos/{item.id}"


def test_show_marks_words(call: Call, library: Library) -> None:
    """With ``words`` the passage comes with the part that answers them marked; without, the text itself."""
    item = next(one for one in library.collection("notes").items() if one.sources[0].name == "river.txt")

    marked = call("show", collection="notes", item=item.id, words="bridge", preview=False)
    plain = call("show", collection="notes", item=item.id, preview=False)

    assert "**The bridge held.**" in marked.content[1].text
    assert plain.structured_content["text"] == "The river rose two metres in the night. The bridge held."


def test_resources_are_originals(library: Library, shared: Any) -> None:
    """An item's uri gives its bytes as they were added."""
    item = library.collection("photos").items()[0]

    read = asked(library, Limits(), lambda client: client.read_resource(f"morelike://photos/{item.id}"))

    assert base64.b64decode(read.contents[0].blob) == Path(item.sources[0].uri).read_bytes()
    assert read.contents[0].mime_type == "image/png"


@pytest.mark.parametrize("uri", ["morelike://photos/nosuchitem", "morelike://nosuch/x", "file:///etc/passwd"])
def test_no_other_resources(library: Library, uri: str) -> None:
    """A uri of nothing that may be seen is refused with a sentence."""
    with pytest.raises(MCPError, match="no "):
        asked(library, Limits(), lambda client: client.read_resource(uri))


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("search", {}, "nothing to search by"),
    ("search", {"text": "x", "k": 10**9}, "k: input should be less than"),
    ("search", {"text": "x", "k": "many"}, "k: input should be a valid integer"),
    ("search", {"text": "x", "offset": 10**9}, "offset: "),
    ("search", {"text": "x", "threshold": "near"}, "threshold: "),
    ("search", {"text": "x" * 10_000}, "text: "),
    ("search", {"text": "x", "colections": ["notes"]}, "colections: extra inputs"),
    ("search", {"text": "x", "collections": ["nosuch"]}, "no collection 'nosuch'"),
    ("search", {"text": "x", "collections": ["nosuch*"]}, "no collection 'nosuch*'"),
    ("search", {"text": "x", "collections": ["\0"]}, "no collection"),
    ("search", {"text": "x", "collections": ["notes"], "filter": "width >="}, "filter"),
    ("search", {"text": "x", "collections": ["notes"], "mode": "psychic"}, "psychic"),
    ("search", {"item": "0" * 64, "collections": ["photos"]}, "no item"),
    ("search", {"item": "x", "path": "/x"}, "given together"),
    ("search", {"data": "%%%"}, "not base64"),
    ("search", {"data": ""}, "data: "),
    ("search", {"path": "/etc/passwd"}, "may not be read"),
    ("search", {"path": "{root}/../secret.png"}, "may not be read"),
    ("search", {"path": "{root}/pictures/link.png"}, "may not be read"),
    ("search", {"path": "{root}/pictures/link.png\0.png"}, "neither an http address nor an absolute path"),
    ("search", {"path": "pictures/00000.png"}, "neither an http address nor an absolute path"),
    ("search", {"path": "s3://bucket/x.png"}, "neither an http address nor an absolute path"),
    ("search", {"path": "server:/etc/passwd"}, "neither an http address nor an absolute path"),
    ("search", {"path": "{root}/pictures/nosuch.png"}, "no such file"),
    ("search", {"url": "file:///etc/passwd"}, "no http or https address"),
    ("show", {"collection": "nosuch", "item": "0" * 64}, "no collection 'nosuch'"),
    ("show", {"collection": "photos", "item": "../../etc"}, "no item"),
    ("show", {"collection": "photos", "item": "a\0b"}, "no item"),
    ("show", {"collection": "photos", "item": "0" * 64, "side": 10**6}, "side: "),
]


@pytest.mark.parametrize(("tool", "arguments", "said"), WRONG)
def test_what_cannot_be_done_is_said(call: Call, shared: Any, tool: str, arguments: dict[str, Any], said: str) -> None:
    """Wrong names, hostile values and places outside the allowed folders are errors of the tool, each a sentence."""
    placed = {
        name: value.replace("{root}", str(shared.allowed)) if isinstance(value, str) else value
        for name, value in arguments.items()
    }

    assert said in failed(call(tool, **placed))


def test_unknown_tool(call: Call) -> None:
    """A tool that is not there is an error of the protocol; so is ``add`` for who may only read."""
    for tool in ("delete", "add"):
        with pytest.raises(MCPError, match=f"there is no tool '{tool}'"):
            call(tool, collection="photos", sources=["/x"])


def test_url_of_this_machine(shared: Any) -> None:
    """An address is fetched by the guard of all sources: none of this machine."""
    with morelike.open(shared.settings().model_copy(update={"offline": False})) as library:
        result = asked(
            library, Limits(), lambda client: client.call_tool("search", {"url": "http://127.0.0.1:9/x.png"})
        )

    assert "no public address" in failed(result)


def test_only_named_collections(library: Library) -> None:
    """Where the server shows some collections only, the others are not there in any way."""

    async def ask(client: Any) -> list[Any]:
        item = library.collection("photos").items()[0].id
        return [
            await client.call_tool("list_collections", {}),
            await client.call_tool("search", {"item": item}),
            await client.call_tool("search", {"text": "x", "collections": ["photos"]}),
            await client.call_tool("show", {"collection": "photos", "item": item}),
        ]

    listed, by_item, named, shown = asked(library, Limits(collections=("note*",)), ask)

    assert [one["name"] for one in listed.structured_content["collections"]] == ["notes"]
    assert "no item" in failed(by_item)
    assert "no collection 'photos' here" in failed(named)
    assert "no collection 'photos' here" in failed(shown)


def test_read_only_is_the_library_too(library: Library) -> None:
    """Behind the tools that read is a library that refuses to be changed."""
    only = ReadOnly(library, LIBRARY_READS)
    opened = Reach(library, Limits()).collection("photos")

    for refused in ("drop", "collection", "import_from"):
        with pytest.raises(UsageError, match="reading only"):
            getattr(only, refused)
    for refused in ("add", "remove", "tag", "annotate"):
        with pytest.raises(UsageError, match="reading only"):
            getattr(opened, refused)
    with pytest.raises(UsageError, match="reading only"):
        Reach(library, Limits()).to_add_to("photos", None)


def test_faults_are_sentences(call: Call, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody expected ends as a sentence too, and the client learns nothing of the code behind it."""

    def fail(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(type(library), "search", fail)

    said = failed(call("search", text="x"))

    assert "unexpected ZeroDivisionError" in said
    assert "secret" not in said


def test_answers_are_bounded() -> None:
    """However much other people wrote into a name or a record, an answer stays small, and can be written as JSON."""
    from morelike.adapters.mcp.answers import as_text, bounded

    deep: Any = "x"
    for _ in range(100):
        deep = {"a": [deep]}
    wild = {"long": "x" * 10**6, "many": list(range(10**4)), "deep": deep, "nan": float("nan"), "half": "\ud800"}

    text = as_text(bounded(wild))

    assert len(text.encode()) < 10_000
    assert as_text(bounded(deep)).count("{") < 10
