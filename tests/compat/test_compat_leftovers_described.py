"""What the older servers' ports say of themselves is what they do."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from compat_http import Answer, Client
from compat_models import write_box
from compat_servers import CompatServers, compat_server
from PIL import Image

from morelike.server.compat.older import OLDER
from morelike.testing.images import synthetic_image, write_images
from morelike.testing.sounds import write_sounds
from morelike.testing.toys import ToyJointEncoder

NAMES = tuple(OLDER)
METHODS = {"get", "post", "delete"}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CompatServers]:
    """All of them, each with something in its table."""
    folder = tmp_path_factory.mktemp("described")
    root = folder / "root"
    write_images(root / "pictures", 3, size=48)
    write_sounds(root / "sounds", 2)
    (root / "a.smi").write_text("CCO ethanol\nCCN\n")
    (root / "models").mkdir()
    for number in range(2):
        write_box(root / "models" / f"{number}.off", number)
    with compat_server(folder / "library", *NAMES, allow_roots=(root,)) as running:
        words = running.library.collection("milvus_kt", modality="image", encoder=ToyJointEncoder())
        words.add(str(root / "pictures"))  # of image-text, which loads nothing itself
        yield running


def described(servers: CompatServers, name: str) -> dict[str, Any]:
    document: dict[str, Any] = servers.client(name).get("/openapi.json").json()
    return document


def operations(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (method, path): route
        for path, routes in document["paths"].items()
        for method, route in routes.items()
        if method in METHODS
    }


def picture() -> tuple[str, bytes]:
    stream = io.BytesIO()
    Image.fromarray(synthetic_image(0, 48)).save(stream, "JPEG")
    return "a.jpg", stream.getvalue()


def fits(document: dict[str, Any], method: str, path: str, answer: Answer) -> None:
    """The answer's status is described, and its body has the schema that goes with it."""
    jsonschema_rs = pytest.importorskip("jsonschema_rs", reason="schemathesis is not installed")
    responses = document["paths"][path][method]["responses"]
    key = str(answer.status_code)
    assert key in responses or answer.status_code >= 400, answer.text
    response = responses.get(key, responses["default"])
    kind = answer.headers["content-type"].partition(";")[0]
    schema = {**response["content"][kind]["schema"], "components": document["components"]}
    body = answer.json() if kind == "application/json" else answer.text
    jsonschema_rs.validate(schema, body)


@pytest.mark.parametrize("name", NAMES)
def test_the_page_has_the_servers_own_title(servers: CompatServers, name: str) -> None:
    """Several of them lie open in tabs: each says which one it is, and none that it is the library's."""
    page = servers.client(name).get("/docs")
    title = re.search(r"<title>(.*)</title>", page.text)
    assert page.status_code == 200
    assert title is not None
    assert title[1] == f"{OLDER[name].title}: as the older server {name}"
    assert "the HTTP API" not in page.text
    assert described(servers, name)["info"]["title"] == OLDER[name].title


@pytest.mark.parametrize("name", NAMES)
def test_every_route_shows_what_it_answers(servers: CompatServers, name: str) -> None:
    """A success with a schema that says something and an example, or bytes; and one failure, which is the server's
    own; nothing of FastAPI's.
    """
    document = described(servers, name)
    schemas = document["components"]["schemas"]
    assert "HTTPValidationError" not in schemas
    if name == "image-text":
        assert [part["type"] for part in schemas["Failure"]["prefixItems"]] == ["string", "integer"]
    else:
        assert schemas["Failure"]["properties"].keys() == (
            {"succeed", "message"} if name == "image-engine" else {"status", "msg"}
        )
    for (_, path), route in operations(document).items():
        assert "422" not in route["responses"], path
        assert route["responses"]["default"]["content"]["application/json"]["schema"] == {
            "$ref": "#/components/schemas/Failure"
        }
        if path == "/dev/init":  # refused, whoever asks
            assert "200" not in route["responses"]
            continue
        for kind, content in route["responses"]["200"]["content"].items():
            assert content["schema"], path
            if kind in ("application/json", "text/plain"):
                shown = "example" in content or len(content.get("examples", ())) > 1
                assert shown or content["schema"] == {"type": "null"}, path
            else:
                assert content["schema"]["format"] == "binary"


