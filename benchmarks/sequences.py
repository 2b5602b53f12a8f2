"""Sequences: how fast they are read and counted, and what k-mers find of planted homologues beside alignment.

``python -m benchmarks.sequences [FOLDER] [EXHAUSTIVE] [ALIGNED]``: prints tables in Markdown. FOLDER (the test data by
default) has the two genomes, the orchids' ITS and the 16S training set; genomes are cut into windows as ``add`` cuts
them, and all segments together are searched. Parts of ITS and 16S are substituted at random places, every second one
is turned to the other strand. EXHAUSTIVE (4): for so many queries a rate, every segment is aligned; ALIGNED (12): for
so many a rate and length, the candidates.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from morelike.modalities.sequence import SequenceModality
from morelike.models import cards
from morelike.protocols import Encoder, Rescorer
from morelike.registry import ENCODERS, RESCORERS
from morelike.settings import Settings
from morelike.types import WHOLE, Blob, SegmentSpec

ROOT = Path(__file__).resolve().parents[1]
GENOME = "GCF_000005845.2_ASM584v2_genomic.fna.gz"
RATES = (0.01, 0.02, 0.05, 0.10, 0.15, 0.20, 0.25)
LENGTHS = (0, 300, 100)
QUERIES = 60
CANDIDATES = 100
CARDS = ("dna-kmers", "dna-kmers-7", "dna-kmers-768")
COMPLEMENT = str.maketrans("ACGT", "TGCA")
Floats = NDArray[np.float32]


def segments(folder: Path) -> tuple[list[str], list[int]]:
    """All segments' letters, and which are whole records of plain bases."""
    modality = SequenceModality(Settings(offline=True))
    options = modality.settle({})
    found: list[str] = []
    whole = []
    for path in sorted(folder.iterdir()):
        for record in modality.records(Blob.from_path(path)):
            specs = [spec for spec in modality.split(record, options) if spec.kind == "sequence"]
            found += modality.load_run(record, specs, {})
            if len(specs) == 1 and specs[0].span == WHOLE and set(found[-1]) <= set("ACGT"):
                whole.append(len(found) - 1)
    return found, whole


def planted(parent: str, length: int, rate: float, rng: np.random.Generator) -> str:
    """A part of the parent, or all of it, with that share of its bases substituted by others."""
    start = int(rng.integers(0, max(len(parent) - length, 0) + 1)) if length else 0
    part = parent[start : start + length] if length else parent
    bases = np.frombuffer(b"ACGT", dtype=np.uint8)
    codes = np.searchsorted(bases, np.frombuffer(part.encode(), dtype=np.uint8))
    codes = (codes + rng.integers(1, 4, len(codes)) * (rng.random(len(codes)) < rate)) % 4
    changed = bases[codes].tobytes().decode()
    return changed if rng.random() < 0.5 else changed[::-1].translate(COMPLEMENT)


def encoder_of(name: str) -> Encoder:
    card = cards.find(name, Settings(offline=True))
    encoder: Encoder = ENCODERS.load(card.family)(card, {}, Settings(offline=True))
    return encoder


def vectors(encoder: Encoder, letters: Sequence[str]) -> Floats:
    found: Floats = encoder.encode("sequence", [encoder.prepare("sequence", one) for one in letters])
    return found


def best_of(work: Callable[[], Any], times: int = 5) -> float:
    """The least seconds of several runs."""
    taken = []
    for _ in range(times):
        began = perf_counter()
        work()
        taken.append(perf_counter() - began)
    return min(taken)


def speeds(folder: Path) -> None:
    modality = SequenceModality(Settings(offline=True))
    (record,) = modality.records(Blob.from_path(folder / GENOME))
    genome = modality.load(record, SegmentSpec("genome", WHOLE), {})
    window, million = genome[10_000:12_000], len(genome) / 1e6

    def read() -> None:
        fresh = SequenceModality(Settings(offline=True))
        fresh.describe(next(iter(fresh.records(Blob.from_path(folder / GENOME)))))

    print("| | a second, one thread |\n|---|---|")
    print(f"| reading a packed genome (FASTA, gzip) | {million / best_of(read):.0f} million bases |")
    for name in CARDS:
        encoder = encoder_of(name)
        whole, one = (best_of(partial(encoder.prepare, "sequence", letters)) for letters in (genome, window))
        print(f"| `{name}`: k-mers of a genome; windows of 2 000 | {million / whole:.0f} million; {1 / one:,.0f} |")
    for name in ("minhash", "minhash-31"):
        taken = best_of(partial(encoder_of(name).prepare, "genome", genome))
        print(f"| `{name}`: k-mers of a genome | {million / taken:.0f} million |")


