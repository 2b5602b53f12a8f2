"""What the journeys take along, a modality each: files to add, an altered copy to ask with, where it has to lead."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from browser_timed import FPS, RATE, standing
from PIL import Image
from playwright.sync_api import Page, expect

from morelike.testing import documents
from morelike.testing.films import film
from morelike.testing.solids import CORNERS, FACES, binary_stl
from morelike.testing.sounds import as_wav, synthetic_sound

COMPLEMENT = str.maketrans("ACGT", "TGCA")
RESIDUES = "ACDEFGHIKLMNPQRSTVWY"
PARTS = (10, 11, 12, 13, 14)
"""Sounds of four seconds that a long recording is made of."""


@dataclass(frozen=True)
class Journey:
    """``right`` is what the first hit is called, ``next`` the first of *more like this* where there is one to name."""

    modality: str
    files: Sequence[Path]
    asked: Path
    media: str
    right: str
    look: Callable[[Page], None]
    next: str = ""
    encoders: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    words: str = ""
    added: int = 0


def pictures(folder: Path, photographs: tuple[Path, Path]) -> Journey:
    """Five photographs and a mirrored one; a smaller, cropped, re-encoded copy of one is asked with."""
    files = []
    for name in ("astronaut", "chelsea", "coffee", "coins", "rocket"):
        files.append(folder / f"{name}.jpg")
        with Image.open(next((photographs[0] / name).glob("original.*"))) as picture:
            picture.convert("RGB").save(files[-1])
    with Image.open(files[2]) as picture:
        wide, high = picture.size
        cropped = picture.crop((wide // 20, high // 20, wide - wide // 20, high - high // 20))
        cropped.resize((wide // 2, high // 2)).save(folder / "asked.webp", quality=40)
        picture.rotate(4, expand=False).save(folder / "coffee-leaning.jpg")
    return Journey(
        "image",
        [*files, folder / "coffee-leaning.jpg"],
        folder / "asked.webp",
        "image/webp",
        "coffee.jpg",
        look_at_a_picture,
        next="coffee-leaning.jpg",
        encoders={"image": "classic"},
    )


def look_at_a_picture(page: Page) -> None:
    """It is looked at closely, comes nearer by wheel, keys and a double click, and lets go."""
    page.get_by_role("button", name="Look closely").click()
    stage = page.get_by_role("application", name="coffee.jpg, closely")
    expect(stage).to_be_focused()
    sheet = page.locator(".zooming .sheet")
    wide = _wide(page)
    page.keyboard.press("+")
    assert _wide(page) > wide * 1.2
    page.keyboard.press("0")
    assert _wide(page) == wide
    stage.dblclick(position={"x": 500, "y": 300})
    assert _wide(page) > wide * 2
    before = sheet.bounding_box()
    page.mouse.down()
    page.mouse.move(560, 330, steps=3)
    page.mouse.up()
    assert sheet.bounding_box() != before
    page.mouse.wheel(0, 3000)
    page.wait_for_function("(wide) => document.querySelector('.sheet').clientWidth < wide * 3", arg=wide)
    page.keyboard.press("Escape")
    expect(page.locator("dialog.zooming")).to_be_hidden()
    expect(page.get_by_role("button", name="Look closely")).to_be_focused()


def _wide(page: Page) -> float:
    return float(page.locator(".zooming .sheet").evaluate("(sheet) => sheet.clientWidth"))


def sounds(folder: Path) -> Journey:
    """Six short sounds and a long recording; two seconds of it, with noise, are asked with."""
    files = [folder / f"sound-{seed}.wav" for seed in range(6)]
    for seed, path in enumerate(files):
        path.write_bytes(as_wav(synthetic_sound(seed, 3.0, RATE), RATE))
    whole = np.concatenate([synthetic_sound(seed, 4.0, RATE) for seed in PARTS]).astype(np.float32)
    (folder / "long.wav").write_bytes(as_wav(whole, RATE))
    part = 0.6 * whole[7 * RATE : 9 * RATE]
    noise = 0.01 * np.random.default_rng(0).standard_normal(len(part))
    (folder / "asked.wav").write_bytes(as_wav((part + noise).astype(np.float32), RATE))
    return Journey(
        "audio",
        [*files, folder / "long.wav"],
        folder / "asked.wav",
        "audio/wav",
        "long.wav",
        look_at_a_sound,
        encoders={"audio": "classic-audio"},
        options={"window": "2", "hop": "1"},
    )


def look_at_a_sound(page: Page) -> None:
    """The player stands at the seventh second, and those two are marked."""
    assert abs(standing(page) - 7) < 0.2
    expect(page.locator("#at")).to_have_value("7-9")
    line, found = page.locator("time-line").bounding_box(), page.locator("time-line .found").bounding_box()
    assert line is not None
    assert found is not None
    assert abs((found["x"] - line["x"]) / line["width"] - 7 / 20) < 0.01


def films(folder: Path) -> Journey:
    """Three films; the middle shot of one, cut out, made smaller and encoded otherwise, is asked with."""
    files = [folder / f"film-{seed}.webm" for seed in (1, 2, 3)]
    for seed, path in enumerate(files, 1):
        path.write_bytes(film(seed, scenes=(2.0, 2.0, 2.0), fps=FPS, codec="libvpx", container="webm"))
    _cut(files[1], folder / "asked.mp4", 2.2, 3.8)
    return Journey(
        "video",
        files,
        folder / "asked.mp4",
        "video/mp4",
        "film-2.webm",
        look_at_a_film,
        encoders={"image": "classic", "audio": "classic-audio"},
        options={"every": "0.5"},
    )


def _cut(source: Path, path: Path, start: float, end: float) -> None:
    import av

    with av.open(str(source)) as whole, av.open(str(path), "w") as part:
        stream = part.add_stream("libx264", rate=FPS)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        kept = [frame for frame in whole.decode(video=0) if frame.time is not None and start <= frame.time < end]
        for number, frame in enumerate(kept):
            small = frame.reformat(128, 96, "yuv420p")
            small.pts, small.time_base = number, Fraction(1, FPS)
            part.mux(stream.encode(small))
        part.mux(stream.encode(None))


def look_at_a_film(page: Page) -> None:
    """It stands in the middle shot, and so does the strip."""
    assert 2 <= standing(page) <= 4
    here = page.locator(".strip [aria-current]")
    expect(here).to_have_count(1)
    assert 2 <= float(here.get_attribute("data-start") or "nan") < 4


def molecules(folder: Path) -> Journey:
    """Seven molecules; one of them is asked with in another spelling."""
    known = {
        "aspirin": "CC(=O)Oc1ccccc1C(=O)O",
        "salicylic acid": "OC(=O)c1ccccc1O",
        "caffeine": "Cn1cnc2c1c(=O)n(C)c(=O)n2C",
        "ibuprofen": "CC(C)Cc1ccc(cc1)C(C)C(=O)O",
        "nicotine": "CN1CCC[C@H]1c1cccnc1",
        "naphthalene": "c1ccc2ccccc2c1",
        "ethanol": "CCO",
    }
    (folder / "known.smi").write_text("".join(f"{smiles} {name}\n" for name, smiles in known.items()))
    (folder / "asked.smi").write_text("O=C(O)C1=CC=CC=C1OC(C)=O mine\n")
    return Journey(
        "molecule",
        [folder / "known.smi"],
        folder / "asked.smi",
        "chemical/x-daylight-smiles",
        "aspirin",
        look_at_a_molecule,
        next="salicylic acid",
        added=len(known),
    )


def look_at_a_molecule(page: Page) -> None:
    """The part that it shares is marked in its drawing."""
    drawing = page.get_by_role("img", name="aspirin, the shared part marked")
    assert drawing.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
    address = str(drawing.get_attribute("src"))
    marked, plain = (
        page.request.get(page.url.partition("/i/")[0] + one).text() for one in (address, address.partition("?")[0])
    )
    assert len(marked) > len(plain)
    expect(page.get_by_text("The part that it shares with what was asked is marked.")).to_be_visible()


def _letters(seed: int, alphabet: str, length: int) -> str:
    return "".join(random.Random(seed).choices(alphabet, k=length))


def _changed(letters: str, share: float, alphabet: str, seed: int = 0) -> str:
    rng = random.Random(seed)
    return "".join(rng.choice(alphabet) if rng.random() < share else letter for letter in letters)


def _fasta(folder: Path, alphabet: str) -> Sequence[Path]:
    records = {f"item-{seed}": _letters(seed, alphabet, 600) for seed in range(6)}
    records["item-3-changed"] = _changed(records["item-3"], 0.15, alphabet)
    (folder / "known.fasta").write_text("".join(f">{name}\n{letters}\n" for name, letters in records.items()))
    return [folder / "known.fasta"]


def genes(folder: Path) -> Journey:
    """Seven genes; the other strand of a part of one, with every twentieth letter changed, is asked with."""
    files = _fasta(folder, "ACGT")
    asked = _changed(_letters(3, "ACGT", 600)[200:500], 0.05, "ACGT", 1).translate(COMPLEMENT)[::-1]
    (folder / "asked.fasta").write_text(f">mine\n{asked}\n")
    return Journey(
        "sequence",
        files,
        folder / "asked.fasta",
        "text/x-fasta",
        "item-3",
        look_at_letters("ACGT"),
        next="item-3-changed",
        added=7,
    )


def proteins(folder: Path) -> Journey:
    """The same of proteins: a part of one with every tenth residue changed is asked with."""
    files = _fasta(folder, RESIDUES)
    asked = _changed(_letters(3, RESIDUES, 600)[200:500], 0.1, RESIDUES, 1)
    (folder / "asked.fasta").write_text(f">mine\n{asked}\n")
    return Journey(
        "sequence",
        files,
        folder / "asked.fasta",
        "text/x-fasta",
        "item-3",
        look_at_letters(RESIDUES),
        next="item-3-changed",
        encoders={"sequence": "protein-kmers"},
        added=7,
    )


def look_at_letters(alphabet: str) -> Callable[[Page], None]:
    """Its letters stand in rows, the aligned ones marked, to a few letters at the ends."""

    def look(page: Page) -> None:
        marks = page.locator(".letters mark")
        expect(marks.first).to_be_in_viewport()
        marked = re.sub(r"\s", "", "".join(marks.all_inner_texts()))
        whole = _letters(3, alphabet, 600)
        assert marked in whole
        assert abs(whole.index(marked) - 200) <= 10
        assert abs(len(marked) - 300) <= 20
        expect(page.get_by_text(re.compile("What was found: letters (19|20)"))).to_be_visible()

    return look


def models(folder: Path) -> Journey:
    """Four shapes and a taller needle; the needle, lying down and three times as large, is asked with."""
    shapes = {
        "box": (1, 1, 1),
        "needle": (0.1, 0.1, 2),
        "sheet": (2, 2, 0.05),
        "beam": (1, 0.3, 0.3),
        "spike": (0.1, 0.1, 2.4),
    }
    files = [folder / f"{name}.stl" for name in shapes]
    for path, shape in zip(files, shapes.values(), strict=True):
        path.write_bytes(binary_stl(CORNERS * np.array(shape), FACES))
    lying = (CORNERS * np.array(shapes["needle"]))[:, [0, 2, 1]] * [3, 3, -3]
    lines = [f"v {x} {y} {z}" for x, y, z in lying]
    (folder / "asked.obj").write_text("\n".join([*lines, *(f"f {a + 1} {b + 1} {c + 1}" for a, b, c in FACES)]))
    return Journey(
        "mesh",
        files,
        folder / "asked.obj",
        "model/obj",
        "needle.stl",
        look_at_a_model,
        next="spike.stl",
        encoders={"mesh": "mesh-shape"},
    )


def look_at_a_model(page: Page) -> None:
    """It is turned."""
    page.get_by_role("button", name="Turn it").click()
    expect(page.get_by_role("application", name="needle.stl, a 3D model")).to_be_focused()
    turned = "document.querySelector('model-turning').drawing.view.turn"
    before = page.evaluate(turned)
    page.keyboard.press("ArrowRight")
    assert page.evaluate(turned) > before


QUIET = "Nothing happened on that day, and nobody wrote a word of it. "
NOTES = {
    "tomatoes.txt": "Tomatoes want sun and a wall at their back. Water them in the morning.",
    "river.txt": f"The river in spring.\n\n{QUIET * 30}\n\nIn May the river flooded the lower meadows.\n\n{QUIET * 30}",
    "lisbon.txt": "The trams of Lisbon climb hills that no horse would.",
    "bees.txt": "Bees do not fly in the rain, and sleep long in winter.",
}


def texts(folder: Path) -> Journey:
    """Four notes; a question in other words is asked with."""
    for name, text in NOTES.items():
        (folder / name).write_text(text)
    (folder / "asked.txt").write_text("Which of the lower meadows were flooded by the river in May?")
    return Journey(
        "text",
        [folder / name for name in NOTES],
        folder / "asked.txt",
        "text/plain",
        "river.txt",
        look_at_a_text,
        encoders={"text": "hashed-text"},
    )


def look_at_a_text(page: Page) -> None:
    """It opens at the sentence that answers, which is marked."""
    mark = page.locator("#here mark")
    expect(mark).to_have_text("In May the river flooded the lower meadows.")
    expect(mark).to_be_in_viewport()
    assert page.evaluate("scrollY") > 0


def papers(folder: Path) -> Journey:
    """Three documents; a phrase of the second page of one is asked with."""
    pages = {
        "yearly.pdf": ["The committee met.\nIt spoke about the bridge.", "The glacier has lost a third of its length."],
        "cooking.pdf": ["Boil the rice.", "Salt the water, and cut the leeks."],
        "sailing.pdf": ["Reef early.", "The wind turns at noon, and the tide with it."],
    }
    for name, said in pages.items():
        (folder / name).write_bytes(documents.pdf(*said))
    (folder / "asked.html").write_text("<p>the glacier lost a third of its length</p>")
    return Journey(
        "document",
        [folder / name for name in pages],
        folder / "asked.html",
        "text/html",
        "yearly.pdf",
        look_at_a_page,
        encoders={"text": "hashed-text", "image": "classic"},
    )


def look_at_a_page(page: Page) -> None:
    """It opens at the second page."""
    expect(page.locator("#here")).to_be_in_viewport()
    expect(page.locator("#here figcaption")).to_contain_text("Page 2 of 2")


def composed(folder: Path) -> Journey:
    """Pictures of one colour; a grey one and the words that make it blue are asked with."""
    colours = {"red": (250, 20, 20), "green": (20, 250, 20), "blue": (20, 20, 250), "grey": (128, 128, 128)}
    for name, colour in colours.items():
        Image.new("RGB", (90, 60), colour).save(folder / f"{name}.png")
    Image.new("RGB", (120, 80), (124, 130, 128)).save(folder / "asked.jpg")
    return Journey(
        "image",
        [folder / f"{name}.png" for name in colours],
        folder / "asked.jpg",
        "image/jpeg",
        "blue.png",
        look_at_a_colour,
        encoders={"image": "tiny-composer"},
        words="make it blue",
    )


def look_at_a_colour(page: Page) -> None:
    """The picture is there."""
    picture = page.get_by_role("img", name="blue.png").first
    assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") == 90
