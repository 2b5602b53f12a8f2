"""Each command against a real library of small pictures."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from morelike.cli.progress import Reporter
from morelike.progress import Progress


def ids(filled) -> dict[str, str]:
    """File name to item id."""
    return {Path(item["source"]).name: item["item"] for item in filled("ls", "photos", "--json").json["items"]}


def test_add_reports(morelike, pictures: Path) -> None:
    """``add`` says what it added and how to search it, and which encoder it chose."""
    ran = morelike("add", "photos", pictures)

    assert ran.code == 0
    assert ran.out.startswith("added 6 in ")
    assert "morelike search photos EXAMPLE" in ran.out
    assert "classic" in ran.err


def test_add_again_does_nothing(filled, pictures: Path) -> None:
    """A second run finds everything there already."""
    report = filled("add", "photos", pictures, "--json").json

    assert (report["added"], report["same"], report["rejected"]) == (0, 6, 0)


def test_add_json(morelike, pictures: Path) -> None:
    """``add --json`` is the report, and only that."""
    report = morelike("add", "photos", pictures, "--json").json

    assert set(report) == {
        *("collection", "added", "same", "replaced", "removed", "rejected", "rejected_before"),
        *("rejections", "seconds", "stages", "interrupted"),
    }
    assert (report["collection"], report["added"], report["interrupted"]) == ("photos", 6, False)


def test_rejected_items_are_exit_code_3(morelike, pictures: Path) -> None:
    """A file that cannot be used is named with its reason; the rest is added; the code is 3, then and later."""
    (pictures / "broken.png").write_bytes((pictures / "a" / "0.png").read_bytes()[:60])

    first, second = morelike("add", "photos", pictures), morelike("add", "photos", pictures)

    assert (first.code, second.code) == (3, 3)
    assert "added 6, rejected 1" in first.out
    assert "broken.png" in first.out
    assert "morelike ls photos --rejected" in first.out
    assert "--retry tries them again" in second.out


def test_interrupted_add_continues(morelike, pictures: Path, draw, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends ``add`` with 130 and says how many are in; the same command adds the rest, and nothing twice."""
    for seed in range(100, 160):
        draw(pictures / f"{seed}.png", seed)
    for setting, value in {"COMMIT_ITEMS": "1", "LOOK_AHEAD": "8", "WORKERS": "1"}.items():
        monkeypatch.setenv(f"MORELIKE_{setting}", value)
    show = Reporter.ingest

    def interrupt_once(reporter: Reporter, progress: Progress) -> None:
        if progress.done and not told:
            told.append(progress.done)
            os.kill(os.getpid(), signal.SIGINT)
        show(reporter, progress)

    told: list[int] = []
    monkeypatch.setattr(Reporter, "ingest", interrupt_once)

    first = morelike("add", "photos", pictures, "--encoder", "classic", "--json")
    second = morelike("add", "photos", pictures, "--json")

    assert (first.code, second.code) == (130, 0)
    assert 0 < first.json["added"] < 66
    assert first.json["interrupted"] is True
    assert f"interrupted: {first.json['added']} items are in" in first.err
    assert first.json["added"] + second.json["added"] == 66
    assert second.json["same"] == first.json["added"]


def test_ls_rejected(morelike, pictures: Path) -> None:
    """The ledger has the file, the stage and the reason."""
    (pictures / "broken.png").write_bytes((pictures / "a" / "0.png").read_bytes()[:60])
    morelike("add", "photos", pictures)

    answer = morelike("ls", "photos", "--rejected", "--json").json
    text = morelike("ls", "photos", "--rejected").out

    assert answer["more"] is False
    assert [Path(row["source"]).name for row in answer["rejected"]] == ["broken.png"]
    assert set(answer["rejected"][0]) == {"source", "item", "stage", "reason", "attempts", "at"}
    assert "decode: " in text


