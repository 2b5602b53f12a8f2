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

    def test_it_takes_what_it_compares(self, rescorer: Rescorer, payloads: Sequence[Payload]) -> None:
        """Each of them can be the query, and it looks no negative length around a candidate."""
        assert all(rescorer.takes(payload) for payload in payloads)
        assert all(rescorer.around(payload) >= 0 for payload in payloads)

    def test_nothing_is_closer_than_itself(self, rescorer: Rescorer, payloads: Sequence[Payload]) -> None:
        """Higher is closer, and a payload against itself is the highest."""
        for query in payloads:
            itself = rescorer.score(query, query)

            assert all(rescorer.score(query, other) <= itself for other in payloads)

    def test_what_differs_is_further_away(self, rescorer: Rescorer, payloads: Sequence[Payload]) -> None:
        """Not everything scores alike."""
        assert len({rescorer.score(payloads[0], other) for other in payloads}) > 1

    def test_the_two_change_places_where_it_says_so(self, rescorer: Rescorer, payloads: Sequence[Payload]) -> None:
        """A symmetric rescorer scores (a, b) as (b, a)."""
        if rescorer.symmetric:
            pairs = [(one, other) for one in payloads for other in payloads]

            assert all(rescorer.score(one, other) == rescorer.score(other, one) for one, other in pairs)

    def test_the_explanation_has_the_same_score(self, rescorer: Rescorer, payloads: Sequence[Payload]) -> None:
        """What is explained is what was ranked, and its unit says the score too."""
        for other in payloads:
            score = rescorer.score(payloads[0], other)
            said = rescorer.explain(payloads[0], other)

            assert (said.score, said.unit[rescorer.unit]) == (score, score)

    def test_the_same_pair_scores_the_same(self, rescorer: Rescorer, payloads: Sequence[Payload]) -> None:
        """Score and explanation are a function of the two payloads."""
        first, second = (rescorer.explain(payloads[0], payloads[1]) for _ in range(2))

        assert first == second

    def test_the_explanation_is_plain(self, rescorer: Rescorer, payloads: Sequence[Payload]) -> None:
        """It goes into JSON as it is, and all figures are finite numbers."""
        said = rescorer.explain(payloads[0], payloads[1])

        assert json.loads(json.dumps(said.why, allow_nan=False)) == said.why
        assert json.loads(json.dumps(dict(said.unit), allow_nan=False)) == said.unit
        assert abs(said.score) < float("inf")
