"""Bodies that are missing between two of a chain: looked for where the spine must run between them."""

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from pipelines.steps.facts import FloatArray
from pipelines.steps.film_grid import Floats
from pipelines.steps.film_looks import Found, LookNetwork, Sight, apart, look, recentred, size_of

SPACING = 1.25
"""Distance of neighbouring centres over their size, disc included."""

_MOST_MISSING = 3
_POSSIBLE = 0.08
_SAME = 0.5


def look_between(soft: FloatArray, chain: Sequence[Found], network: LookNetwork) -> list[Found]:
    """What looks like bodies in the gaps of a chain (head to foot): none that the chain has, each once."""
    first = look(soft, [sight for upper, lower in pairwise(chain) for sight in places_between(upper, lower)], network)
    again = look(soft, [recentred(one) for one in first], network)
    return apart([one for one in (*first, *again) if one.here > _POSSIBLE and _is_new(one, chain)], _SAME)


def places_between(upper: Found, lower: Found) -> Iterator[Sight]:
    """Where bodies should lie between two that are two to four spacings apart: on a smooth curve that leaves the one
    and meets the other along their heights."""
    far = float(np.linalg.norm(lower.centre - upper.centre))
    sizes = size_of(upper.points), size_of(lower.points)
    steps = round(far / (SPACING * sum(sizes) / 2))
    if steps - 1 > _MOST_MISSING:
        return
    for n in range(1, steps):
        t = n / steps
        row, col = _curve(t, (upper.centre, lower.centre), (far * upper.down, far * lower.down))
        turn = (1 - t) * upper.turn + t * lower.turn
        yield Sight((float(row), float(col)), float(sizes[0] ** (1 - t) * sizes[1] ** t), turn)


def _curve(t: float, ends: tuple[Floats, Floats], along: tuple[Floats, Floats]) -> Floats:
    """A point of the cubic Hermite curve through two ends with these directions."""
    of_ends = (2 * t**3 - 3 * t**2 + 1) * ends[0] + (3 * t**2 - 2 * t**3) * ends[1]
    return np.asarray(of_ends + (t**3 - 2 * t**2 + t) * along[0] + (t**3 - t**2) * along[1])


def _is_new(one: Found, chain: Sequence[Found]) -> bool:
    return all(float(np.linalg.norm(one.centre - other.centre)) > _SAME * other.sight.size for other in chain)