def test_retry_without_sources(morelike, pictures: Path) -> None:
    """``add --retry`` alone takes up what was rejected and is well now."""
    bad = pictures / "late.png"
    whole = (pictures / "a" / "0.png").read_bytes()
    bad.write_bytes(whole[:60])
    morelike("add", "photos", pictures)
    bad.write_bytes(whole)

    assert morelike("add", "photos", "--retry").code == 0
    assert morelike("ls", "photos", "--rejected", "--json").json["rejected"] == []


def test_add_options_reach_the_items(morelike, pictures: Path) -> None:
    """--exclude, --tag, --meta and --in-place do what they say."""
    extra = ["--exclude", "5.png", "--tag", "x", "--tag", "y", "--meta", "year=2024", "--meta", "who=me", "--in-place"]
    morelike("add", "photos", pictures, *extra)

    items = morelike("ls", "photos", "--json").json["items"]

    assert len(items) == 5
    assert all(item["tags"] == ["x", "y"] and item["in_place"] for item in items)
    assert all(item["sources"][0]["metadata"] == {"year": 2024, "who": "me"} for item in items)
    assert morelike("count", "photos", "--filter", "year > 2023 and tag = 'x'").out == "5\n"


def test_sync(filled, pictures: Path) -> None:
    """``add --sync`` removes what is gone from the source."""
    (pictures / "a" / "0.png").unlink()

    report = filled("add", "photos", pictures, "--sync", "--json").json

    assert report["removed"] == 1
    assert filled("count", "photos").out == "5\n"


def test_a_source_that_fails_leaves_no_empty_collection(morelike, tmp_path: Path) -> None:
    """What nobody could read a single item of is not listed afterwards."""
    (tmp_path / "table.csv").write_text("price,colour\n1,red\n")
    result = morelike("add", "new", str(tmp_path / "table.csv"))

    assert result.code == 1
    assert "new" not in morelike("ls").out


