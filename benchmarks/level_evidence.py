"""What the coarse network's maps say about levels, on synthetic trunks: run with every new network, then refit.

    python -m benchmarks.level_evidence [COUNT] [FIRST_SEED]

Prints, by level, how often the maps show a rib, the sacrum and C2 to a body (`pipelines.steps.anchors`), and how far
the level map is off: its shift shared by a scan and what single bodies add (`pipelines.steps.picture_error`). Constants
to look at afterwards: RIB_EVEN and RIB_EVEN_BELOW (where T12 and L1, C7 and T1 part), `enough` and `next_from` of the
landmarks (L5 against L4, C3 against C4), and `picture_error.ON_CT.rank` (never below twice what is printed: real scans
differ from synthetic ones).
"""

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models import catalogue
from models.synthesis.trunk import Trunk, draw_trunk
from models.synthesis.volumes import FieldOfView, render_volume
from pipelines.steps.anchors import DENS_ABOVE, SACRUM_BELOW, USUAL_STEP_MM, Surroundings
from pipelines.steps.centre_line import COARSE_MM
from pipelines.steps.level_rank import RANK
from vfx_finder.domain.spine import HEAD_TO_FOOT, Level

Floats = NDArray[np.float64]

VIEWS = (("T10", "S3"), ("C6", "L1"), ("C5", "S4"), ("T7", "S1"), ("", "T7"), ("T8", "L3"))
"""Highest and lowest vertebra of each kind of scan; no name: from above the skull base."""


@dataclass(frozen=True)
class Row:
    """What was seen around one true body of one scan; `shift` in levels."""

    scan: int
    level: Level
    rib: float | None
    sacrum: float | None
    dens: float | None
    shift: float | None


def main(count: int, first: int) -> None:
    """Draw, look, and print the tables."""
    torch.set_num_threads(1)
    rows = [row for seed in range(first, first + count) for row in look(seed)]
    console = Console()
    console.print(by_level(rows))
    console.print(shifts(rows))


def look(seed: int) -> Iterator[Row]:
    """One synthetic scan at 4 mm, and what its maps say around every body in view."""
    rng = np.random.default_rng([77, seed])
    trunk = draw_trunk(rng)
    field = _field(trunk, VIEWS[seed % len(VIEWS)], rng)
    hu = render_volume(trunk, field, rng).astype(np.float32)
    maps = catalogue.load("cpu").ct_spine.coarse(np.ascontiguousarray(hu.transpose(2, 1, 0)[::-1]))
    around = Surroundings(maps.tissue, maps.level)
    bodies = [(Level(v.name), v.centre - field.origin) for v in trunk.spine.vertebrae if v.kind == "body"]
    seen = [(level, at) for level, at in bodies if 0 < at[2] < (len(maps.level) - 1) * COARSE_MM]
    for n, (level, at) in enumerate(seen):
        above, below = seen[n - 1] if n else None, seen[n + 1] if n + 1 < len(seen) else None
        rank = around.rank(at)
        yield Row(
            scan=seed,
            level=level,
            rib=around.rib_strength(at, _step(at, above) or USUAL_STEP_MM),
            sacrum=around.beyond(SACRUM_BELOW, at, _step(at, above)),
            dens=around.beyond(DENS_ABOVE, at, _step(at, below)),
            shift=None if rank is None else rank - RANK[level],
        )


def _field(trunk: Trunk, view: tuple[str, str], rng: np.random.Generator) -> FieldOfView:
    centre = {v.name: v.centre for v in trunk.spine.vertebrae}
    top = centre[view[0]][2] + rng.uniform(-10, 25) if view[0] in centre else centre["C3"][2] + rng.uniform(60, 110)
    foot = centre[view[1]][2] - rng.uniform(-10, 25)
    inside = np.array([c for c in centre.values() if foot < c[2] < top])
    wide, deep = int(rng.choice([60, 80, 96])), int(rng.choice([48, 64, 72]))
    middle = (float(inside[:, 0].mean()), float(inside[:, 1].mean()) - (deep * COARSE_MM / 2 - 80), (top + foot) / 2)
    return FieldOfView(middle, (wide, deep, max(20, int((top - foot) / COARSE_MM))), COARSE_MM, COARSE_MM)


def _step(at: Floats, neighbour: tuple[Level, Floats] | None) -> float | None:
    return float(np.linalg.norm(at - neighbour[1])) if neighbour else None


def by_level(rows: list[Row]) -> Table:
    """10th, 50th and 90th percentile of everything at every level."""
    table = Table("level", "n", "rib strength", "sacrum is next", "C2 is next", "level map is off by")
    for level in HEAD_TO_FOOT:
        here = [row for row in rows if row.level is level]
        if here:
            names = ("rib", "sacrum", "dens", "shift")
            table.add_row(level, str(len(here)), *(_spread([getattr(row, name) for row in here]) for name in names))
    return table


def _spread(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return "  ".join(f"{value:.2f}" for value in np.percentile(known, [10, 50, 90])) if known else "not in view"


def shifts(rows: list[Row]) -> Table:
    """How far whole scans, and bodies within a scan, are read off their level."""
    scans = defaultdict(list)
    for row in rows:
        if row.shift is not None:
            scans[row.scan].append(row.shift)
    of_scan = np.array([np.median(one) for one in scans.values()])
    of_body = np.concatenate([np.array(one) - np.median(one) for one in scans.values()])
    table = Table("level map", "n", "mean", "SD", "within 1", "within 1.5")
    for name, values in (("shift of a scan", of_scan), ("of a body within it", of_body)):
        near = (f"{(np.abs(values) <= limit).mean():.0%}" for limit in (1.0, 1.5))
        table.add_row(name, str(len(values)), f"{values.mean():+.2f}", f"{values.std():.2f}", *near)
    return table


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]]
    main(*(numbers + [60, 0][len(numbers) :]))
