"""``morelike export`` and ``morelike import``."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from conftest import Morelike


def test_out_and_into_another_library(filled: Morelike, tmp_path: Path) -> None:
    """A sentence each, and the same answers on the other side."""
    exported = filled("export", tmp_path / "bundle")
    coming = filled("import", tmp_path / "bundle", "--dry-run", "--json", "--library", tmp_path / "other")
    imported = filled("import", tmp_path / "bundle", "--library", tmp_path / "other")
    example = next((tmp_path / "pictures").rglob("0.png"))
    searches = [
        filled("search", "photos", example, "--json", "--library", tmp_path / name).json
        for name in ("library", "other")
    ]

    assert exported.code == 0, exported.err
    assert "6 items of photos are in" in exported.out
    assert coming.json["collections"][0]["items"] == 6
    assert imported.code == 0, imported.err
    assert imported.out.startswith("imported 6 into photos in")
    assert searches[0]["hits"] == searches[1]["hits"]


def test_json(filled: Morelike, tmp_path: Path) -> None:
    """Both reports, as objects."""
    exported = filled("export", tmp_path / "bundle", "photos", "--no-blobs", "--json").json
    imported = filled("import", tmp_path / "bundle", "--json", "--library", tmp_path / "other")

    assert (exported["items"], exported["collections"], exported["interrupted"]) == (6, ["photos"], False)
    assert imported.code == 3  # the bytes of six items did not come
    assert (imported.json["added"], imported.json["lost"]) == (6, 6)
    assert "6 without their bytes" in imported.err


def test_what_is_no_bundle(filled: Morelike, tmp_path: Path) -> None:
    """Sentences with what to do; options that belong to the other form."""
    (tmp_path / "empty").mkdir()
    missing = filled("import", tmp_path / "missing")
    empty = filled("import", tmp_path / "empty")
    unknown = filled("export", tmp_path / "bundle", "pictures")
    alien = filled("import", tmp_path / "empty", "--metric", "l2")

    assert (missing.code, empty.code, unknown.code, alien.code) == (2, 1, 2, 2)
    assert "there is no folder" in missing.err
    assert "is no bundle" in empty.err
    assert "`morelike export DIR` makes one" in empty.err
    assert "there is no collection 'pictures'" in unknown.err
    assert "--metric goes with `import vectors`" in alien.err


def test_vectors(morelike: Morelike, tmp_path: Path) -> None:
    """In, searched, and out again."""
    vectors = np.random.default_rng(0).normal(size=(30, 8)).astype(np.float32)
    np.save(tmp_path / "v.npy", vectors)
    (tmp_path / "v.ids.txt").write_text("".join(f"number_{at}\n" for at in range(30)))
    np.save(tmp_path / "q.npy", vectors[4])
    assert not (tmp_path / "library").exists()
    dry = morelike("import", "vectors", "vecs", "v.npy", "--dry-run")
    assert not (tmp_path / "library").exists()
    imported = morelike("import", "vectors", "vecs", "v.npy", "--metric", "l2", "--name", "mine", "--json")
    found = morelike("search", "vecs", "q.npy", "-k", "1", "--json")
    gone = morelike("get", "vecs", "number_4", "-o", "x")
    exported = morelike("export", "vectors", "vecs", "out.parquet")

    assert (dry.code, dry.out.split(" into ")[0]) == (0, "30 vectors of 8 numbers would go")
    assert imported.json["vectors"] == 30
    assert imported.json["encoder"].startswith("mine@")
    assert found.json["hits"][0]["item"] == "number_4"
    assert (gone.code, "has no bytes" in gone.err) == (1, True)
    assert exported.code == 0, exported.err
    assert (tmp_path / "out.parquet").is_file()


def test_a_folder_called_vectors(filled: Morelike, tmp_path: Path) -> None:
    """Is written ./vectors."""
    wrong = filled("export", "vectors")
    right = filled("export", "./vectors")
    back = filled("import", "./vectors", "--library", tmp_path / "other")

    assert wrong.code == 2
    assert "export ./vectors" in wrong.err
    assert (right.code, back.code) == (0, 0)
