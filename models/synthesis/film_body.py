"""What a film shows of a patient beside the spine, chest and arms: skin, head, thighs, bowel."""

import numpy as np
import torch
from torch import Tensor

from models.synthesis.film_rays import View
from models.synthesis.film_solids import Solid
from models.synthesis.trunk import Trunk

_SKIN = (
    # level, offset up (mm), behind the spine, before it, half width (mm)
    ("C3", 110.0, 80.0, 95.0, 72.0),
    ("C3", 30.0, 46.0, 50.0, 50.0),
    ("C6", 0.0, 46.0, 46.0, 52.0),
    ("T1", 10.0, 60.0, 62.0, 95.0),
    ("T4", 0.0, 62.0, 120.0, 150.0),
    ("T8", 0.0, 62.0, 160.0, 160.0),
    ("T11", 0.0, 64.0, 158.0, 150.0),
    ("L3", 0.0, 78.0, 140.0, 150.0),
    ("S1", 0.0, 82.0, 152.0, 172.0),
    ("S1", -90.0, 98.0, 155.0, 178.0),
    ("S1", -200.0, 72.0, 135.0, 160.0),
    ("S1", -420.0, 45.0, 110.0, 130.0),
)
"""Skin round the spine's mid-line, sized by the trunk's scale (house values for generating pictures only)."""


def skin(trunk: Trunk, view: View, rng: np.random.Generator, frontal: bool = False) -> Tensor:
    """Water equivalent (mm) [H, W] of the soft tissue of head, trunk and thighs."""
    levels = {v.name: v.centre for v in trunk.spine.vertebrae}
    grow, belly = trunk.spine.scale * rng.uniform(0.92, 1.15), rng.uniform(0.85, 1.35)
    rows = []
    for name, up, behind, before, half in _SKIN:
        at = levels[name] + np.array([0.0, 0.0, up * trunk.spine.scale])
        swell = belly if name in ("L3", "T11") else 0.5 + belly / 2
        rows.append(
            (at, behind * grow * rng.uniform(0.92, 1.1), before * grow * swell, half * grow * (0.6 + 0.4 * swell))
        )
    z = np.array([row[0][2] for row in rows])[::-1]
    film_z = torch.as_tensor(view.corner[1] - np.arange(view.size[0]) * view.pixel_mm, dtype=torch.float32)

    def along(values: list[float]) -> Tensor:
        found = np.interp(film_z.numpy(), z, np.array(values)[::-1])
        smooth = np.convolve(np.pad(found, 20, mode="edge"), np.ones(41) / 41, "valid")
        return torch.as_tensor(smooth, dtype=torch.float32, device=view.device)[:, None]

    front = along([row[0][1] - row[2] for row in rows])
    back = along([row[0][1] + row[1] for row in rows])
    wide = along([row[3] for row in rows])
    middle = along([row[0][0] for row in rows])
    y = view.corner[0] + torch.arange(view.size[1], dtype=torch.float32, device=view.device) * view.pixel_mm
    across, depth = (2 * y[None] - front - back) / (back - front), wide
    if frontal:
        across, depth = (y[None] + middle) / wide, (back - front) / 2
    thick: Tensor = 2 * depth * (1 - across.abs() ** 2.4).clamp_min(0.0) ** 0.5
    return thick


def head(trunk: Trunk, rng: np.random.Generator) -> list[Solid]:
    """Brain, skull shell, face, jaw with teeth."""
    c3 = trunk.spine.vertebrae[0].centre
    top = c3 + np.array([0, -20 + rng.uniform(-15, 10), 105 + rng.uniform(-8, 12)])
    size = np.array([72.0, 92.0, 68.0]) * rng.uniform(0.94, 1.06)
    made = [
        Solid(top[None], 0.0, 0.2, size),
        Solid(top[None], 0.0, 0.9, size - 2),
        Solid(top[None], 0.0, -0.9, size - rng.uniform(6, 9)),
        Solid((top + np.array([0, -62, -55]))[None], 0.0, 0.6, np.array([55.0, 40.0, 55.0])),
        Solid((top + np.array([0, -70, -40]))[None], 0.0, -0.8, np.array([22.0, 20.0, 16.0])),
    ]
    chin = top + np.array([0, -105, -100 + rng.uniform(-6, 6)])
    for side in (-1.0, 1.0):
        angle = top + np.array([side * 48, -45, -82])
        made += [
            Solid(np.stack([angle, chin + np.array([side * 8, 0, 0])]), 8.0, 0.9),
            Solid(np.stack([angle, angle + np.array([0, 18, 45])]), 7.0, 0.7),
        ]
        for n in range(7):
            tooth = chin + np.array([side * (10 + 4 * n), 8 * n, 14 + 3 * n])
            made.append(Solid(np.stack([tooth, tooth + np.array([0, 0, 20])]), 3.2, float(rng.uniform(1, 2.5))))
    return made


def thighs(trunk: Trunk) -> list[Solid]:
    """The shafts of both femora, which the trunk of a CT does not reach."""
    s1, s, made = next(v for v in trunk.spine.vertebrae if v.name == "S1").centre, trunk.spine.scale, []
    for side in (-1.0, 1.0):
        hip = s1 + np.array([side * 125, -30, -150]) * s
        foot = hip + np.array([-side * 15, -20, -330]) * s
        made.append(Solid(np.stack([hip, foot]), 15.0 * s, 1.1, core=(9.8 * s, -0.9)))
    return made


def gas(trunk: Trunk, rng: np.random.Generator) -> list[Solid]:
    """Bowel with gas, stool or contrast, and the stomach's bubble."""
    levels = {v.name: v.centre for v in trunk.spine.vertebrae}
    made = [Solid(one.centre[None], 0.0, one.hu / 1000, one.axes) for one in trunk.organs[9:]]
    for _ in range(int(rng.integers(4, 30))):
        where = levels["L3"] + np.array([rng.uniform(-90, 90), -rng.uniform(15, 150), rng.uniform(-190, 90)])
        size = rng.uniform(5, 24, 3)
        made.append(Solid(where[None], 0.0, float(rng.uniform(-0.95, -0.2)), size))
    stomach = levels["T11"] + np.array([50, -rng.uniform(50, 110), rng.uniform(-45, 5)])
    made.append(
        Solid(stomach[None], 0.0, -0.95, np.array([rng.uniform(15, 50), rng.uniform(15, 45), rng.uniform(8, 22)]))
    )
    return made
