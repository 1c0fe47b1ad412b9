"""How often each likeness is told, of what it is and of what it is not: counted on synthetic spines, without images.

    python -m benchmarks.likeness [SPINES] [SEED]

End-plates are taken from the drawn shapes themselves, blurred and disturbed by 0.15 mm (SD) as an outline from an image
is. Rows: what a vertebra truly is. Columns: share of them, of T4 to L5, that resembles each look-alike.
"""

import sys
from collections import defaultdict

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy import ndimage as ndi

from models.synthesis.shapes import BodyShape, plate_height
from models.synthesis.spine import SpineOptions, SyntheticVertebra, draw_spine
from pipelines.steps.likeness import Measured, likenesses
from pipelines.steps.measure import BodyMeasure
from pipelines.steps.section import DEPTH_FRACTIONS, heights_of
from vfx_finder.domain.genant import LEVELS_WITH_GRADE
from vfx_finder.domain.mimic import Mimic
from vfx_finder.domain.spine import Drawing, Level

Floats = NDArray[np.float64]
PLANES_MM = (-4.0, 0.0, 4.0)
OUTLINE_NOISE_MM = 0.15
"""With it normal end-plates are as uneven as the networks outline them (0.06 mm about a smooth course)."""

NOISE_REACH = 2.0


def main(spines: int, seed: int) -> None:
    """Draw, count, print."""
    rng, counts = np.random.default_rng(seed), defaultdict(list)
    options = SpineOptions(mimic_rate=0.35, scheuermann_rate=0.15, hardware_rate=0.0)
    for _ in range(spines):
        bodies = [v for v in draw_spine(rng, options).vertebrae if v.kind == "body"]
        told = likenesses([Measured(Level(v.name), measured(v.shape, rng)) for v in bodies])
        for body, kinds in zip(bodies, told, strict=True):
            if Level(body.name) in LEVELS_WITH_GRADE:
                counts[truth(body)].append(kinds)
    Console().print(_table(counts))


def truth(body: SyntheticVertebra) -> str:
    """What this vertebra is, as the row it is counted in."""
    if body.fracture:
        return f"fracture of {'25 % and more' if body.fracture[1] >= 0.25 else 'less than 25 %'}"
    return body.mimic or "normal"


def measured(shape: BodyShape, rng: np.random.Generator) -> BodyMeasure:
    """The body as if it had been measured without error but for its outline."""
    upper, lower = (_plate(shape, plate, rng) for plate in ("upper", "lower"))
    return BodyMeasure(
        heights=heights_of(upper + lower),
        profile=upper + lower,
        upper=upper,
        lower=-lower,
        depth_mm=shape.depth,
        spread_mm=(0.0, 0.0, 0.0),
        ratio_spread=0.0,
        area_jump=0.0,
        planes=len(PLANES_MM),
        centre=(0.0, 0.0),
        drawing=Drawing((), ()),
        flags=(),
    )


def _plate(shape: BodyShape, name: str, rng: np.random.Generator) -> Floats:
    """Height of an end-plate (mm outwards) at `DEPTH_FRACTIONS`: the median of the planes, as measured."""
    x, f = torch.meshgrid(torch.tensor(PLANES_MM), torch.as_tensor(DEPTH_FRACTIONS, dtype=torch.float32), indexing="ij")
    height = plate_height(getattr(shape, name), shape, (x, (f - 0.5) * shape.depth)).median(0).values.numpy()
    noise = ndi.gaussian_filter1d(rng.normal(size=len(height)), NOISE_REACH)
    blurred = ndi.gaussian_filter1d(height.astype(np.float64), 0.8, mode="nearest")
    return np.asarray(blurred + OUTLINE_NOISE_MM * noise / noise.std())


def _table(counts: dict[str, list[tuple[Mimic, ...]]]) -> Table:
    table = Table("truth", "n", *(kind.value.removeprefix("resembles-") for kind in Mimic), "any that lowers")
    for name in sorted(counts):
        told = counts[name]
        shares = (sum(kind in kinds for kinds in told) / len(told) for kind in Mimic)
        lowers = sum(any(kind.lowers_certainty for kind in kinds) for kinds in told) / len(told)
        table.add_row(name, str(len(told)), *(f"{share:.0%}" for share in (*shares, lowers)))
    return table


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [300, 1][len(numbers) :]))
