"""What kind of vertebra each body is, seen with its ribs, arches and neighbours: what numbering counts from."""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.facts import FloatArray, Volume
from pipelines.steps.straighten import OUTSIDE_HU
from pipelines.steps.two_at_a_time import two_at_a_time
from vfx_finder.domain.spine import Level

Floats = NDArray[np.float64]

CROP_MM = 3.0
CROP_SHAPE = (32, 32, 48)  # z (head to foot), y (front to back), x (right to left)
BEHIND_MM = 6.0
"""The middle of a crop lies so far behind the body's centre: ribs and arches say more than what lies in front."""

KINDS = (
    "C2", "C3", "cervical", "last cervical", "first rib", "thoracic", "last rib but one", "last rib",
    "first lumbar", "lumbar", "last lumbar", "S1", "sacrum",
)  # fmt: skip
"""As the network was taught (`models.synthesis.kinds`): where a vertebra stands between dens, ribs and sacrum."""

TAUGHT = (1, 1, 3, 2, 2, 9, 2, 2, 2, 3, 2, 2, 1)
"""How often each kind came in a usual spine when the network was taught."""

ALIKE = range(KINDS.index("last rib but one"))
"""Kinds that are not told apart: on the one real scan of a chest at hand T1 and T2 were read as a last rib and as
cervical, so that the neck and the upper chest are left to the other evidence."""

FLOOR = 0.01
"""No kind is less probable than this: a network can be wrong."""

_FINE_MM = 1.5
"""Voxels smaller than this are skipped: the crop averages over 3 mm."""


class KindNetwork(Protocol):
    """Crops [N, 32, 32, 48] in HU at 3 mm to probabilities [N, 13] of the kinds (`KINDS`)."""

    def kinds(self, hu: FloatArray) -> FloatArray: ...


def log_evidence(probabilities: Sequence[float]) -> Floats:
    """How much more (logarithm) each kind is spoken for than by chance, kinds of one `ALIKE` together."""
    pooled, share = _pooled(np.asarray(probabilities, np.float64)), _pooled(np.asarray(TAUGHT) / sum(TAUGHT))
    return np.asarray(np.log(np.clip(pooled, FLOOR, 1.0) / share))


def _pooled(shares: Floats) -> Floats:
    """The same share, their sum, for all kinds that are not told apart."""
    pooled = shares.copy()
    pooled[list(ALIKE)] = shares[list(ALIKE)].sum()
    return pooled


def kind_of(place: int, levels: Sequence[Level]) -> int:
    """The kind (place in `KINDS`) of the vertebra at a place of a spine, whose levels go from C2 to S1."""
    level, part = levels[place], levels[place][0]
    above, below = (levels[n][0] if 0 <= n < len(levels) else "" for n in (place - 1, place + 1))
    if level in (Level.C2, Level.C3, Level.S1):
        return KINDS.index(level.value)
    name = {"C": "cervical", "T": "thoracic", "L": "lumbar"}[part]
    if part == "T" and levels[place + 2][0] == "L":
        name = "last rib but one"
    ends = {("C", "T"): "last cervical", ("T", "L"): "last rib", ("L", "S"): "last lumbar"}
    starts = {("C", "T"): "first rib", ("T", "L"): "first lumbar"}
    return KINDS.index(ends.get((part, below)) or starts.get((above, part)) or name)


def crops(volume: Volume, places: Sequence[Floats]) -> FloatArray:
    """The surroundings [N, 32, 32, 48] in HU of bodies centred at `places` (x, y, z in the volume's millimetres)."""
    middles = [np.asarray(at) + np.array([0.0, BEHIND_MM, 0.0]) for at in places]
    return np.stack(two_at_a_time(partial(_crop, volume), middles))


def _crop(volume: Volume, middle: Floats) -> FloatArray:
    """[z, y, x] around a point, soft tissue beyond the picture."""
    axes = [_axis(volume, middle, axis) for axis in range(3)]
    part = volume.hu[tuple(where for where, _ in axes)].astype(np.float32) - OUTSIDE_HU
    for _, weights in axes:  # each turn takes the first axis away and puts the crop's behind the others
        part = np.tensordot(part, weights, axes=(0, 1))
    made: FloatArray = part.transpose(2, 1, 0)[::-1] + np.float32(OUTSIDE_HU)
    return made


def _axis(volume: Volume, middle: Floats, axis: int) -> tuple[slice, FloatArray]:
    """Which voxels along one axis are looked at, and their weights [crop, voxel]; no weight beyond the picture."""
    step, count = float(volume.spacing[axis]), volume.hu.shape[axis]
    size = CROP_SHAPE[2 - axis]
    wanted = middle[axis] + (np.arange(size) - (size - 1) / 2) * CROP_MM
    stride, reach = max(1, int(_FINE_MM / step)), max(CROP_MM, step)
    first = max(0, int((wanted[0] - reach) / step))
    where = slice(min(first, count - 1), max(first + 1, min(count, int((wanted[-1] + reach) / step) + 2)), stride)
    known = np.arange(count)[where] * step
    weights = np.clip(1.0 - np.abs(wanted[:, None] - known[None]) / max(reach, stride * step), 0.0, None)
    inside = (wanted > -step / 2) & (wanted < (count - 0.5) * step)
    total = weights.sum(axis=1, keepdims=True)
    scaled = np.where(inside[:, None] & (total > 0), weights / np.maximum(total, 1e-6), 0.0)
    return where, scaled.astype(np.float32)
