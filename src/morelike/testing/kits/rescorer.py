"""What every rescorer promises."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest

from morelike.protocols import Rescorer
from morelike.types import Payload

__all__ = ["RescorerKit"]


class RescorerKit:
    """Override ``rescorer`` and ``payloads`` (at least three that differ, of the rescorer's first kind)."""

    @pytest.fixture
    def rescorer(self) -> Rescorer:
        raise NotImplementedError

    @pytest.fixture
    def payloads(self) -> Sequence[Payload]:
        raise NotImplementedError

    def test_it_says_what_it_is(self, rescorer: Rescorer) -> None:
        """A name, the kinds that it compares, and the unit of its score."""
        assert rescorer.name
        assert rescorer.kinds
        assert rescorer.unit

    def test_nothing_is_closer_than_itself(self, rescorer: Rescorer, payloads: Sequence[Payload]) -> None:
        """Higher is closer, and a payload against itself is the highest."""
        for query in payloads:
            itself, _ = rescorer.rescore(query, query)

            assert all(rescorer.rescore(query, other)[0] <= itself for other in payloads)

    def test_the_same_pair_scores_the_same(self, rescorer: Rescorer, payloads: Sequence[Payload]) -> None:
        """Score and explanation are a function of the two payloads."""
        assert rescorer.rescore(payloads[0], payloads[1]) == rescorer.rescore(payloads[0], payloads[1])

    def test_the_explanation_is_plain(self, rescorer: Rescorer, payloads: Sequence[Payload]) -> None:
        """It goes into JSON as it is, and the score is a finite number."""
        score, why = rescorer.rescore(payloads[0], payloads[1])

        assert json.loads(json.dumps(why, allow_nan=False)) == why
        assert abs(score) < float("inf")
