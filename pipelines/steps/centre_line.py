"""Where the spine runs: the mid-line of the vertebral bodies through a CT, from the coarse network's maps.

All positions are in the volume's own millimetres: voxel index times spacing, along i (left), j (posterior) and
k (superior).
"""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray, Volume

Floats = NDArray[np.float64]

COARSE_MM = 4.0
MIN_LENGTH_MM = 30.0
_REACH = 2  # coarse voxels the line may move sideways between neighbouring slices
_STIFFNESS = 0.35  # cost of a sideways step of one voxel
_PRESENT = 0.25
_MAX_GAP_MM = 24.0
_LOST_BODY_MM = 60.0
"""A gap this long may hide one body (cement, metal), if the spine goes on below it without a jump sideways."""
_SIDEWAYS = 0.4  # largest shift across such a gap, as a share of its length


@dataclass(frozen=True)
class CentreLine:
    """The mid-line at heights `z` (mm, ascending): `x`, `y` in mm; between `z[0]` and `z[-1]` bone was seen."""

    z: Floats
    x: Floats
    y: Floats

    def at(self, z: Floats) -> tuple[Floats, Floats]:
        """x and y (mm) at heights z; beyond the ends the line goes straight on, parallel to the body's axis."""
        return np.interp(z, self.z, self.x), np.interp(z, self.z, self.y)


def shrink(volume: Volume) -> FloatArray:
    """The volume at 4 mm as the coarse network takes it: [Z, Y, X], head to foot, front to back, right to left."""
    spacing = volume.spacing
    factor = [max(1, int(COARSE_MM / s)) for s in spacing]
    size = [n // f * f for n, f in zip(volume.hu.shape, factor, strict=True)]
    cut = volume.hu[: size[0], : size[1], : size[2]]
    blocks = cut.reshape(
        size[0] // factor[0], factor[0], size[1] // factor[1], factor[1], size[2] // factor[2], factor[2]
    )
    mean = blocks.mean(axis=(1, 3, 5), dtype=np.float32)
    count = [max(2, int(n * s / COARSE_MM)) for n, s in zip(volume.hu.shape, spacing, strict=True)]
    where = [(np.arange(n) * COARSE_MM / s + 0.5) / f - 0.5 for n, s, f in zip(count, spacing, factor, strict=True)]
    grid = np.meshgrid(*where, indexing="ij")
    small = ndi.map_coordinates(mean, grid, order=1, mode="nearest")
    return np.ascontiguousarray(small.transpose(2, 1, 0)[::-1], np.float32)


def find_centre_line(body: FloatArray) -> CentreLine | None:
    """The most probable path through the coarse body probability [Z, Y, X]; None where there is no spine."""
    score = ndi.gaussian_filter(body, (0.7, 1.6, 1.6))
    path = _best_path(np.log(score + 0.02))
    strength = score[np.arange(len(path)), path[:, 0], path[:, 1]]
    present = strength > _PRESENT * min(1.0, max(float(strength.max()), 0.2))
    seen = _longest_run(_bridged(present, path), int(_MAX_GAP_MM / COARSE_MM))
    if seen is None or (seen.stop - seen.start) * COARSE_MM < MIN_LENGTH_MM or strength[seen].max() < _PRESENT:
        return None
    x, y = _centroids(body, path)
    smooth = 10.0 / COARSE_MM
    z = (len(path) - 1 - np.arange(len(path))) * COARSE_MM
    x, y = ndi.gaussian_filter1d(x[seen], smooth), ndi.gaussian_filter1d(y[seen], smooth)
    return CentreLine(z[seen][::-1].astype(np.float64), x[::-1] * COARSE_MM, y[::-1] * COARSE_MM)


def _best_path(score: FloatArray) -> NDArray[np.int64]:
    """Dynamic programming over z: [Z, 2] = (y, x) per slice, maximal score, stiff sideways."""
    steps = [(dy, dx) for dy in range(-_REACH, _REACH + 1) for dx in range(-_REACH, _REACH + 1)]
    best, came = score[0].astype(np.float64), []
    for layer in score[1:]:
        candidates = np.stack([_shifted(best, dy, dx) - _STIFFNESS * (dy * dy + dx * dx) for dy, dx in steps])
        choice = candidates.argmax(0)
        came.append(choice)
        best = layer + np.take_along_axis(candidates, choice[None], 0)[0]
    at = np.unravel_index(int(best.argmax()), best.shape)
    path = [(int(at[0]), int(at[1]))]
    for choice in reversed(came):
        dy, dx = steps[choice[path[-1]]]
        path.append((path[-1][0] - dy, path[-1][1] - dx))
    return np.array(path[::-1])


def _shifted(values: Floats, dy: int, dx: int) -> Floats:
    """values moved by (dy, dx); what comes from outside is impossible."""
    out = np.full_like(values, -1e9)
    rows, cols = values.shape
    out[max(0, dy) : rows + min(0, dy), max(0, dx) : cols + min(0, dx)] = values[
        max(0, -dy) : rows + min(0, -dy), max(0, -dx) : cols + min(0, -dx)
    ]
    return out


def _bridged(present: NDArray[np.bool_], path: NDArray[np.int64]) -> NDArray[np.bool_]:
    """`present` with the gaps filled in that may hide one lost body: not too long, and straight on across them."""
    out, where = present.copy(), np.flatnonzero(present)
    for above, below in pairwise(where.tolist()):
        length = below - above
        shift = float(np.linalg.norm(path[below] - path[above]))
        if 1 < length <= _LOST_BODY_MM / COARSE_MM and shift <= _SIDEWAYS * length:
            out[above:below] = True
    return out


def _longest_run(present: NDArray[np.bool_], gap: int) -> slice | None:
    """The run of True with the most members, gaps of up to `gap` bridged."""
    if not present.any():
        return None
    bridged = ndi.binary_closing(np.pad(present, gap), np.ones(gap + 1))[gap:-gap] if gap else present
    runs, count = ndi.label(bridged | present)
    longest = max(range(1, count + 1), key=lambda run: int(present[runs == run].sum()))
    where = np.flatnonzero(runs == longest)
    return slice(int(where[0]), int(where[-1]) + 1)


def _centroids(body: FloatArray, path: NDArray[np.int64], radius: int = 5) -> tuple[Floats, Floats]:
    """x and y (coarse voxels) of the body's centroid within `radius` of the path, per slice; the path where empty."""
    yy, xx = np.mgrid[: body.shape[1], : body.shape[2]]
    x, y = path[:, 1].astype(float), path[:, 0].astype(float)
    for n, (row, col) in enumerate(path):
        near = body[n] * ((yy - row) ** 2 + (xx - col) ** 2 <= radius**2)
        weight = float(near.sum())
        if weight > 1.0:
            x[n], y[n] = float((near * xx).sum()) / weight, float((near * yy).sum()) / weight
    return x, y