def _pictures(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:
    yield "post", "/img/count", client.post("/img/count")
    yield "post", "/img/drop", client.post("/img/drop")
    yield "post", "/img/search", client.post("/img/search", files={"image": picture()})
    yield "post", "/img/load", client.post("/img/load", json={"File": f"{root}/pictures"})
    yield "post", "/img/load", client.post("/img/load", json={"File": f"{root}/nothing"})
    yield "post", "/img/load", client.post("/img/load", json=[])
    yield "post", "/img/count", client.post("/img/count")
    yield "get", "/progress", client.get("/progress")
    yield "post", "/img/search", client.post("/img/search", files={"image": picture()})
    yield "post", "/img/search", client.post("/img/search", data={"topk": "many"}, files={"image": picture()})


def _oldest(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:
    yield from _pictures(client, root)
    yield "post", "/img/upload", client.post("/img/upload", files={"image": picture()})
    yield "post", "/img/upload", client.post("/img/upload")
    yield "post", "/api/v1/search", client.post("/api/v1/search", files={"file": picture()})
    yield "post", "/api/v1/count", client.post("/api/v1/count")
    yield "get", "/api/v1/process", client.get("/api/v1/process")
    yield "post", "/api/v1/train", client.post("/api/v1/train", json={"File": f"{root}/pictures"})
    yield "post", "/api/v1/train", client.post("/api/v1/train", json={"File": ""})
    yield "post", "/api/v1/delete", client.post("/api/v1/delete", json={"Table": "nothing"})


def _objects_in_films(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:
    yield "post", "/image/load", client.post("/image/load", json={"File": f"{root}/pictures"})
    yield "post", "/image/count", client.post("/image/count")
    yield "get", "/progress", client.get("/progress")
    yield "post", "/video/search", client.post("/video/search", files={"video": picture()})
    yield "post", "/video/search", client.post("/video/search", files={"video": ("a.mp4", b"no film")})
    yield "get", "/video/getVideo", client.get("/video/getVideo")
    yield "post", "/image/drop", client.post("/image/drop")


def _films(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:
    yield "get", "/progress", client.get("/progress")
    yield "post", "/video/count", client.post("/video/count")
    yield "post", "/video/drop", client.post("/video/drop")
    yield "post", "/video/load", client.post("/video/load", json={"File": root})
    yield "post", "/video/search", client.post("/video/search", files={"image": picture()})


def _sounds(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:
    yield "get", "/audio/count", client.get("/audio/count")
    yield "post", "/audio/drop", client.post("/audio/drop")
    yield "post", "/audio/load", client.post("/audio/load", json={"File": f"{root}/sounds"})
    yield "get", "/audio/count", client.get("/audio/count")
    yield "get", "/progress", client.get("/progress")
    query = {"query_audio_path": f"{root}/sounds/00000.wav"}
    yield "post", "/audio/search/local", client.post("/audio/search/local", params=query)
    yield "post", "/audio/search", client.post("/audio/search", files={"audio": ("a.wav", b"no sound")})
    yield "get", "/data", client.get("/data")


def _engine(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:  # it reads no folder
    yield "get", "/", client.get("/")
    for _ in range(2):  # the second one is refused
        yield "post", "/meta/image/file", client.post("/meta/image/file", files={"file": picture()})
    yield "get", "/meta/image", client.get("/meta/image")
    yield "get", "/meta/image/count", client.get("/meta/image/count")
    uuid = client.get("/meta/image").json()["data"][0]["meta_uuid"]
    yield "get", "/meta/image/{meta_uuid}", client.get(f"/meta/image/{uuid}")
    yield "post", "/sample/file", client.post("/sample/file", files={"file": picture()})
    yield "post", "/sample/file", client.post("/sample/file")
    for path in ("/dev/flush", "/dev/db_reconnect", "/dev/show_mem"):
        yield "post", path, client.post(path)
    yield "delete", "/meta/image/{meta_uuid}", client.delete(f"/meta/image/{uuid}")
    yield "delete", "/meta/image/images", client.delete("/meta/image/images")
    yield "get", "/meta/image/{meta_uuid}", client.get(f"/meta/image/{uuid}")


def _molecules(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:
    yield "get", "/progress", client.get("/progress")
    yield "post", "/data/count", client.post("/data/count")
    yield "post", "/data/drop", client.post("/data/drop")
    yield "post", "/data/load", client.post("/data/load", json={"File": f"{root}/a.smi"})
    yield "post", "/data/count", client.post("/data/count")
    for smiles in ("CCO", "c1ccc"):
        yield "post", "/data/search", client.post("/data/search", json={"Mol": smiles})
    yield "post", "/data/search", client.post("/data/search", json={})
    yield "get", "/data", client.get("/data")
    yield "post", "/data/drop", client.post("/data/drop")


def _dna(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:  # it reads no folder
    letters = "ACGTTGCATTAGCCGATAGGCT"
    yield "post", "/text/count", client.post("/text/count")
    yield "post", "/text/load", client.post("/text/load")
    for told in ("", "\t4"):  # without a class, and with one
        table = f"{letters}{told}\n" if told else f"sequence\tnote\n{letters}\tx\n"
        yield "post", "/text/load", client.post("/text/load", files={"file": ("a.txt", table)})
        found = client.get("/text/search", params={"query_sentence": letters})
        yield "get", "/text/search", found
    yield "get", "/text/search", client.get("/text/search")
    yield "post", "/text/count", client.post("/text/count")
    for _ in range(2):
        yield "post", "/text/drop", client.post("/text/drop")


def _texts(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:  # it reads no folder
    for prefix in ("", "/text"):
        yield "post", f"{prefix}/count", client.post(f"{prefix}/count")
        yield "post", f"{prefix}/load", client.post(f"{prefix}/load")
        rows = {"file": ("a.csv", "title,text\nA red dress,Of silk\nA blue coat,\n")}
        yield "post", f"{prefix}/load", client.post(f"{prefix}/load", files=rows)
        for query in ({"query_sentence": "a dress"}, {}):
            yield "get", f"{prefix}/search", client.get(f"{prefix}/search", params=query)
        yield "post", f"{prefix}/count", client.post(f"{prefix}/count")
        for _ in range(2):
            yield "post", f"{prefix}/drop", client.post(f"{prefix}/drop")


def _questions(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:  # likewise
    yield "post", "/qa/count", client.post("/qa/count")
    yield "post", "/qa/load_data", client.post("/qa/load_data")
    rows = {"file": ("a.csv", "question,answer\nWhat is red?,A dress\nWhat is blue?,A coat\nWhat is it?,A hat\n")}
    yield "post", "/qa/load_data", client.post("/qa/load_data", files=rows)
    for query in ({"question": "What is red?"}, {"question": "What is green?"}, {}):
        yield "get", "/qa/search", client.get("/qa/search", params=query)
        yield "get", "/qa/answer", client.get("/qa/answer", params=query)
    yield "post", "/qa/count", client.post("/qa/count")
    for _ in range(2):
        yield "post", "/qa/drop", client.post("/qa/drop")


def _words(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:  # it reads no folder
    path, files = "/getSimilarResult", {"Image": picture()}
    for table in ("milvus_kt", "none", "a b"):
        named = {"table_name": table}
        yield "get", "/countTable", client.get("/countTable", params=named)
        yield "post", path, client.post(path, params={"Text": "red", **named}, files=files)
    yield "post", path, client.post(path, files=files)
    yield "post", path, client.post(path, params={"Text": "red"})
    yield "get", "/getImage", client.get("/getImage")


def _models(client: Client, root: str) -> Iterator[tuple[str, str, Answer]]:
    yield "get", "/progress", client.get("/progress")
    yield "post", "/img/count", client.post("/img/count")
    yield "post", "/img/drop", client.post("/img/drop")
    yield "post", "/img/load", client.post("/img/load", json={"File": f"{root}/models"})
    yield "post", "/img/count", client.post("/img/count")
    for query in ({"model_path": f"{root}/models/0.off"}, {"model_path": "/etc/passwd"}, {}):
        yield "post", "/img/search", client.post("/img/search", params=query)
    yield "post", "/img/drop", client.post("/img/drop")


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("image", _oldest),
        ("image-objects", _pictures),
        ("video-objects", _objects_in_films),
        ("video", _films),
        ("audio", _sounds),
        ("image-engine", _engine),
        ("molecule", _molecules),
        ("dna", _dna),
        ("text", _texts),
        ("qa", _questions),
        ("objects3d", _models),
        ("image-text", _words),
    ],
)
def test_answers_are_as_described(servers: CompatServers, name: str, asked: Any) -> None:
    """Whatever a client asks, right and wrong: the body has the schema that the document has for its status."""
    document = described(servers, name)
    root = str(servers.library.folder.parent / "root")
    seen = 0
    for method, path, answer in asked(servers.client(name), root):
        fits(document, method, path, answer)
        seen += 1
    assert seen
