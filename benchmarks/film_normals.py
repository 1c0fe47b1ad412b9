"""What normal ratios would be on films: six points on a projection beside what CT measures of the same bodies.

    python -m benchmarks.film_normals [SPINES] [SEED] [ANNOTATIONS]

Sound synthetic bodies without and with standing rims. *Film*: their true six points as an exposure shows them. *CT*:
their exact masks (1 mm voxels, as expert masks are), measured by the code that the normal shape of CT belongs to. The
transfer is film over CT, for the front and the middle height as shares of the back one, each body by itself.
With ANNOTATIONS (corners of real films, COCO layout) their front over back heights are held against the normals.
"""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import ndimage as ndi

from models.synthesis.film import draw_view, film_vertebra
from models.synthesis.film_looks import six
from models.synthesis.shapes import BodyShape, body_depth
from models.synthesis.trunk import draw_trunk
from models.synthesis.validation import OPTIONS
from pipelines.evaluation.films import film_truths
from pipelines.steps.measure import measure_planes
from vfx_finder.domain.genant import NORMAL_SHAPE
from vfx_finder.domain.spine import Level

Floats = NDArray[np.float64]
Ratios = dict[Level, list[Floats]]
"""By level, one pair a body: front and middle height over the back one."""

RIMS_MM = (0.0, 1.2, 2.4)
PLANES_MM = (-4.0, -2.0, 0.0, 2.0, 4.0)
VOXEL_MM, BLUR_MM, SECTION_MM = 1.0, 0.4, 0.4
VOXELS: Floats = np.array([17.0, 64.0, 64.0])
"""Across, from front to back and upwards: only what the planes cross."""

REACH_MM = 30.0
LEANING = 0.3
"""Most that a body leans forward or back in the voxels (radian)."""

REGIONS = {
    "T4-T8": tuple(Level(f"T{n}") for n in range(4, 9)),
    "T9-T12": tuple(Level(f"T{n}") for n in range(9, 13)),
    "L1-L5": tuple(Level(f"L{n}") for n in range(1, 6)),
}


def main(spines: int, seed: int, annotations: Path | None) -> None:
    """Draw, measure, print."""
    torch.set_num_threads(1)
    transfers = {rim: transfer(spines, seed, rim) for rim in RIMS_MM}
    Console().print(_transfer_table(transfers, spines))
    if annotations:
        Console().print(_real_table(real_ratios(annotations), transfers))


def transfer(spines: int, seed: int, rim_mm: float) -> Ratios:
    """Film over CT of every sound body T1 to L5 of so many spines whose rims stand up by at most `rim_mm`."""
    rng, made = np.random.default_rng(seed), defaultdict(list)
    options = replace(OPTIONS["normal"], rim_mm=rim_mm)
    for _ in range(spines):
        trunk = draw_trunk(rng, options)
        view = draw_view(trunk, rng)
        for body in (v for v in trunk.spine.vertebrae if v.name in NORMAL_SHAPE):
            points = six(film_vertebra(body, view))
            film, ct = np.linalg.norm(points[3:] - points[:3], axis=1), on_ct(body.shape, rng)
            if ct is not None:
                made[Level(body.name)].append(_ratios(film) / _ratios(ct))
    return dict(made)


def on_ct(shape: BodyShape, rng: np.random.Generator) -> Floats | None:
    """Anterior, middle and posterior height [3] (mm) as measured on the body's voxels; None where nothing was."""
    sides = [(np.arange(n) - (n - 1) / 2) * VOXEL_MM for n in VOXELS]
    shift, lean = rng.uniform(-0.5, 0.5, 3) * VOXEL_MM, rng.uniform(-LEANING, LEANING)
    turned = np.array([[1, 0, 0], [0, np.cos(lean), -np.sin(lean)], [0, np.sin(lean), np.cos(lean)]])
    places = torch.as_tensor((np.stack(np.meshgrid(*sides, indexing="ij"), -1) + shift) @ turned).float()
    inside = body_depth(shape, (places[..., 0], places[..., 1], places[..., 2]))[0] > 0
    soft = ndi.gaussian_filter(inside.numpy().astype(np.float32), BLUR_MM / VOXEL_MM)
    along = np.arange(-REACH_MM, REACH_MM + 1e-6, SECTION_MM)
    z, y = np.meshgrid(-along, along, indexing="ij")
    planes = [_plane(soft, np.stack([np.full_like(y, x), y, z]), shift) for x in PLANES_MM]
    middle = (len(along) - 1) / 2
    measure = measure_planes(np.asarray(planes, np.float32), SECTION_MM, (middle, middle))
    if measure is None:
        return None
    return np.array([measure.heights.anterior, measure.heights.middle, measure.heights.posterior])


