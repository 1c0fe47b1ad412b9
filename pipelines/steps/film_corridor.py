"""Where the spine runs in a lateral film, how large the film is, and which levels it shows where."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray
from pipelines.steps.spacing_prior import spacing
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level

Floats = NDArray[np.float64]

WORK_MM = 3.0
RANKED: tuple[Level, ...] = tuple(
    level for level in HEAD_TO_FOOT if level not in (Level.C1, Level.C2, Level.T13, Level.L6, Level.S1)
)
"""Levels in the order of the network's rank: C3 = 0 to L5 = 21."""

_SEEN = 0.35
_LARGEST_GAP_ROWS = 10
_STEEPEST = 2
_LEAST_ROWS = 22
_ENDS_LEFT_OUT = 0.1
_SACRUM, _DENS = 0.25, 0.5


class FilmMaps(Protocol):
    """What the whole-film network says, pixel by pixel (`models.film_runner.FilmMaps`)."""

    @property
    def tissue(self) -> FloatArray:
        """Probabilities [4, H, W] of background, body, sacrum and dens."""

    @property
    def rank(self) -> FloatArray:
        """Level rank [H, W]: C3 = 0, L5 = 21, sacrum = 22."""


class FilmNetwork(Protocol):
    """The whole-film network."""

    def film(self, picture: FloatArray) -> FilmMaps:
        """Maps of a film [H, W] at about 3 mm; grey 0 to 1, bone bright, the patient's front on the left."""


@dataclass(frozen=True)
class Corridor:
    """The line of the vertebral bodies from head to foot, in pixels (row, col) of the film that was given.

    `line` [N, 2]; `rank` [N]: level rank along it (C3 = 0, L5 = 21). `strength` 0..1: how sure the network is along it.
    `order` -1..1: how steadily the rank rises towards the feet. `span_mm`: its length at the scale that was given.
    `sacrum`, `dens`: where (row, col) each is seen, with its probability, or None.
    """

    line: Floats
    rank: Floats
    strength: float
    order: float
    span_mm: float
    sacrum: tuple[float, float, float] | None
    dens: tuple[float, float, float] | None

    @property
    def worth(self) -> float:
        """One number that is large for a spine seen the right way round, in mm of well-ordered spine."""
        return self.span_mm * self.strength * max(0.0, self.order)

    def mm_by_rank(self) -> float | None:
        """Millimetres that the levels passed along the line usually take; None where it passes fewer than three."""
        cut = int(len(self.rank) * _ENDS_LEFT_OUT)
        first, last = float(self.rank[cut]), float(self.rank[len(self.rank) - 1 - cut])
        if last - first < 3:
            return None
        return depth_mm(last) - depth_mm(first)

    def length(self) -> float:
        """Length (pixels) of the part of the line that `mm_by_rank` speaks of."""
        cut = int(len(self.rank) * _ENDS_LEFT_OUT)
        part = self.line[cut : len(self.line) - cut]
        return float(np.linalg.norm(np.diff(part, axis=0), axis=1).sum())


_DEPTHS: Floats = np.r_[0.0, np.cumsum([spacing(a, b).mm for a, b in pairwise(RANKED)])]


def depth_mm(rank: float) -> float:
    """Millimetres below C3 at which a rank usually lies."""
    return float(np.interp(rank, np.arange(len(_DEPTHS)), _DEPTHS))


def find_corridor(picture: FloatArray, mm_per_pixel: float, network: FilmNetwork) -> Corridor | None:
    """The spine's line in a film [H, W] (grey 0 to 1, bone bright, front on the left) of this scale, if any."""
    size = [max(32, round(n * mm_per_pixel / WORK_MM)) for n in picture.shape]
    small = np.asarray(Image.fromarray(picture).resize((size[1], size[0]), Image.Resampling.BOX), np.float32)
    maps = network.film(small)
    rows, cols = _line(maps.tissue[1])
    if len(rows) < _LEAST_ROWS:
        return None
    factor = np.array([full / part for full, part in zip(picture.shape, size, strict=True)])
    seen = maps.tissue[1][rows, cols]
    rank = ndi.median_filter(maps.rank[rows, cols].astype(float), 9, mode="nearest")
    line = (np.stack([rows, ndi.gaussian_filter1d(cols.astype(float), 3, mode="nearest")], 1) + 0.5) * factor - 0.5
    order = float(np.corrcoef(rank, rows)[0, 1]) if rank.std() > 0 else 0.0
    return Corridor(
        line, ndi.gaussian_filter1d(rank, 3, mode="nearest"), float(seen.mean()), order, float(len(rows) * WORK_MM),
        _place(maps.tissue[2], factor, _SACRUM), _place(maps.tissue[3], factor, _DENS),
    )  # fmt: skip


def _line(body: FloatArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the path down the film that gathers most body, cut to its longest stretch of body."""
    soft = ndi.gaussian_filter(body.astype(np.float64), 1.0)
    best, came = soft[0].copy(), np.zeros(soft.shape, np.int64)
    moves = range(-_STEEPEST, _STEEPEST + 1)
    columns = np.arange(soft.shape[1])
    for row in range(1, len(soft)):
        shifted = np.stack([_shifted(best, move) - 0.01 * move * move for move in moves])
        choice = shifted.argmax(0)
        came[row] = np.clip(columns + choice - _STEEPEST, 0, soft.shape[1] - 1)
        best = shifted.max(0) + soft[row]
    path = [int(best.argmax())]
    for row in range(len(soft) - 1, 0, -1):
        path.append(int(came[row, path[-1]]))
    cols = np.array(path[::-1])
    first, last = _stretch(soft[np.arange(len(soft)), cols] > _SEEN)
    return np.arange(first, last), cols[first:last]


def _shifted(values: Floats, move: int) -> Floats:
    """values[col + move] at col; -inf beyond the edge."""
    out = np.full_like(values, -np.inf)
    if move < 0:
        out[-move:] = values[:move]
    elif move > 0:
        out[:-move] = values[move:]
    else:
        out[:] = values
    return out


def _stretch(seen: NDArray[np.bool_]) -> tuple[int, int]:
    """The longest run of rows in which body is seen, gaps of a few rows bridged: first, and one after the last."""
    bridged = ndi.binary_closing(np.pad(seen, _LARGEST_GAP_ROWS), np.ones(_LARGEST_GAP_ROWS))
    pieces, count = ndi.label(bridged[_LARGEST_GAP_ROWS:-_LARGEST_GAP_ROWS])
    if not count:
        return 0, 0
    longest = np.flatnonzero(pieces == np.bincount(pieces.ravel())[1:].argmax() + 1)
    return int(longest[0]), int(longest[-1]) + 1


def _place(share: FloatArray, factor: Floats, least: float) -> tuple[float, float, float] | None:
    """Middle of the largest piece where the probability is above `least`, and its highest value."""
    pieces, count = ndi.label(share > least)
    if not count:
        return None
    largest = pieces == np.bincount(pieces.ravel())[1:].argmax() + 1
    row, col = (np.argwhere(largest).mean(0) + 0.5) * factor - 0.5
    return float(row), float(col), float(share[largest].max())
