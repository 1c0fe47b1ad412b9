"""Gaps between two bodies, numbered as neighbours, that are as wide as two: a body between them was hardly seen."""

from collections.abc import Sequence

import numpy as np

from pipelines.steps.hypotheses import Floats, Ints

WIDE = 1.5
"""A distance this many times the expected one, at the patient's own scale. In the 1,947 real scans of VID 10 of 15,646
distances between neighbours reach it (6 of them at T12, where a thirteenth has no name there), and 13,666 of 13,691
across one body that was taken away. In the 474 frozen synthetic scans 5 of 4,119 distances were numbered as of
neighbours in spite of it: all 5 hid a body. The widest sound one had 1.40."""

HIDDEN = 0.9
"""So probable at least is a missed body in such a gap, before the rest of the chain says which side of it moves."""


EITHER_SIDE = 0.5
"""The most that is said of any level where the chain's other evidence cannot place the missed body."""


def wide_gaps(distances: Floats, expected: Floats, places: Ints) -> list[int]:
    """The gaps (place of the body above) of a chain between neighbours that are too far apart.

    `distances` and `expected` (mm) by gap; `places` in the spine by body. The patient's scale is the median of the
    other gaps and of an average patient's.
    """
    ratios = distances / np.maximum(expected, 1.0)
    scales = [float(np.median(np.r_[1.0, np.delete(ratios, at)])) for at in range(len(ratios))]
    return [
        at
        for at, (ratio, scale) in enumerate(zip(ratios, scales, strict=True))
        if ratio >= WIDE * scale and places[at + 1] - places[at] == 1
    ]


def with_hidden(chances: Floats, holes: Sequence[np.ndarray]) -> Floats:
    """The probabilities of all numberings, those with a hole in each of these gaps raised to `HIDDEN` in all.

    `holes` says for each gap which numberings leave a level free in it; a gap that none leaves free changes nothing.
    """
    for hole in holes:
        share = float(chances[hole].sum())
        if 0.0 < share < HIDDEN:
            chances = np.where(hole, chances * HIDDEN / share, chances * (1.0 - HIDDEN) / (1.0 - share))
    return chances
