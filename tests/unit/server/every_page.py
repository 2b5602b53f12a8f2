"""Every page of the server, and a library in which each has something to show.

Whoever adds a route adds a line here: tests take the routes from the application, and fail for one that has none.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from html.parser import HTMLParser
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

import fastapi.routing
from PIL import Image, ImageFilter

import morelike
from morelike.jobs import FINISHED
from morelike.library import Library
from morelike.records import Job
from morelike.settings import Settings
from morelike.testing.images import synthetic_image

PAGES: Final[Mapping[str, tuple[str, ...]]] = {
    "/": ("/",),
    "/c/{name}": ("/c/photos", "/c/photos?{asking}", "/c/notes", "/c/notes?text=harbour", "/c/fresh"),
    "/c/{name}/add": ("/c/photos/add", "/c/photos/add?job={failed}"),
    "/c/{name}/compare": ("/c/photos/compare",),
    "/c/{name}/duplicates": ("/c/photos/duplicates", "/c/photos/duplicates?view=aside"),
    "/c/{name}/items": ("/c/photos/items", "/c/photos/items?view=table"),
    "/c/{name}/map": ("/c/photos/map", "/c/notes/map"),
    "/c/{name}/rejected": ("/c/photos/rejected",),
    "/c/{name}/upkeep": ("/c/photos/upkeep", "/c/photos/upkeep?job={dedup}"),
    "/i/{collection}/{item_id}": ("/i/photos/{item}", "/i/notes/{note}"),
    "/jobs": ("/jobs",),
    "/login": ("/login", "/login?failed=1", "/login?ended=form", "/login?ended=page"),
    "/storage": ("/storage", "/storage?job={doctor}"),
}
"""A page's route, and addresses at which it looks different."""
FAILED: Final = ("/c/nowhere", "/nothing-here")
"""Addresses at which there is no page."""
PIECES: Final[Mapping[str, str]] = {
    "/c/{name}/atoms": "JSON for the board",
    "/c/{name}/fragment": "JSON for the board",
    "/c/{name}/map/card": "a piece of the map's page",
    "/c/{name}/rejected.csv": "a file",
    "/c/{name}/results": "further hits of the search page",
    "/c/{name}/why": "what a hit has in common with what was asked, in the search page",
    "/c/{name}/written": "the answers of the search page, while somebody types",
    "/docs": "the API's description, drawn by a page of others",
    "/i/{collection}/{item_id}/drawing": "a picture",
    "/q/{token}": "a picture",
    "/q/{token}/peaks": "JSON for the waveform",
}
"""What a GET leads to that is no page, and what it is."""
ACTIONS: Final[Mapping[str, str]] = {
    "/c/{name}/ask": "reader",
    "/c/{name}/compare/ask": "reader",
    "/c/{name}/drop": "admin",
    "/c/{name}/duplicates/alike": "writer",
    "/c/{name}/duplicates/different": "writer",
    "/c/{name}/forget": "writer",
    "/c/{name}/map": "writer",
    "/c/{name}/retry": "writer",
    "/c/{name}/sources": "writer",
    "/c/{name}/upkeep/compare/drop": "admin",
    "/c/{name}/upkeep/duplicates/aside": "admin",
    "/c/{name}/upkeep/duplicates/back": "admin",
    "/c/{name}/upkeep/duplicates/purge": "admin",
    "/c/{name}/upkeep/duplicates/remove": "admin",
    "/c/{name}/upkeep/{kind}": "admin",
    "/c/{name}/upload": "writer",
    "/collections": "admin",
    "/i/{collection}/{item_id}/remove": "writer",
    "/i/{collection}/{item_id}/tags": "writer",
    "/jobs/{job_id}/cancel": "writer",
    "/jobs/{job_id}/retry": "writer",
    "/language": "",
    "/login": "",
    "/logout": "",
    "/storage/doctor": "admin",
}
"""What a POST does, and the role that it needs; "" needs none."""
ROLES: Final = ("", "reader", "writer", "admin")
PROGRAMS: Final = ("/api/", "/healthz", "/metrics", "/openapi.json", "/readyz", "/static")

