"""Every way in which a chain of vertebral bodies could be numbered, with how common each spine is."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate, product

from vfx_finder.domain.spine import HEAD_TO_FOOT, Level

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


@dataclass(frozen=True)
class Hypothesis:
    """One numbering of a chain: body n has the level `spine.levels[places[n]]`."""

    spine: Spine
    places: tuple[int, ...]

    @property
    def levels(self) -> tuple[Level, ...]:
        """The level of each body, head to foot."""
        return tuple(self.spine.levels[place] for place in self.places)

    @property
    def log_prior(self) -> float:
        """How common this is before anything was measured."""
        missed = self.places[-1] - self.places[0] - len(self.places) + 1
        sacrum = SACRUM_TAKEN_FOR_A_BODY if self.levels[-1] is Level.S1 else 1.0
        return self.spine.log_prior + missed * math.log(MISSED_BODY) + math.log(sacrum)


def spines() -> Iterator[Spine]:
    """The nine kinds of spine: eleven to thirteen thoracic by four to six lumbar bodies."""
    for (thoracic, p_thoracic), (lumbar, p_lumbar) in product(THORACIC_COUNTS.items(), LUMBAR_COUNTS.items()):
        levels = (*_CERVICAL, *_THORACIC[:thoracic], *_LUMBAR[:lumbar], Level.S1)
        yield Spine(levels, math.log(p_thoracic * p_lumbar))


def hypotheses(may_miss: Sequence[int]) -> tuple[Hypothesis, ...]:
    """All numberings of a chain of `len(may_miss) + 1` bodies; up to `may_miss[n]` bodies may hide in gap n."""
    found: list[Hypothesis] = []
    for missed in product(*(range(most + 1) for most in may_miss)):
        steps = tuple(accumulate((1 + skipped for skipped in missed), initial=0))
        for spine in spines():
            found += [
                Hypothesis(spine, tuple(start + step for step in steps))
                for start in range(len(spine.levels) - steps[-1])
            ]
    return tuple(found)
