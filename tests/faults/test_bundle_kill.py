"""Exports and imports that are killed at every point end as if they never had been."""

from __future__ import annotations

import json
import shutil
import signal
from pathlib import Path

import pytest
from forking import Run

import morelike
from morelike import faults
from morelike.records import Aside
from morelike.testing.equality import differences
from morelike.testing.images import write_images
from morelike.testing.toys import ToyEncoder

pytestmark = pytest.mark.xdist_group("killed bundles")

PICTURES = 70


@pytest.fixture(scope="module")
def library_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two collections: pictures kept, one set aside, one rejected; and some of them again."""
    folder = tmp_path_factory.mktemp("bundle")
    write_images(folder / "pictures", PICTURES, seed=7)
    (folder / "pictures" / "bad.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    with morelike.open(library=folder / "library", offline=True) as library:
        photos = library.collection("photos", modality="image", encoder=ToyEncoder())
        photos.add(folder / "pictures", tags=["t"], metadata={"k": 1})
        items = photos.items(limit=20)
        photos._stores.catalog.set_aside(photos._record, [Aside(items[9].id, items[8].id, "run", 0.5)])
        photos._stores.catalog.mark_distinct(photos._record, [(items[1].id, items[2].id)])
        some = library.collection("some", modality="image", encoder=ToyEncoder())
        some.add(*sorted((folder / "pictures").glob("*.*"))[:20], in_place=True)
    return folder / "library"


@pytest.fixture(scope="module")
def bundle(run_driver: Run, library_folder: Path) -> Path:
    """One that was exported without interruption."""
    folder = library_folder.with_name("whole")
    assert run_driver("bundle_driver", "export", library_folder, folder, "none", 0).returncode == 0
    return folder


def _files(bundle: Path) -> dict[str, bytes]:
    """All but the notes and when it was made."""
    found = {
        str(path.relative_to(bundle)): path.read_bytes()
        for path in bundle.rglob("*")
        if path.is_file() and path.suffix in {".parquet", ".tar", ".part"}
    }
    manifest = json.loads((bundle / "manifest.json").read_text())
    return {**found, "manifest": json.dumps({**manifest, "made_at": ""}).encode()}


def test_an_export_killed_at_every_point(run_driver: Run, library_folder: Path, bundle: Path, tmp_path: Path) -> None:
    """One folder, killed at each point in turn and then run to the end: file by file the bundle of a run that was
    never interrupted; what was finished is not written again.
    """
    killed = []
    for nth in (1, 4):
        for point in faults.EXPORT_POINTS[:3]:
            result = run_driver("bundle_driver", "export", library_folder, tmp_path / "broken", point, nth)
            assert result.returncode == -signal.SIGKILL, result.stderr
            killed.append(point)
            assert not (tmp_path / "broken" / "manifest.json").exists()
    for point in faults.EXPORT_POINTS[3:]:
        result = run_driver("bundle_driver", "export", library_folder, tmp_path / "broken", point, 1)
        assert result.returncode == -signal.SIGKILL, result.stderr
        killed.append(point)
    last = run_driver("bundle_driver", "export", library_folder, tmp_path / "broken", "none", 0)

    assert last.returncode == 0, last.stderr
    assert json.loads(last.stdout)["written"] == 0
    assert _files(tmp_path / "broken") == _files(bundle)
    assert set(killed) == set(faults.EXPORT_POINTS)


def test_an_import_killed_at_every_point(run_driver: Run, library_folder: Path, bundle: Path, tmp_path: Path) -> None:
    """One library, killed at each point in turn and then run to the end: equal to the first one, bit for bit."""
    killed, progress = [], [0]
    for point in faults.IMPORT_POINTS:
        result = run_driver("bundle_driver", "import", tmp_path / "library", bundle, point, 1)
        assert result.returncode == -signal.SIGKILL, result.stderr
        killed.append(point)
        with morelike.open(library=tmp_path / "library", offline=True) as library:
            summaries = library.collections()
            store = library._stores.vectors
            searchable = sum(summary.items for summary in summaries)
            vectors = sum(store.count(space) for summary in summaries for space in summary.spaces)
        assert vectors >= searchable >= progress[-1]
        progress.append(searchable)
    last = run_driver("bundle_driver", "import", tmp_path / "library", bundle, "none", 0)

    assert last.returncode == 0, last.stderr
    with (
        morelike.open(library=library_folder, offline=True) as one,
        morelike.open(library=tmp_path / "library", offline=True) as other,
    ):
        assert differences(one, other) == []
        assert other.doctor().findings == []
    assert len(set(progress)) > 2
    assert set(killed) == set(faults.IMPORT_POINTS)


def test_a_library_that_changed_between_two_exports(run_driver: Run, library_folder: Path, tmp_path: Path) -> None:
    """An export that was killed, and a collection that changed since: nothing of what was before is in the bundle."""
    library = tmp_path / "library"
    shutil.copytree(library_folder, library)
    result = run_driver("bundle_driver", "export", library, tmp_path / "broken", "part.noted", 12)
    assert result.returncode == -signal.SIGKILL, result.stderr
    with morelike.open(library=library, offline=True) as opened:
        photos = opened.collection("photos")
        photos.remove([photos.items(limit=1)[0].id])
        photos.tag([photos.items(limit=1)[0].id], ["later"])
    assert run_driver("bundle_driver", "export", library, tmp_path / "broken", "none", 0).returncode == 0
    assert run_driver("bundle_driver", "import", tmp_path / "other", tmp_path / "broken", "none", 0).returncode == 0

    with (
        morelike.open(library=library, offline=True) as one,
        morelike.open(library=tmp_path / "other", offline=True) as other,
    ):
        assert differences(one, other) == []