NOTES: Final = {
    "boat.txt": "The old boat lies in the harbour. Nobody has rowed it since the spring.",
    "bread.txt": "Bread wants time: flour, water, salt, and a night in the cold.",
    "glacier.txt": "The glacier has lost a third of its length, and nothing suggests that it will recover.",
}
PICTURES: Final = 24


def routes_of(app: Any) -> Iterator[tuple[str, frozenset[str]]]:
    """(template, methods) of every route, those for programs left out."""
    contexts = getattr(fastapi.routing, "iter_route_contexts", iter)
    for route in contexts(app.routes):
        if route.path is not None and not route.path.startswith(PROGRAMS):
            yield route.path, frozenset(route.methods or ())


def make_library(folder: Path) -> Settings:
    """``photos`` with a near duplicate, tags, a broken file and a map; ``notes``; ``fresh``, which is empty; jobs."""
    pictures, notes = folder / "pictures", folder / "notes"
    for made in (pictures, notes):
        made.mkdir(parents=True)
    for seed in range(PICTURES):
        size = ((240, 180), (180, 240), (320, 120))[seed % 3]
        Image.fromarray(synthetic_image(seed, size)).save(pictures / f"picture {seed:02d}.png")
    first = Image.fromarray(synthetic_image(0, (240, 180)))
    first.filter(ImageFilter.BoxBlur(0.6)).save(pictures / "the first again.jpg")
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 nothing")
    for name, text in NOTES.items():
        (notes / name).write_text(text)
    settings = Settings(library=folder / "library", offline=True, allow_roots=(folder,))
    with morelike.open(settings) as library:
        photos = library.collection("photos", modality="image", encoder="classic")
        photos.add(pictures)
        photos.calibrate()
        photos.tag([item.id for item in photos.items(limit=4)], add=["holiday", "2026"])
        photos.map()
        library.collection("notes", modality="text", encoder="hashed-text").add(notes)
        library.collection("fresh", modality="image", encoder="classic")
        library.storage()
        with library.run_jobs():
            asked: tuple[tuple[str, str, dict[str, Any]], ...] = (
                ("duplicates", "photos", {"near": True}),
                ("dedup", "photos", {"near": True}),
                ("doctor", "", {}),
                ("add", "photos", {"sources": [str(pictures / "gone")]}),
            )
            for kind, name, arguments in asked:
                _done(library, library.jobs.add(kind, name, arguments))
    return settings


def _done(library: Library, job: Job) -> None:
    while job.state not in FINISHED:
        job = library.jobs.watch(job.id, 5.0, job)


def fields_of(library: Library) -> dict[str, str]:
    """What stands in the addresses' braces."""
    photos = library.collection("photos").items(limit=9)
    jobs = {job.kind: job.id for job in library.jobs.list(limit=50)}
    return {
        "item": photos[0].id,
        "note": library.collection("notes").items(limit=1)[0].id,
        "asking": f"part=item:{photos[0].id}&weight=1&crop=0.1,0.1,0.9,0.9&part=item:{photos[8].id}&weight=-1&crop=",
        "failed": jobs["add"],
        "dedup": jobs["dedup"],
        "doctor": jobs["doctor"],
    }


def addresses(library: Library) -> list[str]:
    """Of every page, in every look."""
    fields = fields_of(library)
    return [address.format(**fields) for looks in PAGES.values() for address in looks]


