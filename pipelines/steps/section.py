"""The heights of one vertebral body in one sagittal section, below the pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray
from vfx_finder.domain.spine import Heights, Point

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

DEPTH_FRACTIONS: Floats = np.linspace(0.02, 0.98, 25)
"""Where a height profile is read, as fractions of the depth from the anterior to the posterior rim."""
ANTERIOR = DEPTH_FRACTIONS <= 0.22
MIDDLE = (DEPTH_FRACTIONS >= 0.30) & (DEPTH_FRACTIONS <= 0.70)
POSTERIOR = DEPTH_FRACTIONS >= 0.78

STEP_MM = 0.4
REACH_MM = (34.0, 30.0)
BLUR_MM = 0.4
BRIDGE_MM = 3.2
REGROW_MM = 4.0
LEAST_HEIGHT_MM = 4.0
LEAST_DEPTH_MM = 10.0
LEAST_COLUMNS = 20
THIN = 0.45
FITS = 3


@dataclass(frozen=True)
class SectionMeasure:
    """One body measured in one section.

    `profile`: height (mm) at each of `DEPTH_FRACTIONS`, anterior first; `upper`, `lower`: the end-plates there (mm
    above the body's own depth axis). `depth_mm`: anterior to posterior rim.
    `tilt`: rotation (radian) of the body's own depth axis, positive when its posterior rim lies lower. `area_mm2`:
    area inside the outline. Points are (row, col) of the input: `lines` are the anterior, middle and posterior
    height, upper end first; `outline` closes implicitly; `centre` is the middle of the measured body.
    """

    profile: Floats
    upper: Floats
    lower: Floats
    depth_mm: float
    tilt: float
    area_mm2: float
    centre: Point
    lines: tuple[tuple[Point, Point], ...]
    outline: tuple[Point, ...]

    @property
    def heights(self) -> Heights:
        """Anterior, middle and posterior height by the definition of `Heights`."""
        return heights_of(self.profile)


@dataclass(frozen=True)
class _Frame:
    """A rotated grid on the section: depth `u` to posterior, `v` to the head, both in mm from `centre` (row, col)."""

    centre: Point
    tilt: float
    mm_per_pixel: float

    def to_pixels(self, u: Floats, v: Floats) -> Floats:
        """(row, col) of points given in mm of this frame, stacked on a new first axis."""
        sine, cosine = np.sin(self.tilt), np.cos(self.tilt)
        row = self.centre[0] + (u * sine - v * cosine) / self.mm_per_pixel
        col = self.centre[1] + (u * cosine + v * sine) / self.mm_per_pixel
        return np.stack([row, col])

    def moved(self, u: float, v: float, turn: float) -> "_Frame":
        """The frame centred on (u, v) of this one and turned by `turn` radian."""
        row, col = self.to_pixels(np.asarray(u), np.asarray(v))
        return _Frame((float(row), float(col)), self.tilt + turn, self.mm_per_pixel)


@dataclass(frozen=True)
class _Edges:
    """Both end-plates of one body in a frame: mm of `u`, and of `v` for the lower and the upper crossing."""

    u: Floats
    lower: Floats
    upper: Floats

    @property
    def depth(self) -> float:
        return float(self.u[-1] - self.u[0])


def heights_of(profile: Floats) -> Heights:
    """Heights from a 25-point profile: highest near each rim, lowest in the middle ("corner-max, mid-min")."""
    return Heights(float(profile[ANTERIOR].max()), float(profile[MIDDLE].min()), float(profile[POSTERIOR].max()))


@dataclass(frozen=True)
class Stance:
    """Where a body stands in a section: its middle (row, col), and the turn (radian) of its depth axis, positive when
    its posterior rim lies lower."""

    centre: Point
    tilt: float


def measure_section(
    mask: FloatArray, mm_per_pixel: float, centre: Point, stance: Stance | None = None
) -> SectionMeasure | None:
    """Measure the body that lies at `centre` (row, col) of a soft mask; None where no body can be isolated.

    `mask` [row, col] holds 0..1; rows run towards the feet, columns towards posterior. The surface is the
    0.5-crossing, the depth axis is fitted to both end-plates unless `stance` gives it, and bridges to posterior bone
    are cut.
    """
    stance = stance or find_stance(mask, mm_per_pixel, centre)
    if stance is None:
        return None
    frame = _Frame(stance.centre, stance.tilt, mm_per_pixel)
    edges = _edges(_sampled(mask, frame))
    return None if edges is None else _measured(frame, edges)


def find_stance(mask: FloatArray, mm_per_pixel: float, centre: Point) -> Stance | None:
    """How the body at `centre` (row, col) stands, fitted to its middle and end-plates; None where there is none."""
    frame = _Frame(centre, 0.0, mm_per_pixel)
    for _ in range(FITS):
        edges = _edges(_sampled(mask, frame))
        if edges is None:
            return None
        frame = _refitted(frame, edges)
    return Stance(frame.centre, frame.tilt)


def _axis(reach: float) -> Floats:
    return np.arange(-reach, reach + 1e-6, STEP_MM)


def _sampled(mask: FloatArray, frame: _Frame) -> Floats:
    """The mask on the frame's grid [u, v], lightly blurred; outside the input it is empty."""
    u, v = np.meshgrid(_axis(REACH_MM[0]), _axis(REACH_MM[1]), indexing="ij")
    soft = ndi.map_coordinates(mask.astype(np.float64), frame.to_pixels(u, v), order=1)
    return np.asarray(ndi.gaussian_filter(soft, BLUR_MM / STEP_MM), np.float64)


def _edges(soft: Floats) -> _Edges | None:
    """Lower and upper end-plate of the body at the middle of the grid."""
    body = _body(soft > 0.5)
    if body is None:
        return None
    margin = np.asarray(ndi.binary_dilation(body), np.bool_)
    lower, upper = _crossings(np.where(margin, soft, 0.0))
    columns = _columns(upper - lower)
    if columns is None:
        return None
    edges = _Edges(_axis(REACH_MM[0])[columns], lower[columns], upper[columns])
    return edges if edges.depth >= LEAST_DEPTH_MM else None


def _body(inside: Bools) -> Bools | None:
    """The piece at the middle of the grid without what hangs on it by a thin bridge (pedicle, lamina, osteophyte)."""
    piece = _central_piece(inside)
    if piece is None:
        return None
    depth = ndi.distance_transform_cdt(np.pad(piece, 1), "taxicab")[1:-1, 1:-1]
    core = _central_piece(depth > _bridge_radius(piece))
    if core is None:
        return None
    bridge, regrow = _bridge_radius(piece), round(REGROW_MM / STEP_MM)
    away = ndi.distance_transform_cdt(~core, "taxicab")
    return np.asarray((away <= bridge + regrow) & piece, np.bool_)


def _bridge_radius(piece: Bools) -> int:
    """Radius (grid steps) of the opening that cuts bridges; less than half of what is left of a crushed middle."""
    middle = piece.shape[0] // 2
    left = piece[middle - 12 : middle + 13].sum(axis=1)
    thinnest = int(left[left > 0].min()) if left.any() else 0
    return max(1, min(round(BRIDGE_MM / STEP_MM), round(0.4 * thinnest)))


def _central_piece(inside: Bools) -> Bools | None:
    """The connected piece at the middle of the grid, else the largest within 4 mm of it, else the largest."""
    pieces, count = ndi.label(inside)
    if not count:
        return None
    row, col = inside.shape[0] // 2, inside.shape[1] // 2
    if pieces[row, col]:
        return np.asarray(pieces == pieces[row, col], np.bool_)
    near = pieces[row - 10 : row + 10, col - 10 : col + 10]
    pool = near[near > 0] if near.any() else pieces[pieces > 0]
    return np.asarray(pieces == np.bincount(pool).argmax(), np.bool_)


def _crossings(soft: Floats) -> tuple[Floats, Floats]:
    """Lowest and highest 0.5-crossing (mm) of every column of the grid; NaN where a column is empty."""
    v, inside = _axis(REACH_MM[1]), soft > 0.5
    some, columns = inside.any(axis=1), np.arange(len(soft))
    first = inside.argmax(axis=1)
    last = inside.shape[1] - 1 - inside[:, ::-1].argmax(axis=1)
    lower = v[first] - STEP_MM * _beyond(soft, columns, first, -1)
    upper = v[last] + STEP_MM * _beyond(soft, columns, last, +1)
    return np.where(some, lower, np.nan), np.where(some, upper, np.nan)


def _beyond(soft: Floats, columns: NDArray[np.int_], at: NDArray[np.int_], step: int) -> Floats:
    """How far beyond the last inside sample the surface lies, as a fraction of one step."""
    out = np.clip(at + step, 0, soft.shape[1] - 1)
    inner, outer = soft[columns, at], soft[columns, out]
    return np.asarray(np.where(out == at, 0.0, (inner - 0.5) / np.maximum(inner - outer, 1e-9)), np.float64)


def _columns(height: Floats) -> NDArray[np.int_] | None:
    """The unbroken run of columns, around the middle of the grid, that are tall enough to be body."""
    seen = np.isfinite(height) & (np.nan_to_num(height) > LEAST_HEIGHT_MM)
    if seen.sum() < LEAST_COLUMNS:
        return None
    runs, _ = ndi.label(seen & (np.nan_to_num(height) > THIN * np.median(height[seen])))
    inside = np.flatnonzero(runs)
    nearest = inside[np.abs(inside - len(height) // 2).argmin()]
    return np.flatnonzero(runs == runs[nearest])


def _refitted(frame: _Frame, edges: _Edges) -> _Frame:
    """The frame moved to the middle of the body and turned to the mean slope of its end-plates."""
    inner = np.abs((edges.u - edges.u[0]) / edges.depth - 0.5) < 0.4
    slopes = [np.arctan(np.polyfit(edges.u[inner], side[inner], 1)[0]) for side in (edges.lower, edges.upper)]
    middle = float(np.mean((edges.upper + edges.lower) / 2))
    return frame.moved(float(edges.u[0] + edges.u[-1]) / 2, middle, -float(np.mean(slopes)))


def _measured(frame: _Frame, edges: _Edges) -> SectionMeasure:
    at = edges.u[0] + DEPTH_FRACTIONS * edges.depth
    lower, upper = np.interp(at, edges.u, edges.lower), np.interp(at, edges.u, edges.upper)
    profile = upper - lower
    feet, heads = _points(frame, at, lower), _points(frame, at, upper)
    rims = [_points(frame, edges.u[[end]], np.asarray([(edges.lower[end] + edges.upper[end]) / 2])) for end in (0, -1)]
    middle = _points(frame, np.asarray([at.mean()]), np.asarray([(lower + upper).mean() / 2]))[0]
    return SectionMeasure(
        profile=profile,
        upper=upper,
        lower=lower,
        depth_mm=edges.depth,
        tilt=frame.tilt,
        area_mm2=float(np.trapezoid(edges.upper - edges.lower, edges.u)),
        centre=middle,
        lines=tuple((heads[index], feet[index]) for index in _extremes(profile)),
        outline=(*rims[0], *heads, *rims[1], *reversed(feet)),
    )


def _points(frame: _Frame, u: Floats, v: Floats) -> tuple[Point, ...]:
    return tuple((float(row), float(col)) for row, col in frame.to_pixels(u, v).T)


def _extremes(profile: Floats) -> tuple[int, int, int]:
    """Where in the profile the anterior, middle and posterior height are read."""
    return (
        int(np.where(ANTERIOR, profile, -np.inf).argmax()),
        int(np.where(MIDDLE, profile, np.inf).argmin()),
        int(np.where(POSTERIOR, profile, -np.inf).argmax()),
    )
