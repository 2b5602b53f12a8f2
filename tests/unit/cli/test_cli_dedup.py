"""``morelike dedup`` as people call it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from PIL import Image

from morelike.cli.progress import Reporter
from morelike.progress import Progress
from morelike.testing.images import synthetic_image


@pytest.fixture
def doubled(morelike, tmp_path: Path):
    """Four different pictures in ``photos``, one of them also smaller, and one twice."""
    folder = tmp_path / "doubled"
    folder.mkdir()
    for seed in range(4):
        Image.fromarray(synthetic_image(seed, (400, 300))).save(folder / f"{seed}.png")
    Image.fromarray(synthetic_image(0, (400, 300))).resize((200, 150)).save(folder / "small.jpg")
    (folder / "again.png").write_bytes((folder / "1.png").read_bytes())
    added = morelike("add", "photos", folder, "--encoder", "classic", "--quiet")
    assert added.code == 0, added.err
    return morelike


def test_dedup_shows_and_changes_nothing(doubled) -> None:
    """Without --apply the groups are shown, with what stays, and how to go on."""
    ran = doubled("dedup", "photos")

    assert ran.code == 0
    assert "keep" in ran.out
    assert "0.png" in ran.out
    assert "small.jpg" in ran.out
    assert "the same bytes at several places" in ran.out
    assert "1 found at several places; 1 group of near duplicates, 1 that could be set aside" in ran.out
    assert "nothing was changed; set them aside: morelike dedup photos --apply" in ran.out
    assert doubled("count", "photos").json == 5
    assert doubled("dedup", "photos", "--dry-run").out == ran.out


def test_dedup_json(doubled) -> None:
    """The groups with their members, their scores and what these are made of."""
    report = doubled("dedup", "photos", "--json").json

    assert set(report) == {
        *("collection", "run", "groups", "set_aside", "would_free", "passed_over", "looked_at", "near", "seconds"),
        "interrupted",
    }
    equal, near = sorted(report["groups"], key=lambda group: group["kind"])
    assert [Path(member["source"]).name for member in near["members"]] == ["0.png", "small.jpg"]
    assert {Path(member["source"]).name for member in equal["members"]} == {"1.png", "again.png"}
    assert set(near["members"][1]["why"]) == {"places", "worst", "colour", "overlap"}
    assert (report["run"], report["looked_at"]) == (None, 5)


def test_apply_and_undo(doubled) -> None:
    """--apply sets aside, says how to undo it, and that call brings it back."""
    applied = doubled("dedup", "photos", "--apply")

    assert applied.code == 0
    assert "set aside 1; --purge would free" in applied.out
    assert doubled("count", "photos").json == 4
    listed = doubled("dedup", "photos", "--aside", "--json").json["set_aside"]
    assert [set(row) for row in listed] == [{"item", "keeper", "run", "score", "at"}]
    (undo,) = [line for line in applied.out.splitlines() if line.startswith("undo: ")]
    ran = doubled(*undo.removeprefix("undo: morelike ").split())
    assert (ran.code, ran.out) == (0, "brought back 1 item\n")
    assert doubled("count", "photos").json == 5
    assert doubled("dedup", "photos", "--aside").out == "nothing is set aside\n"


def test_show_names_the_keeper(doubled) -> None:
    """An item that was set aside says so, and for which other."""
    doubled("dedup", "photos", "--apply")
    (row,) = doubled("dedup", "photos", "--aside", "--json").json["set_aside"]

    shown = doubled("show", "photos", row["item"], "--json").json

    assert (shown["state"], shown["duplicate_of"]) == ("duplicate", row["keeper"])
    assert f"duplicate of {row['keeper']}" in doubled("show", "photos", row["item"]).out
    assert "duplicate_of" not in doubled("show", "photos", row["keeper"], "--json").json


def test_purge_asks(doubled) -> None:
    """Where nobody can be asked it takes --yes; then the item is gone for good."""
    doubled("dedup", "photos", "--apply")

    refused = doubled("dedup", "photos", "--purge")
    done = doubled("dedup", "photos", "--purge", "--yes", "--json")

    assert refused.code == 2
    assert "--yes" in refused.err
    assert done.json == {"removed": 1}
    assert doubled("dedup", "photos", "--undo", "--json").json == {"brought_back": 0}


def test_not_duplicates(doubled) -> None:
    """Two that a person told apart stay apart, until that is forgotten."""
    group = next(g for g in doubled("dedup", "photos", "--json").json["groups"] if g["kind"] == "near")
    ids = [member["item"][:12] for member in group["members"]]

    assert doubled("dedup", "photos", *ids, "--not-duplicates").code == 0
    assert "0 groups" in doubled("dedup", "photos").out
    assert doubled("dedup", "photos", *ids, "--forget").code == 0
    assert "1 group of" in doubled("dedup", "photos").out


def test_exact_looks_at_no_picture(doubled) -> None:
    """--exact lists the same bytes at several places, and nothing else."""
    report = doubled("dedup", "photos", "--exact", "--json").json

    assert [group["kind"] for group in report["groups"]] == ["equal"]
    assert (report["looked_at"], report["near"]) == (0, False)


def test_a_lost_original_is_exit_code_3(morelike, tmp_path: Path) -> None:
    """What could not be looked at is named, and the rest is."""
    for seed in range(3):
        Image.fromarray(synthetic_image(seed)).save(tmp_path / f"{seed}.png")
    morelike("add", "photos", *tmp_path.glob("*.png"), "--in-place", "--encoder", "classic", "--quiet")
    (tmp_path / "1.png").unlink()

    ran = morelike("dedup", "photos")

    assert ran.code == 3
    assert "passed over 1.png" in ran.out


def test_interrupted_dedup_changes_nothing(doubled, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C ends it with 130, and every item is where it was."""
    show = Reporter.ingest

    def interrupt(reporter: Reporter, progress: Progress) -> None:
        if not told:
            told.append(progress)
            os.kill(os.getpid(), signal.SIGINT)
        show(reporter, progress)

    told: list[Progress] = []
    monkeypatch.setattr(Reporter, "ingest", interrupt)

    ran = doubled("dedup", "photos", "--apply")

    assert ran.code == 130
    assert "nothing was changed" in ran.err
    assert doubled("count", "photos").json == 5


@pytest.mark.parametrize(
    "arguments",
    [
        ["--apply", "--undo"],
        ["--dry-run", "--apply"],
        ["--run", "x"],
        ["--not-duplicates"],
        ["0123456789ab"],
        ["--keep", "prettiest"],
        ["--threshold", "2"],
        ["--undo", "--run", "none"],
        ["--purge", "--run", "none", "--yes"],
    ],
)
def test_wrong_usage(doubled, arguments: list[str]) -> None:
    """What makes no sense is refused with a sentence and exit code 2."""
    ran = doubled("dedup", "photos", *arguments)

    assert ran.code == 2
    assert ran.err.strip()
