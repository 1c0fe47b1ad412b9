"""The chest on a film: lungs that reach behind the spine, two domes that slope down to the back, heart, aorta, hila."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from models.synthesis.film_rays import View
from models.synthesis.film_solids import Solid, union
from models.synthesis.spine import Array
from models.synthesis.trunk import Trunk

_BACK = (("T1", 4.0), ("T2", 18.0), ("T4", 38.0), ("T7", 48.0), ("T10", 46.0), ("T12", 40.0), ("L2", 34.0))
"""How far behind the middle of the body at a level a lung reaches (mm): the gutters beside the spine lie behind it."""

_FRONT = (("T1", 0.25), ("T2", 0.55), ("T4", 1.15), ("T7", 1.5), ("T10", 1.55), ("T12", 1.5), ("L2", 1.4))
"""How far before it (shares of the chest's half depth)."""

_SIDE_MM = 60.0
_APEX = "T1"

_OUTER = (("T1", 0.3), ("T2", 0.55), ("T4", 0.78), ("T7", 0.9), ("T10", 0.95), ("L2", 0.95))
"""How far to the side (shares of the chest's half width), for films from the front."""


@dataclass(frozen=True)
class _Edges:
    """Columns [H, 1] of a lung's front and back edge, and the row of its apex."""

    front: Tensor
    back: Tensor
    apex: float


def lungs(trunk: Trunk, view: View, rng: np.random.Generator, frontal: bool = False) -> Tensor:
    """What the two lungs take away (water mm, negative) [H, W].

    Each lung is seen on its own: turned patients and the source's distance part their edges and domes.
    """
    air, breath = float(rng.uniform(-0.84, -0.55)), float(rng.uniform(-22, 22))
    deep, thick = float(rng.uniform(35, 95)), float(rng.uniform(50, 85)) * trunk.spine.scale * (2 if frontal else 1)
    reach = float(rng.uniform(0.7, 1.15))
    picture = torch.zeros(view.size, device=view.device)
    cols = torch.arange(view.size[1], dtype=torch.float32, device=view.device)[None]
    for side in (-1.0, 1.0):
        reached = reach * float(rng.normal(1, 0.06))
        edges = _frontal_edges(trunk, view, side) if frontal else _edges(trunk, view, side, reached)
        middle, half = (edges.front + edges.back) / 2, ((edges.back - edges.front) / 2).clamp_min(1.0)
        width = (1 - ((cols - middle) / half).abs().clamp_max(1.0) ** 3).sqrt()
        chord = thick * float(rng.normal(1, 0.07)) * width * _below_apex(view, edges.apex)
        top = breath + float(rng.normal(0, 9))
        picture += air * chord * _above_dome(trunk, view, side, (top, deep * float(rng.uniform(0.85, 1.15))))
    return picture


def _edges(trunk: Trunk, view: View, side: float, reach: float) -> _Edges:
    """Front and back edge as seen from the side; `reach` scales how far behind the spine the lung goes."""
    back = [(name, (side * _SIDE_MM, y * reach * trunk.spine.scale)) for name, y in _BACK]
    front = [(name, (side * _SIDE_MM, -y * trunk.chest[1])) for name, y in _FRONT]
    return _Edges(_column(trunk, view, front), _column(trunk, view, back), _apex(trunk, view))


def _frontal_edges(trunk: Trunk, view: View, side: float) -> _Edges:
    """Right and left edge as seen from the front."""
    inner = [(name, (side * 16.0, 0.0)) for name, _ in _OUTER]
    outer = [(name, (side * share * trunk.chest[0], 0.0)) for name, share in _OUTER]
    columns = (_column(trunk, view, inner), _column(trunk, view, outer))
    return _Edges(torch.minimum(*columns), torch.maximum(*columns), _apex(trunk, view))


def _apex(trunk: Trunk, view: View) -> float:
    levels = {v.name: v.centre for v in trunk.spine.vertebrae}
    return float(view.pixels(levels[_APEX][None])[0, 0])


def _column(trunk: Trunk, view: View, points: list[tuple[str, tuple[float, float]]]) -> Tensor:
    """Column [H, 1] in every row of a smooth line through points beside the middle (x, y in mm) of bodies."""
    levels = {v.name: v.centre for v in trunk.spine.vertebrae}
    line = [levels[name] + np.array([x, y, 0.0]) for name, (x, y) in points if name in levels]
    at = view.pixels(np.array(line))
    found = np.interp(np.arange(view.size[0]), at[:, 0], at[:, 1])
    smooth = np.convolve(np.pad(found, 25, mode="edge"), np.ones(51) / 51, "valid")
    return torch.as_tensor(smooth, dtype=torch.float32, device=view.device)[:, None]


def _below_apex(view: View, apex: float) -> Tensor:
    """0 above a lung's apex, 1 from 70 mm below it: lungs are narrow at the top."""
    rows = torch.arange(view.size[0], dtype=torch.float32, device=view.device)[:, None]
    share: Tensor = ((rows - apex) * view.pixel_mm / 70).clamp(0, 1).sqrt()
    return share


def _above_dome(trunk: Trunk, view: View, side: float, dome: tuple[float, float]) -> Tensor:
    """1 above a diaphragm, 0 below it. `dome` = how much higher than T10/T11 its top lies, and how far it falls from
    there to the back (mm): behind the spine lungs reach down to T12 or L1."""
    levels, depth = {v.name: v.centre for v in trunk.spine.vertebrae}, trunk.chest[1]
    top, deep = dome
    at = levels["T10"] * 0.6 + levels["T11"] * 0.4 + np.array([side * _SIDE_MM, -0.95 * depth, top])
    row, col = view.pixels(at[None])[0]
    rows = torch.arange(view.size[0], dtype=torch.float32, device=view.device)[:, None]
    away = (torch.arange(view.size[1], dtype=torch.float32, device=view.device)[None] - col) * view.pixel_mm / depth
    fall = torch.where(away > 0, deep * (away.clamp_max(1.5) / 1.15) ** 2, 0.5 * deep * away.clamp_min(-1.0) ** 2)
    share: Tensor = ((row - rows) * view.pixel_mm + fall).div(2.0).add(0.5).clamp(0, 1)
    return share


def inside_chest(trunk: Trunk, view: View, rng: np.random.Generator) -> Tensor:
    """What lies between and in the lungs (water mm) [H, W]: heart, aorta with its arch, roots of the lungs, vessels,
    the windpipe. In air it counts nearly as much as bone."""
    levels, s = {v.name: v.centre for v in trunk.spine.vertebrae}, trunk.spine.scale
    picture = union(_heart(levels, s, rng), view) * float(rng.uniform(0.15, 0.5))
    picture += union(_aorta(levels, s, rng), view) * float(rng.uniform(0.15, 0.75))
    for solid in (*_vessels(levels, rng), _windpipe(levels)):
        solid.add_to(picture, view)
    return picture


def _heart(levels: dict[str, Array], s: float, rng: np.random.Generator) -> list[Solid]:
    at = levels["T8"] + np.array([15.0, -rng.uniform(70, 100) * s, rng.uniform(-10, 10)])
    made = []
    for _ in range(4):
        where = at + rng.normal(0, 16, 3)
        made.append(Solid(where[None], 0.0, 1.0, np.array([50.0, rng.uniform(30, 50), rng.uniform(35, 60)]) * s))
    return made


def _aorta(levels: dict[str, Array], s: float, rng: np.random.Generator) -> list[Solid]:
    """From the arch at T4 down beside the front of the bodies; winding in the old."""
    radius, wind = float(rng.uniform(9, 16)) * s, float(rng.uniform(0, 14))
    before = float(rng.uniform(12, 30)) * s
    line = [levels["T5"] + np.array([10.0, -before - 45 * s, 5.0]), levels["T4"] + np.array([12.0, -before - 22, 4.0])]
    for n, name in enumerate(("T5", "T7", "T9", "T11")):
        line.append(levels[name] + np.array([18.0, -before + wind * np.sin(n * 1.7), 0.0]))
    return [Solid(np.stack([a, b]), radius, 1.0) for a, b in pairwise(line)]


def _vessels(levels: dict[str, Array], rng: np.random.Generator) -> list[Solid]:
    """Vessels that spread from the roots of the lungs, thinner outwards."""
    root, made = levels["T6"] + np.array([0.0, -rng.uniform(45, 75), rng.uniform(-15, 5)]), []
    for _ in range(int(rng.integers(10, 34))):
        start = root + rng.normal(0, 14, 3) + np.array([rng.choice([-40.0, 40.0]), 0, 0])
        way = rng.normal(0, 1, 3) * np.array([0.4, 1.0, 1.0])
        end = start + way / np.linalg.norm(way) * rng.uniform(30, 100)
        made.append(Solid(np.stack([start, end]), float(rng.uniform(1.2, 4.5)), float(rng.uniform(0.3, 0.9))))
    return made


def _windpipe(levels: dict[str, Array]) -> Solid:
    ends = np.stack([levels["C6"] + np.array([0, -28.0, 0]), levels["T4"] + np.array([0, -38.0, 0])])
    return Solid(ends, 8.5, -0.9)
