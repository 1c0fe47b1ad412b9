"""Every way in which a chain of vertebral bodies could be numbered, with how common each spine is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from vfx_finder.domain.spine import HEAD_TO_FOOT, Level

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_CERVICAL = tuple(level for level in HEAD_TO_FOOT if level.startswith("C") and level is not Level.C1)
_THORACIC = tuple(level for level in HEAD_TO_FOOT if level.startswith("T"))
_LUMBAR = tuple(level for level in HEAD_TO_FOOT if level.startswith("L"))

THORACIC_COUNTS: dict[int, float] = {11: 0.03, 12: 0.94, 13: 0.03}
LUMBAR_COUNTS: dict[int, float] = {4: 0.03, 5: 0.93, 6: 0.04}
"""How common each count is, about. Six lumbar bodies: 46 of the 1,779 VID scans that reach L5 or L6 (2.6 %);
the others are working assumptions of 3 to 4 % each."""

LONGEST = len(_CERVICAL) + max(THORACIC_COUNTS) + max(LUMBAR_COUNTS) + 1
"""Most bodies that any of these spines has, C2 to S1."""

SACRUM_TAKEN_FOR_A_BODY = 0.02
"""How often the lowest body found is really S1: an assumption."""

MISSED_BODY = 0.05
"""How often a wide gap hides one body more: an assumption; the distances decide."""


@dataclass(frozen=True)
class Spine:
    """One kind of spine: its levels from C2 to S1, and the logarithm of how common it is."""

    levels: tuple[Level, ...]
    log_prior: float

    @property
    def last_lumbar(self) -> Level:
        """The level that rests on the sacrum."""
        return self.levels[-2]

    @property
    def transitional(self) -> bool:
        """Whether it has another count than twelve thoracic and five lumbar bodies."""
        return Level.T12 not in self.levels or Level.T13 in self.levels or self.last_lumbar is not Level.L5


def _spines() -> Iterator[Spine]:
    for (thoracic, p_thoracic), (lumbar, p_lumbar) in product(THORACIC_COUNTS.items(), LUMBAR_COUNTS.items()):
        levels = (*_CERVICAL, *_THORACIC[:thoracic], *_LUMBAR[:lumbar], Level.S1)
        yield Spine(levels, math.log(p_thoracic * p_lumbar))


SPINES: tuple[Spine, ...] = tuple(_spines())
"""The nine kinds of spine: eleven to thirteen thoracic by four to six lumbar bodies."""

LEVEL_AT: Ints = np.array(
    [[HEAD_TO_FOOT.index(level) for level in spine.levels] + [-1] * (LONGEST - len(spine.levels)) for spine in SPINES]
)
"""[spine, place] -> place of that level in `HEAD_TO_FOOT`; -1 below the sacrum."""

_S1 = HEAD_TO_FOOT.index(Level.S1)


@dataclass(frozen=True)
class Hypotheses:
    """Numberings of one chain: in numbering h, body n is `SPINES[spine[h]].levels[places[h, n]]`."""

    spine: Ints
    places: Ints

    @property
    def levels(self) -> Ints:
        """[numbering, body] -> place of the level in `HEAD_TO_FOOT`."""
        return np.asarray(LEVEL_AT[self.spine[:, None], self.places])

    @property
    def log_prior(self) -> Floats:
        """How common each numbering is before anything was measured."""
        kinds = np.array([spine.log_prior for spine in SPINES])[self.spine]
        missed = self.places[:, -1] - self.places[:, 0] + 1 - self.places.shape[1]
        sacrum = np.where(self.levels[:, -1] == _S1, math.log(SACRUM_TAKEN_FOR_A_BODY), 0.0)
        return np.asarray(kinds + missed * math.log(MISSED_BODY) + sacrum)


def hypotheses(may_miss: Sequence[int]) -> Hypotheses:
    """All numberings of a chain of `len(may_miss) + 1` bodies; up to `may_miss[n]` bodies may hide in gap n."""
    missed = np.array(list(product(*(range(most + 1) for most in may_miss))), dtype=np.int64)
    steps = np.pad(np.cumsum(missed + 1, axis=1), ((0, 0), (1, 0)))
    parts = [_placed(steps, len(spine.levels)) for spine in SPINES]
    kinds = np.repeat(np.arange(len(SPINES)), [len(part) for part in parts])
    return Hypotheses(kinds, np.concatenate(parts))


def _placed(steps: Ints, length: int) -> Ints:
    places = (steps[None] + np.arange(length)[:, None, None]).reshape(-1, steps.shape[1])
    return np.asarray(places[places[:, -1] < length])