def test_dry_run_leaves_nothing(morelike, pictures: Path) -> None:
    """``--dry-run`` estimates and creates neither a collection nor a library."""
    (pictures / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")

    ran = morelike("add", "photos", pictures, "--dry-run", "--json")

    assert ran.code == 0
    assert (ran.json["files"], ran.json["sampled"], len(ran.json["rejected"])) == (7, 7, 1)
    assert not (pictures.parent / "library").exists()
    assert "nothing was changed" in morelike("add", "photos", pictures, "--dry-run").out


def interrupt_at(monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    """Ctrl-C at the first word of a run's progress."""
    show = getattr(Reporter, method)

    def interrupt_once(reporter: Reporter, progress: Progress) -> None:
        if not told:
            told.append(progress)
            os.kill(os.getpid(), signal.SIGINT)
        show(reporter, progress)

    told: list[Progress] = []
    monkeypatch.setattr(Reporter, method, interrupt_once)


def test_interrupted_dry_run(morelike, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends it with 130 as it ends ``add``, and says what was found until then."""
    interrupt_at(monkeypatch, "tried")
    ran = morelike("add", "photos", pictures, "--dry-run", "--json")
    monkeypatch.undo()
    interrupt_at(monkeypatch, "tried")
    told = morelike("add", "photos", pictures, "--dry-run")

    assert (ran.code, ran.json["interrupted"], ran.json["files"], ran.json["sampled"]) == (130, True, 1, 0)
    assert "interrupted: nothing was changed" in ran.err
    assert told.code == 130
    assert told.out == "1 file; none of them tried; nothing was changed\n"


def test_interrupted_upkeep(filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """``doctor`` and ``eval`` end with 130 too, and say that they are not whole."""
    for method in ("examined", "measured"):
        interrupt_at(monkeypatch, method)
    looked, measured = filled("doctor", "--json"), filled("eval", "photos", "--json")

    assert (looked.code, looked.json["interrupted"], looked.json["ok"]) == (130, True, False)
    assert (measured.code, measured.json["interrupted"], measured.json["queries"]) == (130, True, 0)
    assert "interrupted: not all was looked at" in looked.err
    assert "interrupted: nothing was measured" in measured.err


def test_dry_run_of_a_collection_that_is_there(filled, pictures: Path, draw) -> None:
    """It uses that collection's encoder and adds nothing to it."""
    draw(pictures / "new.png", 99)

    answer = filled("add", "photos", pictures, "--dry-run", "--json").json

    assert answer["encoder"] == "classic"
    assert filled("count", "photos").out == "6\n"


def test_search_shape(filled, pictures: Path) -> None:
    """``search --json`` has the documented shape, best first, and says that there are more."""
    answer = filled("search", "photos", pictures / "a" / "1.png", "-k", 2, "--json").json

    assert set(answer) == {"hits", "more", "nothing_similar"}
    assert answer["more"] is True
    assert len(answer["hits"]) == 2
    shape = {"item", "source", "score", "percentile", "unit", "kind", "span", "segment", "metadata"}
    assert set(answer["hits"][0]) == shape
    assert answer["hits"][0]["source"].endswith("a/1.png")
    assert answer["hits"][0]["score"] == pytest.approx(1, abs=1e-4)
    assert answer["hits"][0]["score"] >= answer["hits"][1]["score"]


def test_search_table(filled, pictures: Path) -> None:
    """The table has a place, a score of three decimals, the id's beginning and the path as called from here."""
    ran = filled("search", "photos", pictures / "a" / "1.png", "-k", 3)
    head, first, *_ = ran.out.splitlines()

    assert head.split() == ["#", "score", "item", "source"]
    assert first.split() == ["1", "1.000", ids(filled)["1.png"][:12], "pictures/a/1.png"]
    assert "--offset 3" in ran.err


def test_pages_meet(filled, pictures: Path) -> None:
    """Two pages of three are one page of six, and the last page says that it is the last."""
    example = pictures / "a" / "1.png"
    whole = filled("search", "photos", example, "-k", 6, "--json").json
    pages = [filled("search", "photos", example, "-k", 3, "--offset", at, "--json").json for at in (0, 3)]

    assert [hit["item"] for page in pages for hit in page["hits"]] == [hit["item"] for hit in whole["hits"]]
    assert [page["more"] for page in pages] == [True, False]


def test_search_by_item_id(filled) -> None:
    """The beginning of an item's id is an example; the item itself is left out of the answer."""
    item = ids(filled)["1.png"]

    found = [hit["item"] for hit in filled("search", "photos", item[:12], "--json").json["hits"]]

    assert len(found) == 5
    assert item not in found


def test_search_by_standard_input(filled, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``-`` reads the example's bytes from standard input."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((pictures / "b" / "4.png").read_bytes())))

    assert filled("search", "photos", "-", "--json").json["hits"][0]["source"].endswith("b/4.png")


def test_standard_input_has_an_end(filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than a file may have is refused, not read on for ever."""
    monkeypatch.setenv("MORELIKE_MAX_FILE_SIZE", "1000")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"x" * 2000)))

    ran = filled("search", "photos", "-")

    assert ran.code == 2
    assert "MORELIKE_MAX_FILE_SIZE" in ran.err


def test_filter_and_threshold(filled, pictures: Path) -> None:
    """A filter and a threshold leave out what does not fit."""
    example = pictures / "a" / "1.png"
    in_b = filled("search", "photos", example, "--filter", "path like '*/b/*'", "--json").json["hits"]
    close = filled("search", "photos", example, "--threshold", "0.99", "--json").json["hits"]

    assert {Path(hit["source"]).parent.name for hit in in_b} == {"b"}
    assert [Path(hit["source"]).name for hit in close] == ["1.png"]


def test_plus_minus_and_weights(filled, pictures: Path) -> None:
    """Weights are dealt out over example, --plus and --minus in that order."""
    one, two, three = (pictures / "a" / f"{n}.png" for n in range(3))
    parts = [one, "--plus", two, "--minus", three]
    weak = filled("search", "photos", *parts, "--weight", 0.01, "--weight", 1, "--weight", 0.01, "--json").json["hits"]
    even = filled("search", "photos", *parts, "--json").json["hits"]

    assert Path(weak[0]["source"]).name == "1.png"
    assert Path(even[-1]["source"]).name == "2.png"


def test_wrong_number_of_weights(filled, pictures: Path) -> None:
    """A weight too many or too few is refused, not guessed at."""
    ran = filled("search", "photos", pictures / "a" / "0.png", "--weight", 1, "--weight", 2)

    assert ran.code == 2
    assert "2 weights for 1 parts" in ran.err


@pytest.mark.parametrize("crop", ["0,0,1,1", "0%,0%,100%,100%", " 0, 0 ,1,100%"])
def test_crop_of_everything(filled, pictures: Path, crop: str) -> None:
    """A crop is read as fractions or percent; the whole picture is the picture."""
    hit = filled("search", "photos", pictures / "a" / "1.png", "--crop", crop, "--json").json["hits"][0]

    assert hit["source"].endswith("a/1.png")


@pytest.mark.parametrize("crop", ["", "1,2,3", "a,b,c,d", "0.5,0,0.5,1", "-0.1,0,1,1", "0,0,60,60", "nan,0,1,1"])
def test_crops_that_are_none(filled, pictures: Path, crop: str) -> None:
    """A box that is none, or lies outside the picture, is refused with how to write one."""
    ran = filled("search", "photos", pictures / "a" / "1.png", f"--crop={crop}")

    assert ran.code == 2
    assert "--crop 0.1,0.2,0.9,1" in ran.err


def test_explain(filled, pictures: Path) -> None:
    """``--explain`` says where the time went."""
    ran = filled("search", "photos", pictures / "a" / "1.png", "--explain")
    answer = filled("search", "photos", pictures / "a" / "1.png", "--explain", "--json").json

    assert "time: " in ran.out
    assert set(answer) == {"hits", "more", "nothing_similar", "timings"}
    assert "why" in answer["hits"][0]


def test_pictures_in_a_terminal(filled, pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal ``--picture`` adds thumbnails below the table; elsewhere, and with --no-picture, none come."""
    command = ["search", "photos", pictures / "a" / "1.png", "-k", 2]
    piped = filled(*command, "--picture").out
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm-kitty")
    monkeypatch.delenv("TMUX", raising=False)

    assert "\x1b" not in piped
    assert "\x1b_Ga=T,f=100," in filled(*command).out
    assert "\x1b_G" not in filled(*command, "--no-picture").out
    monkeypatch.setenv("TERM", "xterm")
    assert "▀" not in filled(*command).out
    assert "▀" in filled(*command, "--picture").out


def test_bytes_do_not_spoil_a_terminal(filled, monkeypatch: pytest.MonkeyPatch) -> None:
    """``get`` without ``-o`` writes no bytes to a terminal."""
    item = ids(filled)["0.png"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)

    ran = filled("get", "photos", item)

    assert (ran.code, ran.out) == (2, "")
    assert "-o FILE" in ran.err


def test_ls_collections(filled) -> None:
    """``ls`` alone lists collections."""
    answer = filled("ls", "--json").json

    assert [(one["name"], one["modality"], one["items"]) for one in answer["collections"]] == [("photos", "image", 6)]
    assert filled("ls").out.splitlines()[1].split() == ["photos", "image", "6", "0", "classic"]


def test_empty_library(morelike) -> None:
    """A library without collections says how to make one."""
    assert morelike("ls", "--json").json == {"collections": []}
    assert "morelike add" in morelike("ls").out


def test_ls_pages(filled) -> None:
    """``ls --limit`` says whether there are more, and where."""
    answer = filled("ls", "photos", "--limit", 4, "--json").json

    assert (len(answer["items"]), answer["more"]) == (4, True)
    assert len(filled("ls", "photos", "--limit", 4, "--offset", 4, "--json").json["items"]) == 2
    assert "--offset 4" in filled("ls", "photos", "--limit", 4).err


def test_show(filled) -> None:
    """``show`` prints what is known of one item."""
    item = ids(filled)["0.png"]

    text, shape = filled("show", "photos", item[:8]).out, filled("show", "photos", item, "--json").json

    assert shape["item"] == item
    assert (shape["info"]["width"], shape["media_type"]) == (60, "image/png")
    assert "pictures/a/0.png" in text


def test_get_to_a_file(filled, pictures: Path, tmp_path: Path) -> None:
    """``get -o`` writes the original bytes, and overwrites nothing."""
    item = ids(filled)["0.png"]
    target = tmp_path / "out.png"

    first, second = (filled("get", "photos", item, "-o", target, "--json") for _ in range(2))

    assert first.json == {"item": item, "output": str(target), "size": target.stat().st_size}
    assert target.read_bytes() == (pictures / "a" / "0.png").read_bytes()
    assert (second.code, "exists" in second.err) == (2, True)


def test_get_to_a_pipe(filled, pictures: Path) -> None:
    """Without ``-o`` the bytes go to standard output."""
    command = [sys.executable, "-m", "morelike", "get", "photos", ids(filled)["0.png"]]

    assert subprocess.run(command, capture_output=True, check=True).stdout == (pictures / "a" / "0.png").read_bytes()


def test_tag(filled) -> None:
    """Tags and metadata are added, found by filters, and removed."""
    item = ids(filled)["0.png"]

    filled("tag", "photos", item[:8], "--add", "cat", "--meta", "year=1999")
    assert filled("count", "photos", "--filter", "tag = 'cat' and year < 2000").out == "1\n"

    filled("tag", "photos", item[:8], "--remove", "cat", "--meta", "year=")
    assert filled("count", "photos", "--filter", "tag = 'cat'").out == "0\n"
    assert filled("count", "photos", "--filter", "has year").out == "0\n"


def test_tag_needs_something_to_do(filled) -> None:
    """``tag`` without a change is wrong usage."""
    assert filled("tag", "photos", ids(filled)["0.png"]).code == 2


def test_rm(filled) -> None:
    """``rm --yes`` removes items by id and by filter."""
    item = ids(filled)["0.png"]

    assert filled("rm", "photos", item[:8], "--yes", "--json").json == {"removed": 1, "items": [item]}
    assert filled("rm", "photos", "--filter", "path like '*/b/*'", "-y").out == "removed 3 items\n"
    assert filled("count", "photos").out == "2\n"


@pytest.mark.parametrize("arguments", [["rm", "photos", "--filter", "width > 0"], ["drop", "photos"]])
def test_nothing_is_lost_unasked(filled, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    """Where nobody can be asked, removing needs ``--yes``."""
    monkeypatch.setattr("sys.stdin", io.StringIO())

    ran = filled(*arguments)

    assert ran.code == 2
    assert "--yes" in ran.err
    assert filled("count", "photos").out == "6\n"


def test_rm_of_everything_by_accident(filled) -> None:
    """``rm`` without items and filter is refused."""
    assert filled("rm", "photos", "--yes").code == 2
    assert filled("count", "photos").out == "6\n"


def test_drop(filled) -> None:
    """``drop --yes`` removes the collection."""
    assert filled("drop", "photos", "--yes", "--json").json == {"dropped": "photos", "items": 6}
    assert filled("ls", "--json").json == {"collections": []}


def test_count_is_a_number(filled) -> None:
    """``count`` prints the number alone, with --json too."""
    assert filled("count", "photos").out == filled("count", "photos", "--json").out == "6\n"


def test_eval(filled) -> None:
    """``eval`` measures by parent folder and gives intervals."""
    answer = filled("eval", "photos", "--labels", "parent-folder", "--json").json

    measures = {"p_at_1", "p_at_5", "map", "queries", "items", "labels", "folds", "intervals"}
    assert set(answer) == {*measures, "interrupted"}
    assert (answer["queries"], answer["labels"]) == (6, 2)
    assert all(0 <= answer[name] <= 1 for name in ("p_at_1", "p_at_5", "map"))
    assert "mAP" in filled("eval", "photos").out


def test_doctor_is_content(filled) -> None:
    """A library that nothing happened to is well."""
    assert filled("doctor", "--json").json == {"ok": True, "findings": [], "interrupted": False}


def test_encoders(morelike) -> None:
    """``encoders`` lists cards; ``classic`` is always here."""
    shapes = {one["name"]: one for one in morelike("encoders", "--json").json["encoders"]}

    assert shapes["classic"]["here"] is True
    assert "image" in shapes["classic"]["kinds"]
    assert "classic" in morelike("encoders", "--kind", "image").out
    assert morelike("encoders", "--kind", "smell", "--json").json == {"encoders": []}


def test_models_list(morelike) -> None:
    """``models list`` says licence, size, width, whether it is here and whether the project ran it."""
    shapes = morelike("models", "list", "--json").json["models"]

    assert all({"licence", "size", "dim", "here", "run_here"} <= set(shape) for shape in shapes)
    assert "licence" in morelike("models", "list").out


def test_models_that_are_not_here(morelike) -> None:
    """Offline, a pull says that it is forbidden; verify says that nothing is here but what ships."""
    assert morelike("models", "pull", "dinov2-small").code == 1
    assert morelike("models", "verify", "dinov2-small").code == 1
    shipped = {"name": "tirg-css", "faults": []}
    assert morelike("models", "verify", "--json").json == {"ok": True, "models": [shipped]}
    assert morelike("models", "pull", "dinov2-smal").code == 2


def test_names_that_steer_terminals(morelike, pictures: Path, draw) -> None:
    """Escapes, line ends, markup and emoji codes in a file's name are printed as they are, and steer nothing."""
    folder = pictures / "odd"
    folder.mkdir()
    draw(folder / "a\x1b[31mred\n[bold]x[|bold]:smile:.png", 50)

    for ran in (
        morelike("add", "odd", folder, "--encoder", "classic"),
        morelike("ls", "odd"),
        morelike("ls", "odd", "--json"),
    ):
        assert ran.code == 0, ran.err
        assert "\x1b" not in ran.out
    assert "\\x1b[31mred\\n[bold]x[|bold]:smile:.png" in morelike("ls", "odd").out


def test_names_that_are_not_text(morelike, pictures: Path) -> None:
    """A file name that is not UTF-8 is added, listed and found."""
    odd = os.fsencode(pictures) + b"/\xff\xfe.png"
    os.rename(os.fsencode(pictures / "a" / "0.png"), odd)

    assert morelike("add", "photos", pictures, "--encoder", "classic", "--json").json["added"] == 6
    assert "\\udcff\\udcfe.png" in morelike("ls", "photos").out
    assert len(morelike("ls", "photos", "--json").json["items"]) == 6


def test_a_wrong_path_adds_nothing(morelike, pictures: Path) -> None:
    """A source that does not exist ends the call before a collection is made, whatever stands beside it."""
    ran = morelike("add", "photos", pictures, "nowhere", "--encoder", "classic")

    assert ran.code == 1
    assert "nowhere" in ran.err
    assert "no collections yet" in morelike("ls").out


def test_an_empty_folder_is_said_so(morelike, tmp_path: Path) -> None:
    """Where there was nothing to add, ``add`` says so."""
    (tmp_path / "empty").mkdir()

    assert morelike("add", "photos", tmp_path / "empty", "--encoder", "classic").out == "there was nothing to add\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--filter", "nothing = 1"), "no item matches the filter"),
        (("--threshold", "2"), "no score reaches 2"),
        (("--offset", "1000"), "fewer than 1001 hits"),
    ],
)
def test_nothing_found_says_why(filled, options: tuple[str, str], said: str) -> None:
    """A search that finds nothing says what to look at."""
    ran = filled("search", "photos", "pictures/a/0.png", *options)

    assert ran.code == 0
    assert ran.out == "nothing found\n"
    assert said in ran.err


def test_next_steps_name_the_library(morelike, pictures: Path, tmp_path: Path) -> None:
    """What ``add`` proposes next reaches the library that it added to."""
    ran = morelike("add", "photos", pictures, "--encoder", "classic", "--library", tmp_path / "other one")

    assert f"morelike search photos EXAMPLE --library '{tmp_path}/other one'" in ran.out


def test_weights_are_numbers(filled) -> None:
    """A weight that is not finite is refused with a sentence."""
    ran = filled("search", "photos", "pictures/a/0.png", "--weight", "nan")

    assert ran.code == 2
    assert "--weight" in ran.err
