"""Whether a card made an old server's vectors, by files of the whole table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from morelike.errors import SpaceMismatch
from morelike.lane import EncoderLane
from morelike.modalities.image import ImageModality
from morelike.moving.alike import Alike
from morelike.moving.moves import Taken
from morelike.moving.places import Place
from morelike.prepare import Budget, load_segments, read_blob
from morelike.settings import Settings
from morelike.testing.images import synthetic_image
from morelike.testing.toys import ToyEncoder
from morelike.types import Blob, SegmentSpec, Space

GROUPS, FILES = 200, 10


class Lane:
    """``Lanes`` of one encoder; counts what it was asked to encode."""

    def __init__(self) -> None:
        self.encoder = ToyEncoder()
        self.asked = 0
        self._one = EncoderLane(self.encoder)

    def lane(self, space: Space) -> EncoderLane:
        assert space.card.id == self.encoder.card.id
        self.asked += 1
        return self._one

    def close(self) -> None:
        self._one.close()


class Table:
    """Groups of files with the vectors that ``ToyEncoder`` makes of them: a few pictures under many names."""

    def __init__(self, settings: Settings) -> None:
        self.lanes = Lane()
        self.modality = ImageModality(settings)
        self.space = Space(1, 1, "image", self.lanes.encoder.card, active=True)
        self.told: list[str] = []
        self._pictures = [self._picture(seed) for seed in range(4)]
        wrong = np.random.default_rng(0).normal(size=48).astype(np.float32)
        self.wrong = wrong / np.linalg.norm(wrong)

    def _picture(self, seed: int) -> tuple[Blob, NDArray[np.float32]]:
        stream = BytesIO()
        Image.fromarray(synthetic_image(seed, 16)).save(stream, "PNG")
        blob = Blob.from_bytes(stream.getvalue(), f"{seed}.png")
        lane = self.lanes.lane(self.space)
        prepared = load_segments(self.modality, lane.encoder, blob, [SegmentSpec("image")])
        return blob, np.asarray(lane.submit("image", prepared).result()[0])

    def group(self, number: int, wrong: Sequence[int] = (), several: Sequence[int] = ()) -> list[Taken]:
        taken = []
        for at in range(FILES):
            blob, vector = self._pictures[at % len(self._pictures)]
            place = Place(f"/{number}/{at}.png", f"{at}.png", (at,), {}, lambda blob=blob: blob)  # type: ignore[misc]
            own = [self.wrong if at in wrong else vector] + ([self.wrong] if at in several else [])
            reading = read_blob(blob, self.modality, Budget())
            taken.append(Taken(place, reading, {}, list(enumerate(own))))
        return taken

    def move(self, wrong_from: int = GROUPS) -> None:
        """All groups, those from one on of another encoder."""
        alike = self.alike()
        for number in range(GROUPS):
            alike(self.space, self.group(number, range(FILES) if number >= wrong_from else ()))

    def alike(self) -> Alike:
        return Alike(self.lanes, self.modality, self.told.append)  # type: ignore[arg-type]


@pytest.fixture
def table(settings: Settings) -> Iterator[Table]:
    made = Table(settings)
    yield made
    made.lanes.close()


def test_the_first_files_of_another_card_end_the_move(table: Table) -> None:
    """Before anything is written, and the sentence names the file that is least alike."""
    with pytest.raises(SpaceMismatch, match=r"toy did not make these vectors.*least alike is /0/\d\.png"):
        table.alike()(table.space, table.group(0, wrong=range(FILES)))


def test_later_files_of_another_card_end_the_move(table: Table) -> None:
    """A table whose later half another encoder made is found out, and one of its files is named."""
    with pytest.raises(SpaceMismatch, match=r"least alike is /1\d\d/\d\.png"):
        table.move(wrong_from=GROUPS // 2)


def test_a_large_table_costs_few_encodings(table: Table) -> None:
    """Some files of all of the table are encoded, not one a group; the report says that they were alike."""
    before = table.lanes.asked
    table.move()
    assert 16 < table.lanes.asked - before < GROUPS // 2
    assert table.told == ["8 files encoded here have the old vectors (cosine 1.0000)"]


def test_the_same_files_are_looked_at_each_time(table: Table) -> None:
    """Chance has a seed: a move that is begun anew ends where it ended before."""
    ended = []
    for _ in range(2):
        with pytest.raises(SpaceMismatch) as refused:
            table.move(wrong_from=20)
        ended.append(str(refused.value))
    assert ended[0] == ended[1]


def test_one_file_that_was_changed_is_named(table: Table) -> None:
    """It ends nothing, since its bytes may be other ones than the old server's."""
    named = []
    for at in range(FILES):
        table.told.clear()
        table.alike()(table.space, table.group(0, wrong=[at]))
        named += [at for sentence in table.told if f"the old vector of /0/{at}.png is of other bytes" in sentence]
    assert len(named) >= FILES // 2  # as many as are among those that are looked at


def test_vectors_of_objects_are_not_held_against_pictures(table: Table) -> None:
    """Where many files have several vectors, one alone may be of an object too: said, and nothing is refused."""
    alike = table.alike()
    alike(table.space, table.group(0, wrong=range(FILES), several=[0, 1, 2, 3]))
    assert len(table.told) == 1
    assert "of objects" in table.told[0]
    alike(table.space, table.group(1, wrong=range(FILES)))
    assert len(table.told) == 1


def test_files_with_several_vectors_alone_are_not_looked_at(table: Table) -> None:
    """There is nothing to compare then, and that is said."""
    table.alike()(table.space, table.group(0, several=range(FILES)))
    assert "no file here has just one" in table.told[0]