def found_again(letters: list[str], whole: list[int], rescorer: Rescorer, aligned: int) -> None:
    """How often the parent of a planted homologue is first, and among the candidates; then after alignment."""
    rng = np.random.default_rng(1)
    parents = rng.choice(whole, QUERIES, replace=False)
    asked = {
        (length, rate): [planted(letters[parent], length, rate, rng) for parent in parents]
        for length in LENGTHS
        for rate in RATES
    }
    scores: dict[tuple[str, int, float], Floats] = {}
    print(f"\n| card | part | {' | '.join(f'{rate:.0%}' for rate in RATES)} |")
    print("|---|---|" + "---|" * len(RATES))
    for name in CARDS:
        encoder = encoder_of(name)
        stored = vectors(encoder, letters)
        for length in LENGTHS:
            cells = []
            for rate in RATES:
                found = scores[name, length, rate] = vectors(encoder, asked[length, rate]) @ stored.T
                ranks = (found > found[np.arange(QUERIES), parents][:, None]).sum(axis=1)
                cells.append(f"{(ranks == 0).mean():.2f}, {(ranks < CANDIDATES).mean():.2f}")
            print(f"| `{name}` | {_part(length)} | {' | '.join(cells)} |", flush=True)
    for length in LENGTHS:
        cells = []
        for rate in RATES:
            few = list(zip(asked[length, rate], parents, scores[CARDS[0], length, rate], strict=True))[:aligned]
            cells.append(f"{np.mean([_first(rescorer, letters, *one) for one in few]):.2f}")
        print(f"| `{CARDS[0]}`, aligned | {_part(length)} | {' | '.join(cells)} |", flush=True)


def _part(length: int) -> str:
    return f"{length} bases" if length else "whole"


def _first(rescorer: Rescorer, letters: list[str], query: str, parent: int, scores: Floats) -> bool:
    candidates = np.argsort(-scores, kind="stable")[:CANDIDATES]
    return int(max(candidates, key=lambda one: rescorer.score(query, letters[one]))) == parent


def _aligned(query: str, letters: Sequence[str]) -> list[float]:
    rescorer: Rescorer = RESCORERS.load("alignment")()
    return [rescorer.score(query, one) for one in letters]


def beside_alignment(letters: list[str], whole: list[int], queries: int) -> None:
    """Of the ten best by alignment with every segment, how many are among the candidates by k-mers."""
    rng = np.random.default_rng(2)
    encoder = encoder_of(CARDS[0])
    stored = vectors(encoder, letters)
    print(f"\n| substituted | of the 10 best by alignment, among {CANDIDATES} by k-mers | first by both | queries |")
    print("|---|---|---|---|")
    chunks = [letters[start : start + 256] for start in range(0, len(letters), 256)]
    for rate in (0.0, 0.05, 0.15):
        shares, firsts = [], []
        for parent in rng.choice(whole, queries, replace=False):
            query = planted(letters[parent], 300, rate, rng)
            with ProcessPoolExecutor() as pool:
                exact = np.concatenate(list(pool.map(partial(_aligned, query), chunks)))
            candidates = np.argsort(-(vectors(encoder, [query]) @ stored.T)[0], kind="stable")[:CANDIDATES]
            tenth = np.sort(exact)[-10]
            shares.append(min((exact[candidates] >= tenth).sum() / 10, 1.0))
            firsts.append(exact[candidates].max() == exact.max())
        print(f"| {rate:.0%} | {np.mean(shares):.2f} | {np.mean(firsts):.2f} | {queries} |", flush=True)


def main() -> None:
    data = Path(os.environ.get("MORELIKE_TEST_DATA", ROOT.parent / "shared"))
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else data / "data" / "sequences"
    queries = int(sys.argv[2]) if len(sys.argv) > 2 else 4
    aligned = int(sys.argv[3]) if len(sys.argv) > 3 else 12
    speeds(folder)
    letters, whole = segments(folder)
    print(f"\n{len(letters):,} segments, {len(whole)} of them whole records of plain bases")
    rescorer: Rescorer = RESCORERS.load("alignment")()
    found_again(letters, whole, rescorer, aligned)
    if queries:
        beside_alignment(letters, whole, queries)


if __name__ == "__main__":
    main()
