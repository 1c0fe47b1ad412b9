"""Mean size and posture of each vertebra, the centre of every random spine. Lengths in mm, angles in degrees.

Sources. Depth, heights and pitch: the expert masks of VerSe subjects 004 and 009 (Loeffler et al. 2020, Sekuboyina
et al. 2021, CC BY-SA 4.0), measured with the product's height definition and smoothed over levels, together with
Panjabi 1991/92 where a level is missing there. Centre spacing: medians of 1,946 CT scans (VID, Buergin et al. 2023,
CC BY-SA 4.0). These are shapes to draw from, not clinical reference values.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class LevelNorm:
    """Means for one level: `spacing` to the next level below, `pitch` > 0 where the upper end leans forward,
    `spinous_drop` the angle at which the spinous process falls below the horizontal."""

    name: str
    depth: float
    width: float
    height: float
    ratio_anterior: float
    ratio_middle: float
    spacing: float
    pitch: float
    spinous_drop: float


_ROWS = (
    # name depth width Hp  Ha/Hp Hm/Hp spacing pitch drop
    ("C3", 16.0, 20.0, 13.5, 0.97, 0.93, 17.0, -4.0, 25.0),
    ("C4", 16.0, 21.0, 13.3, 0.97, 0.93, 16.8, -1.0, 25.0),
    ("C5", 16.5, 22.0, 13.0, 0.96, 0.92, 16.6, 5.0, 25.0),
    ("C6", 17.0, 24.0, 13.3, 0.96, 0.91, 17.0, 12.0, 25.0),
    ("C7", 17.5, 26.5, 14.5, 0.96, 0.90, 18.0, 20.0, 25.0),
    ("T1", 18.0, 29.0, 16.0, 0.96, 0.89, 19.3, 26.0, 30.0),
    ("T2", 19.5, 29.0, 17.2, 0.96, 0.87, 20.3, 27.0, 38.0),
    ("T3", 21.5, 28.0, 17.8, 0.96, 0.87, 21.0, 26.0, 45.0),
    ("T4", 23.3, 27.0, 18.4, 0.96, 0.88, 21.6, 24.0, 52.0),
    ("T5", 25.2, 27.5, 18.9, 0.94, 0.87, 22.0, 19.0, 58.0),
    ("T6", 27.0, 28.5, 19.6, 0.93, 0.86, 22.6, 14.0, 60.0),
    ("T7", 28.6, 30.0, 20.2, 0.93, 0.85, 23.2, 9.0, 60.0),
    ("T8", 29.8, 31.5, 20.9, 0.94, 0.85, 24.0, 3.0, 57.0),
    ("T9", 30.6, 33.0, 21.8, 0.95, 0.86, 25.4, -2.0, 50.0),
    ("T10", 31.0, 35.5, 22.9, 0.96, 0.86, 27.2, -6.0, 42.0),
    ("T11", 31.2, 38.0, 24.2, 0.95, 0.86, 29.6, -9.0, 30.0),
    ("T12", 31.6, 40.0, 25.4, 0.96, 0.87, 32.4, -10.0, 20.0),
    ("L1", 32.4, 42.0, 26.4, 0.96, 0.86, 34.5, -9.0, 14.0),
    ("L2", 33.6, 44.0, 27.3, 0.99, 0.86, 35.7, -5.0, 12.0),
    ("L3", 34.6, 47.0, 27.4, 1.02, 0.87, 36.5, 2.0, 12.0),
    ("L4", 35.4, 50.0, 26.6, 1.06, 0.90, 36.3, 13.0, 14.0),
    ("L5", 35.0, 53.0, 24.6, 1.17, 0.94, 35.0, 27.0, 18.0),
)

NORMS: tuple[LevelNorm, ...] = tuple(LevelNorm(*row) for row in _ROWS)
NAMES: tuple[str, ...] = tuple(norm.name for norm in NORMS)
RIB_BEARING = frozenset(f"T{i}" for i in range(1, 14))