def _plane(soft: NDArray[np.float32], places: Floats, shift: Floats) -> NDArray[np.float32]:
    voxels = (places - shift[:, None, None]) / VOXEL_MM + (VOXELS[:, None, None] - 1) / 2
    return np.asarray(ndi.map_coordinates(soft, voxels, order=1), np.float32)


def real_ratios(annotations: Path) -> Ratios:
    """Front over back height of every body with corners on real films; the middle is not known."""
    made: Ratios = {}
    for truth in film_truths(annotations):
        for level, corners in truth.corners.items():
            front, back = np.linalg.norm(corners[2:] - corners[:2], axis=1)
            made.setdefault(level, []).append(np.array([front / back, np.nan]))
    return made


def smoothed(ratios: Ratios) -> dict[Level, Floats]:
    """Mean by level, a straight line over the levels T1 to L5: single levels differ by chance."""
    levels = [level for level in NORMAL_SHAPE if level in ratios]
    at = [list(NORMAL_SHAPE).index(level) for level in levels]
    lines = np.polyfit(at, np.array([np.mean(ratios[level], axis=0) for level in levels]), 1)
    return {level: lines[0] * where + lines[1] for where, level in enumerate(NORMAL_SHAPE)}


def _ratios(heights: Floats) -> Floats:
    return np.asarray(heights[:2] / heights[2])


def _transfer_table(transfers: Mapping[float, Ratios], spines: int) -> Table:
    title = f"film over CT, {spines} synthetic spines without fracture for each height of rims"
    table = Table("level", *_headers(), title=title, title_justify="left")
    lines = {rim: smoothed(ratios) for rim, ratios in transfers.items()}
    for level in NORMAL_SHAPE:
        table.add_row(level.value, *(cell for rim in RIMS_MM for cell in _cells(transfers[rim], (level,))))
    for name, levels in REGIONS.items():
        table.add_row(name, *(cell for rim in RIMS_MM for cell in _cells(transfers[rim], levels)))
    table.add_row("line, T1 .. L5", *(f"{a:.3f} .. {b:.3f}" for rim in RIMS_MM for a, b in _ends(lines[rim])))
    return table


def _headers() -> Iterator[str]:
    for rim in RIMS_MM:
        yield from (f"Ha/Hp, rims {rim} mm (SD)", f"Hm/Hp, rims {rim} mm (SD)")


def _cells(ratios: Ratios, levels: Sequence[Level]) -> tuple[str, str]:
    seen = np.array([pair for level in levels for pair in ratios.get(level, ())])
    front, middle = (f"{column.mean():.3f} ({column.std():.3f})" for column in seen.T)
    return front, middle


def _ends(line: Mapping[Level, Floats]) -> list[tuple[float, float]]:
    levels = list(NORMAL_SHAPE)
    return list(zip(line[levels[0]].tolist(), line[levels[-1]].tolist(), strict=True))


def _real_table(real: Ratios, transfers: Mapping[float, Ratios]) -> Table:
    """Mean of true less normal Ha/Hp, for the normals of CT and for those carried over by each transfer."""
    table = Table(
        "levels", "n", "true Ha/Hp (SD)", "less CT's", *(f"less CT's carried over, rims {rim} mm" for rim in RIMS_MM),
        title="front over back height on real films, by their corners", title_justify="left",
    )  # fmt: skip
    lines: list[Mapping[Level, Floats] | None] = [None, *(smoothed(transfers[rim]) for rim in RIMS_MM)]
    for name, levels in {**{level.value: (level,) for level in NORMAL_SHAPE}, **REGIONS}.items():
        seen = [(level, pair[0]) for level in levels for pair in real.get(level, ())]
        true = np.array([ratio for _, ratio in seen])
        less = (np.mean([ratio - _normal(level, line) for level, ratio in seen]) for line in lines)
        table.add_row(name, str(len(seen)), f"{true.mean():.3f} ({true.std():.3f})", *(f"{one:+.3f}" for one in less))
    return table


def _normal(level: Level, line: Mapping[Level, Floats] | None) -> float:
    front, _, back = NORMAL_SHAPE[level]
    return front / back * (1.0 if line is None else float(line[level][0]))


if __name__ == "__main__":
    words = sys.argv[1:]
    numbers = [int(word) for word in words[:2]]
    main(*(numbers + [36, 20270401][len(numbers) :]), Path(words[2]) if len(words) > 2 else None)