class Forms(HTMLParser):
    """What a page offers to do: where its forms lead that can be sent, its buttons, and the elements of its scripts."""

    SENDS = ("hx-post", "hx-put", "hx-patch", "hx-delete")
    KINDS: Mapping[str, tuple[str, ...]] = {"button": ("submit",), "input": ("text", "search", "password", "file")}

    def __init__(self) -> None:
        super().__init__()
        self._actions: dict[str, str] = {}
        self._form = ""
        self._senders: list[tuple[str, str]] = []
        self._direct: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        kind = given.get("type", "submit" if tag == "button" else "text")
        if tag == "form":
            self._form = given.get("id") or f"the form {len(self._actions)}"
            self._actions[self._form] = given.get("action", "") if given.get("method", "").lower() == "post" else ""
        elif tag == "upload-queue":
            self._direct.add(given.get("to", ""))
        elif "disabled" not in given and kind in self.KINDS.get(tag, ()):
            self._senders.append((given.get("form", self._form), given.get("formaction", "")))
        self._direct |= {value for name in self.SENDS if (value := given.get(name))}

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = ""

    def posts(self) -> set[str]:
        sent = {action or self._actions.get(form, "") for form, action in self._senders}
        return (sent | self._direct) - {""}


def posts_of(page: str) -> set[str]:
    found = Forms()
    found.feed(page)
    return found.posts()


MOLECULES: Final = {
    "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
    "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
    "salicylic acid": "OC(=O)c1ccccc1O",
}


def add_fields(library: Library, folder: Path) -> None:
    """A collection of every other modality whose extra is installed, of two or three items."""
    for name, (modality, needed, write) in FIELDS.items():
        if all(find_spec(one) for one in needed):
            (folder / name).mkdir()
            write(folder / name)
            library.collection(name, modality=modality, encoder=ENCODERS.get(name, "auto")).add(folder / name)


def looks_of_fields(library: Library) -> list[str]:
    """Of each of those: where one begins, what an example finds, and an item."""
    found = []
    for name in FIELDS:
        if any(summary.name == name for summary in library.collections()):
            item = library.collection(name).items(limit=1)[0].id
            found += [f"/c/{name}", f"/c/{name}?part=item:{item}", f"/c/{name}/items", f"/i/{name}/{item}"]
    return found


def _molecules(folder: Path) -> None:
    (folder / "known.smi").write_text("".join(f"{smiles} {name}\n" for name, smiles in MOLECULES.items()))


def _sequences(folder: Path) -> None:
    letters = ["".join(random.Random(seed).choices("ACGT", k=200)) for seed in range(3)]
    (folder / "genes.fasta").write_text("".join(f">gene-{at} made up\n{one}\n" for at, one in enumerate(letters)))


def _sounds(folder: Path) -> None:
    from morelike.testing.sounds import as_wav, synthetic_sound

    for seed in range(2):
        (folder / f"sound-{seed}.wav").write_bytes(as_wav(synthetic_sound(seed, 3.0, 16_000), 16_000))


def _films(folder: Path) -> None:
    from morelike.testing.films import film

    (folder / "film.webm").write_bytes(
        film(1, scenes=[1.0, 1.5], fps=10, codec="libvpx", container="webm", sound="libopus")
    )


def _documents(folder: Path) -> None:
    from morelike.testing import documents

    data = documents.pdf("The committee met.", "It spoke about the bridge.", info={"Title": "The yearly report"})
    (folder / "report.pdf").write_bytes(data)


def _solids(folder: Path) -> None:
    from morelike.testing.solids import CORNERS, FACES, binary_stl

    for name, stretch in {"box": 1.0, "slab": 0.2}.items():
        (folder / f"{name}.stl").write_bytes(binary_stl(CORNERS * [1.0, 1.0, stretch], FACES))


FIELDS: Final[Mapping[str, tuple[str, tuple[str, ...], Callable[[Path], None]]]] = {
    "films": ("video", ("av", "soxr"), _films),
    "genes": ("sequence", ("Bio",), _sequences),
    "molecules": ("molecule", ("rdkit",), _molecules),
    "reports": ("document", ("pypdfium2",), _documents),
    "sounds": ("audio", ("av", "soxr"), _sounds),
    "things": ("mesh", ("trimesh",), _solids),
}
ENCODERS: Final = {
    "films": "classic,classic-audio",
    "reports": "hashed-text,classic",
    "sounds": "classic-audio",
    "things": "mesh-shape",
}
