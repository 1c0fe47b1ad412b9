"""What the maps say about a body's surroundings: ribs, the sacrum below, the dens above, and the level itself.

The constants are checked, and fitted again with every new network, by `benchmarks/level_evidence.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.centre_line import COARSE_MM
from pipelines.steps.facts import FloatArray

Floats = NDArray[np.float64]
Range = tuple[float, float]

BODY, SACRUM, RIB, DENS = 1, 3, 4, 6

RIB_SIDE_MM, RIB_BACK_MM, RIB_TALL = (16.0, 36.0), (-4.0, 24.0), (-0.1, 0.5)
"""Where a rib joins: to the side and behind the centre, from the middle of the body half-way to the next one up (the
last in units of the distance between neighbours)."""
RIB_EVEN, RIB_STEEP, RIB_LEAST = 0.085, 2.0, 0.27
RIB_EVEN_BELOW = 0.55
"""A rib strength of 0.085, or of this share of the next body's below, tells nothing: L1 has 0.07 (median; T12 0.14), C7
has 0.20 and below it T1 0.38, on synthetic trunks; on the development scans lumbar 0.02 to 0.05 (once 0.09), thoracic
0.12 to 0.23 (0.06 at the inlet). A weak one is only mild evidence against a rib, for the last ones are small."""
_TOP_VOXELS = 6
USUAL_STEP_MM = 28.0

LEVEL_RANKS = 22.0
RANK_REACH_MM = 10.0
RANK_LEAST_BODY = 0.1
"""The level map holds the rank of the level over 22; it means something where there is this much body on average."""


@dataclass(frozen=True)
class Landmark:
    """The bone beyond an end of the chain. `back` and `side`: its box (mm) around the end body's centre. `enough`: how
    much of it in one slice shows that it is there. Distances are in units of the distance between the end bodies: it
    begins nearer than `next_from` when it is the next bone, farther when one is missing between; `blur` around that."""

    tissue: int
    back: Range
    side: Range
    enough: float
    next_from: float
    blur: float
    usual_unit_mm: float
    unit_range_mm: Range


SACRUM_BELOW = Landmark(SACRUM, (-15.0, 45.0), (-16.0, 16.0), 450.0, 0.92, 0.08, 36.0, (26.0, 44.0))
"""mm2 of a slice. The sacrum begins 0.3 to 0.85 units below the centre of L5, 1.0 to 1.6 below that of L4."""
DENS_ABOVE = Landmark(DENS, (-25.0, 20.0), (-12.0, 12.0), 80.0, 1.6, 0.2, 17.0, (13.0, 24.0))
"""mm2 of a slice. C2 begins 0.5 to 1.5 units above the centre of C3, 1.6 and more above that of C4."""
FINE_SACRUM_BELOW = Landmark(SACRUM, (-22.0, 45.0), (0.0, 0.0), 14.0, 0.92, 0.08, 36.0, (26.0, 44.0))
"""mm of a row of the middle section."""

_NEAREST = 0.2
_ONSET_SHARE = 0.4


def next_bone(amount: Floats, distance: Floats, landmark: Landmark) -> float | None:
    """Probability (0..1) that the landmark is the next bone; `amount` of it by rising `distance` in units.

    None where the picture ends before it could have been seen.
    """
    near = (distance > _NEAREST) & (distance < landmark.next_from + 6 * landmark.blur)
    peak = float(amount[near].max(initial=0.0))
    there = min(1.0, peak / landmark.enough)
    if there < 0.5 and (not distance.size or distance[-1] < landmark.next_from):
        return None
    if there == 0.0:
        return 0.0
    onset = float(distance[near][np.argmax(amount[near] >= _ONSET_SHARE * peak)])
    too_far = np.clip((onset - landmark.next_from) / landmark.blur, -40.0, 40.0)
    return there / (1.0 + float(np.exp(too_far)))


def rib_chance(strength: float, below: float | None) -> float:
    """Probability (0..1) that a rib joins a body, from the strength there and at the next body below."""
    even = max(RIB_EVEN, RIB_EVEN_BELOW * (below or 0.0))
    return float(max(RIB_LEAST, 1.0 / (1.0 + (even / max(strength, 1e-3)) ** RIB_STEEP)))


def unit_of(landmark: Landmark, end_to_next_mm: float | None) -> float:
    """The unit (mm) for distances beyond an end of the chain: its last step, as far as that is believable."""
    return float(np.clip(end_to_next_mm or landmark.usual_unit_mm, *landmark.unit_range_mm))


def sacrum_in_section(
    sacrum: FloatArray, centre: tuple[float, float], mm_per_pixel: float, step_mm: float | None = None
) -> float | None:
    """Probability (0..1) that the sacrum is the next bone below a body, from the fine map [row, col] of its section.

    `centre` (row, col) of the body in pixels; `step_mm` its distance to the body above. None where the section ends too
    soon below it and little of the sacrum was seen till there.
    """
    landmark, row, col = FINE_SACRUM_BELOW, round(centre[0]), round(centre[1])
    front, back = (col + int(edge / mm_per_pixel) for edge in landmark.back)
    amount = sacrum[row:, max(front, 0) : max(back, 0)].sum(axis=1) * mm_per_pixel
    distance = np.asarray(np.arange(len(amount)) * mm_per_pixel / unit_of(landmark, step_mm), np.float64)
    return next_bone(np.asarray(amount, np.float64), distance, landmark)


@dataclass(frozen=True)
class Sight:
    """What is seen around one body, as `Body` holds it: probabilities (0..1), None where the place is not in view, and
    the rank of its level (C3 = 0 to L5 = 21), None where the picture says nothing."""

    rib: float | None = None
    sacrum_below: float | None = None
    c2_above: float | None = None
    sacrum_here: float | None = None
    rank: float | None = None


@dataclass(frozen=True)
class Surroundings:
    """The coarse maps of a volume, tissue [7, Z, Y, X] and level [Z, Y, X] (None: not read), asked in the volume's
    millimetres (x left, y back, z up)."""

    tissue: FloatArray
    level: FloatArray | None = None

    def of_chain(self, places: Sequence[Floats], fine_sacrum: float | None) -> list[Sight]:
        """What is seen around each body of a chain (x, y, z in mm, head to foot); only its ends are asked what lies
        beyond. `fine_sacrum` is what the fine network says of the sacrum below the last."""
        last = len(places) - 1
        steps = np.linalg.norm(np.diff(np.asarray(places), axis=0), axis=1).tolist() or [None]
        coarse_sacrum = self.beyond(SACRUM_BELOW, places[last], steps[-1])
        answers = [one for one in (coarse_sacrum, fine_sacrum) if one is not None]
        below = max(answers) if answers else None
        ribs = self._ribs(places, steps)
        return [
            Sight(
                rib=ribs[n],
                sacrum_below=below if n == last else None,
                c2_above=self.beyond(DENS_ABOVE, at, steps[0]) if n == 0 else None,
                sacrum_here=self.share(SACRUM, at) if n == last else None,
                rank=self.rank(at),
            )
            for n, at in enumerate(places)
        ]

    def beyond(self, landmark: Landmark, at: Floats, step_mm: float | None = None) -> float | None:
        """Probability (0..1) that the landmark is the next bone beyond the end body centred at `at`."""
        depth = self.tissue.shape[1]
        left, right = (max(0, int((at[0] + edge) / COARSE_MM)) for edge in landmark.side)
        front, back = (max(0, int((at[1] + edge) / COARSE_MM)) for edge in landmark.back)
        amount = self.tissue[landmark.tissue, :, front : back + 1, left : right + 1].sum((1, 2)) * COARSE_MM**2
        height = (depth - 1 - np.arange(depth)) * COARSE_MM - at[2]
        outwards = height[::-1] if landmark.tissue == DENS else -height
        amount = amount[::-1] if landmark.tissue == DENS else amount
        beyond = outwards > 0
        distance = outwards[beyond] / unit_of(landmark, step_mm)
        return next_bone(np.asarray(amount[beyond], np.float64), distance, landmark)

    def strength(self, tissue: int, low: Floats, high: Floats) -> float | None:
        """Mean of the strongest voxels of a tissue within a box (mm); None where under half of it is in view."""
        depth = self.tissue.shape[1]
        first = np.ceil(np.array([low[0], low[1], 0.0]) / COARSE_MM).astype(int)
        last = np.floor(np.array([high[0], high[1], 0.0]) / COARSE_MM).astype(int) + 1
        top, bottom = depth - 1 - int(high[2] // COARSE_MM), depth - int(np.ceil(low[2] / COARSE_MM))
        wanted = (last[0] - first[0]) * (last[1] - first[1]) * (bottom - top)
        box = self.tissue[
            tissue, max(top, 0) : max(bottom, 0), max(first[1], 0) : max(last[1], 0), max(first[0], 0) : max(last[0], 0)
        ]
        if wanted <= 0 or box.size < 0.5 * wanted:
            return None
        return float(np.sort(box, axis=None)[-_TOP_VOXELS:].mean())

    def _ribs(self, places: Sequence[Floats], steps: Sequence[float | None]) -> list[float | None]:
        """Probability (0..1) that a rib joins each body of a chain, head to foot."""
        units = [steps[max(0, n - 1)] or USUAL_STEP_MM for n in range(len(places))]
        strengths = [self.rib_strength(at, unit) for at, unit in zip(places, units, strict=True)]
        below = [*strengths[1:], None]
        return [None if one is None else rib_chance(one, under) for one, under in zip(strengths, below, strict=True)]

    def rib_strength(self, at: Floats, step_mm: float) -> float | None:
        """How strongly the map shows ribs where they would join the body at `at`; the mean of both sides in view."""
        seen = [side for side in (self.beside(at, sign, RIB, step_mm) for sign in (-1.0, 1.0)) if side is not None]
        return float(np.mean(seen)) if seen else None

    def beside(self, at: Floats, sign: float, tissue: int, step_mm: float) -> float | None:
        """Strength of a tissue where a rib would join, to the left of the body (`sign` 1) or right (-1)."""
        near, far = sorted((sign * RIB_SIDE_MM[0], sign * RIB_SIDE_MM[1]))
        low = at + np.array([near, RIB_BACK_MM[0], RIB_TALL[0] * step_mm])
        return self.strength(tissue, low, at + np.array([far, RIB_BACK_MM[1], RIB_TALL[1] * step_mm]))

    def share(self, tissue: int, at: Floats) -> float:
        """Share (0..1) of bone of the spine around `at` that is this tissue; 0.5 where there is next to none."""
        box = self._around(at)
        wanted, bone = float(self.tissue[tissue][box].sum()), float(self.tissue[(BODY, SACRUM), :][:, *box].sum())
        return wanted / bone if bone > 1.0 else 0.5

    def rank(self, at: Floats) -> float | None:
        """The rank of the level as the network reads it off the picture, its answers weighted by body."""
        box = self._around(at)
        if self.level is None or self.tissue[BODY][box].size == 0 or self.tissue[BODY][box].mean() < RANK_LEAST_BODY:
            return None
        weight = self.tissue[BODY][box]
        return LEVEL_RANKS * float((weight * self.level[box]).sum() / weight.sum())

    def _around(self, at: Floats) -> tuple[slice, slice, slice]:
        index = np.array([self.tissue.shape[1] - 1 - at[2] / COARSE_MM, at[1] / COARSE_MM, at[0] / COARSE_MM])
        reach = RANK_REACH_MM / COARSE_MM
        first, last = np.maximum(np.ceil(index - reach), 0).astype(int), np.maximum(np.floor(index + reach) + 1, 0)
        return slice(first[0], int(last[0])), slice(first[1], int(last[1])), slice(first[2], int(last[2]))
