"""From body probability to single bodies: every body pixel votes for its centre; votes gather; pixels follow them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage as ndi

from pipelines.steps.facts import FloatArray
from pipelines.steps.straighten import PIXEL_MM

MIN_AREA_MM2 = 90.0
MIN_APART_MM = 10.0
MAX_STRAY_MM = 10.0
_VOTE_BLUR_MM = 2.5
_EDGE_PX = 3


@dataclass(frozen=True)
class Sections:
    """The fine network's answer for all planes: body [P, H, W] probability, heat [P, H, W], offset [P, 2, H, W] mm."""

    body: FloatArray
    heat: FloatArray
    offset: FloatArray


@dataclass(frozen=True)
class Instance:
    """One body: mask [P, h, w] of its own probability with its upper left corner, its centre (row, col) in the middle
    plane, its area (mm2) there, and how sure its centre is (0..1)."""

    mask: FloatArray
    corner: tuple[int, int]
    centre: tuple[float, float]
    area_mm2: float
    score: float


def find_instances(sections: Sections) -> list[Instance]:
    """The bodies of all sections from head to foot; the same body in every plane."""
    middle = len(sections.body) // 2
    weight = np.exp(-0.5 * ((np.arange(len(sections.body)) - middle) / 1.5) ** 2)
    weight /= weight.sum()
    body = np.tensordot(weight, sections.body, 1)
    heat = np.tensordot(weight, sections.heat, 1)
    offset = np.tensordot(weight, sections.offset, 1)
    peaks = _peaks(body, heat, offset)
    found = [one for one in (_instance(sections, middle, peaks, n) for n in range(len(peaks))) if one is not None]
    return _without_shadows(sorted(found, key=lambda one: one.centre[0]))


def _votes(body: FloatArray, offset: FloatArray) -> FloatArray:
    rows, cols = np.nonzero(body > 0.5)
    to_row = np.rint(rows + offset[0, rows, cols] / PIXEL_MM).astype(int)
    to_col = np.rint(cols + offset[1, rows, cols] / PIXEL_MM).astype(int)
    inside = (to_row >= 0) & (to_row < body.shape[0]) & (to_col >= 0) & (to_col < body.shape[1])
    votes = np.zeros_like(body)
    np.add.at(votes, (to_row[inside], to_col[inside]), body[rows[inside], cols[inside]])
    return np.asarray(ndi.gaussian_filter(votes, _VOTE_BLUR_MM / PIXEL_MM))


def _peaks(body: FloatArray, heat: FloatArray, offset: FloatArray) -> NDArray[np.int64]:
    """Centres (row, col), strongest first, at least MIN_APART_MM apart."""
    votes = _votes(body, offset) * (0.3 + np.clip(heat, 0, 1))
    size = int(2 * MIN_APART_MM / PIXEL_MM / 2) * 2 + 1
    top = (votes == ndi.maximum_filter(votes, size)) & (votes > 0.8)
    where = np.argwhere(top)
    return where[np.argsort(-votes[top])]


def _instance(sections: Sections, middle: int, peaks: NDArray[np.int64], n: int) -> Instance | None:
    """The pixels that follow peak n, in a window around it; None where too few do."""
    reach = int(34 / PIXEL_MM)
    row, col = peaks[n]
    corner = (max(0, row - reach), max(0, col - reach))
    window = (slice(None), slice(corner[0], row + reach), slice(corner[1], col + reach))
    body = sections.body[window]
    offset = sections.offset[:, :, window[1], window[2]] / PIXEL_MM
    follows = _follows(body, offset, peaks - np.array(corner), n)
    core = _connected(follows & (body > 0.5), (row - corner[0], col - corner[1]))
    area = float(core[middle].sum()) * PIXEL_MM**2
    if area < MIN_AREA_MM2:
        return None
    near = ndi.binary_dilation(core, _flat(), iterations=_EDGE_PX) & (follows | (body <= 0.5))
    mask = np.where(near, body, 0).astype(np.float32)
    at = np.argwhere(core[middle]).mean(0) + corner
    score = float(sections.heat[middle][max(0, row - 2) : row + 3, max(0, col - 2) : col + 3].max())
    return Instance(
        mask, (int(corner[0]), int(corner[1])), (float(at[0]), float(at[1])), area, min(1.0, max(0.0, score))
    )


def _follows(body: FloatArray, offset: FloatArray, peaks: NDArray[np.int64], n: int) -> NDArray[np.bool_]:
    rows, cols = np.mgrid[: body.shape[1], : body.shape[2]]
    to = np.stack([rows + offset[:, 0], cols + offset[:, 1]], -1)
    mine = np.linalg.norm(to - peaks[n], axis=-1)
    near = [m for m in range(len(peaks)) if m != n and np.abs(peaks[m] - peaks[n]).max() < 60]
    others = [np.linalg.norm(to - peaks[m], axis=-1) for m in near]
    nearest = np.min(others, axis=0) if others else np.full_like(mine, np.inf)
    return np.asarray((mine < nearest) & (mine * PIXEL_MM < MAX_STRAY_MM + 0.0))


def _connected(core: NDArray[np.bool_], centre: tuple[int, int]) -> NDArray[np.bool_]:
    """In each plane only the largest piece, small holes filled."""
    out = np.zeros_like(core)
    for p, plane in enumerate(core):
        pieces, count = ndi.label(plane)
        if not count:
            continue
        size = np.bincount(pieces.ravel())
        size[0] = 0
        at = pieces[min(centre[0], plane.shape[0] - 1), min(centre[1], plane.shape[1] - 1)]
        out[p] = ndi.binary_fill_holes(pieces == (at if at and size[at] > 0.5 * size.max() else size.argmax()))
    return out


def _flat() -> NDArray[np.bool_]:
    structure = np.zeros((3, 3, 3), bool)
    structure[1] = True
    return structure


def _without_shadows(found: list[Instance]) -> list[Instance]:
    """Of two bodies at the same height only the larger stays: the other is no body of the chain."""
    kept: list[Instance] = []
    for one in sorted(found, key=lambda i: -i.area_mm2 * (0.3 + i.score)):
        if all(abs(one.centre[0] - other.centre[0]) * PIXEL_MM > MIN_APART_MM for other in kept):
            kept.append(one)
    return sorted(kept, key=lambda i: i.centre[0])
