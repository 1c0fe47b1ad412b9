"""Slices of one series put in order: which belong together, how far apart they lie, whether the gantry was tilted."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vfx_finder.dicom.geometry import Plane
from vfx_finder.domain.study import Reason, Unsuitable

MAX_SLICE_MM = 6.0
"""Largest distance between neighbouring slices. Beyond it an end-plate is uncertain by 3 mm, over 10 % of the
height of a vertebra, which is half of what separates a normal one from grade 2. A gap left by missing slices obeys
the same limit: within it the gap is interpolated, beyond it the series is listed. (House decision.)"""

MAX_MISSING = 0.1
"""Largest share of slices that may be missing from a regular stack; with more of them it is unequally spaced."""

_FINE_ENOUGH_MM = 1.0  # twice this still shows an end-plate within a millimetre
_SAME_DIRECTION = 0.9995  # cosine of 1.8 degrees
_SAME_PLACE_MM = 0.01
_REGULAR = 0.25  # of the grid step: how far a slice may lie from its grid place
_MAX_DRIFT = 0.6  # of the field of view


@dataclass(frozen=True)
class Slice:
    """One image plane, the file it is in, and the acquisition it belongs to."""

    path: Path
    plane: Plane
    acquisition: int = 0
    uid: str = ""


@dataclass(frozen=True)
class Stack:
    """Parallel slices in order along their common normal, feet end first for axial slices.

    `places_mm` is each slice's distance along `normal` from the first. `step_mm` is the distance of the grid they
    are put on, `grid` each slice's index on it, None where the spacing is unequal and values must be interpolated
    between `places_mm`.
    """

    slices: tuple[Slice, ...]
    normal: NDArray[np.float64]
    places_mm: NDArray[np.float64]
    step_mm: float
    grid: NDArray[np.int64] | None
    left_out: int = 0

    @property
    def length_mm(self) -> float:
        """Distance from the first slice to the last."""
        return float(self.places_mm[-1])

    @property
    def slice_mm(self) -> float:
        """Distance between acquired slices; nine tenths are no farther apart."""
        if self.grid is not None:
            return self.step_mm
        return float(np.quantile(np.diff(self.places_mm), 0.9))


def arrange(slices: Sequence[Slice]) -> Stack | Unsuitable:
    """Slices in order on a grid, by ImagePositionPatient projected on the common normal; or why that fails.

    Slices of another orientation, matrix or pixel size (a localizer kept in the series) are left out if they are
    the minority. The same slice sent twice counts once; several acquisitions at the same places are told apart by
    AcquisitionNumber and the longest is kept.
    """
    alike = _alike(slices)
    if len(alike) * 2 <= len(slices):
        return Unsuitable(
            Reason.INCONSISTENT_GEOMETRY, f"Only {len(alike)} of {len(slices)} images are parallel and of one size."
        )
    normal = _normal_towards_head(alike[0].plane)
    single = _one_per_place(_once(alike), normal)
    if isinstance(single, Unsuitable):
        return single
    if len(single) < 2:
        return Unsuitable(Reason.TOO_FEW_SLICES, "A single image is no volume.")
    return _on_grid(single, normal, left_out=len(slices) - len(single))


def thinned(stack: Stack, most: int) -> Stack:
    """Every second slice of the stack, again and again until there are at most `most`, while that stays fine enough.

    A body of 2 mm slices or thicker is left as it is, and so is an unequally spaced one.
    """
    if len(stack.slices) <= most or stack.grid is None or stack.step_mm > _FINE_ENOUGH_MM:
        return stack
    even = np.flatnonzero(stack.grid % 2 == 0)
    if len(even) < 2:
        return stack
    fewer = replace(
        stack,
        slices=tuple(stack.slices[n] for n in even),
        places_mm=stack.places_mm[even],
        step_mm=stack.step_mm * 2,
        grid=stack.grid[even] // 2,
    )
    return thinned(fewer, most)


def _alike(slices: Sequence[Slice]) -> list[Slice]:
    """The largest set of slices with one orientation, matrix and pixel size."""
    kinds = Counter(_kind(s.plane) for s in slices)
    commonest = kinds.most_common(1)[0][0]
    model = next(s.plane for s in slices if _kind(s.plane) == commonest)
    return [s for s in slices if _fits(s.plane, model)]


def _kind(plane: Plane) -> tuple[object, ...]:
    directions = tuple(round(v, 2) + 0.0 for v in (*plane.along_row, *plane.along_column))
    return (*directions, plane.rows, plane.columns, round(plane.row_mm, 2), round(plane.column_mm, 2))


def _fits(plane: Plane, model: Plane) -> bool:
    same_matrix = (plane.rows, plane.columns) == (model.rows, model.columns)
    same_pixels = np.allclose((plane.row_mm, plane.column_mm), (model.row_mm, model.column_mm), rtol=1e-3)
    same_way = min(
        np.dot(plane.along_row, model.along_row), np.dot(plane.along_column, model.along_column)
    ) > _SAME_DIRECTION  # fmt: skip
    return bool(same_matrix and same_pixels and same_way)


def _normal_towards_head(plane: Plane) -> NDArray[np.float64]:
    normal = plane.normal
    return -normal if normal[np.argmax(np.abs(normal))] < 0 else normal


def _once(slices: Sequence[Slice]) -> list[Slice]:
    """Each frame of each SOP Instance once."""
    seen = {(s.uid or str(s.path), s.plane.frame): s for s in reversed(slices)}
    return list(reversed(seen.values()))


def _place(item: Slice, normal: NDArray[np.float64]) -> float:
    return float(np.dot(item.plane.position, normal))


def _one_per_place(slices: Sequence[Slice], normal: NDArray[np.float64]) -> list[Slice] | Unsuitable:
    """Slices in order with no two at one place."""
    kept = _without_repeats(slices, normal)
    repeated = len(slices) - len(kept)
    if repeated <= MAX_MISSING * len(slices):
        return kept
    acquisitions: dict[int, list[Slice]] = defaultdict(list)
    for item in slices:
        acquisitions[item.acquisition].append(item)
    longest = max(acquisitions.values(), key=len)
    kept = _without_repeats(longest, normal)
    if len(longest) - len(kept) > MAX_MISSING * len(longest):
        return Unsuitable(
            Reason.DUPLICATE_POSITIONS, f"{repeated} of {len(slices)} slices lie at the place of another slice."
        )
    return kept


def _without_repeats(slices: Sequence[Slice], normal: NDArray[np.float64]) -> list[Slice]:
    ordered = sorted(slices, key=lambda item: _place(item, normal))
    kept = ordered[:1]
    for item in ordered[1:]:
        if _place(item, normal) - _place(kept[-1], normal) > _SAME_PLACE_MM:
            kept.append(item)
    return kept


def _on_grid(slices: list[Slice], normal: NDArray[np.float64], *, left_out: int) -> Stack | Unsuitable:
    positions = np.array([s.plane.position for s in slices])
    places = (positions - positions[0]) @ normal
    gaps = np.diff(places)
    nominal = float(np.median(gaps))
    if nominal > MAX_SLICE_MM:
        return Unsuitable(Reason.SLICES_TOO_THICK, f"Slices lie {nominal:.1f} mm apart; at most {MAX_SLICE_MM:g} mm.")
    step, grid = _grid(places, nominal)
    too_wide = _gap_verdict(gaps, nominal, grid)
    if too_wide:
        return too_wide
    plane = slices[0].plane
    drift = (positions - positions[0]) @ np.array([plane.along_row, plane.along_column]).T
    if np.any(np.abs(drift).max(axis=0) > _MAX_DRIFT * np.array(_field_mm(plane))):
        return Unsuitable(Reason.INCONSISTENT_GEOMETRY, "The slices do not lie above one another.")
    return Stack(tuple(slices), normal, places, step, grid, left_out)


def _field_mm(plane: Plane) -> tuple[float, float]:
    return plane.columns * plane.column_mm, plane.rows * plane.row_mm


def _grid(places: NDArray[np.float64], nominal: float) -> tuple[float, NDArray[np.int64] | None]:
    """Grid step and every slice's index on it; index None where the slices fit no grid that is nearly full."""
    counts = np.maximum(np.rint(np.diff(places) / nominal), 1)
    index = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    step = float(places[-1] / index[-1])
    fits = np.abs(places - index * step).max() <= _REGULAR * step
    nearly_full = index[-1] + 1 - len(index) <= MAX_MISSING * len(index)
    return (step, index) if fits and nearly_full else (nominal, None)


def _gap_verdict(gaps: NDArray[np.float64], nominal: float, grid: NDArray[np.int64] | None) -> Unsuitable | None:
    widest = float(gaps.max())
    if widest <= MAX_SLICE_MM:
        return None
    if grid is None:
        detail = f"Distances between slices vary from {gaps.min():.1f} to {widest:.1f} mm; at most {MAX_SLICE_MM:g} mm."
        return Unsuitable(Reason.UNEQUAL_SPACING, detail)
    whole = int(grid[-1]) + 1
    missing = f"{whole - len(grid)} of {whole} slices are missing"
    detail = f"{missing}; slices are {nominal:.1f} mm apart and the widest gap is {widest:.1f} mm."
    return Unsuitable(Reason.MISSING_SLICES, detail)
