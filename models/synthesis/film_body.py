"""What a film shows of a patient beside the spine: skin, lungs, gas, head, raised arms, thighs."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.synthesis.film_rays import View, ball_chord, tube_chords
from models.synthesis.spine import Array
from models.synthesis.trunk import Trunk

_SKIN = (
    # level, offset up (mm), behind the spine, before it, half width (mm)
    ("C3", 110.0, 95.0, 85.0, 72.0),
    ("C3", 25.0, 62.0, 62.0, 62.0),
    ("C6", 0.0, 62.0, 62.0, 62.0),
    ("T1", 0.0, 68.0, 78.0, 120.0),
    ("T4", 0.0, 66.0, 125.0, 165.0),
    ("T8", 0.0, 62.0, 160.0, 160.0),
    ("T11", 0.0, 64.0, 158.0, 150.0),
    ("L3", 0.0, 78.0, 140.0, 150.0),
    ("S1", 0.0, 92.0, 125.0, 172.0),
    ("S1", -90.0, 125.0, 118.0, 178.0),
    ("S1", -200.0, 92.0, 100.0, 160.0),
    ("S1", -420.0, 60.0, 85.0, 130.0),
)
"""Skin round the spine's mid-line, sized by the trunk's scale (house values for generating pictures only)."""


@dataclass(frozen=True)
class Solid:
    """A tube (`ends` [2, 3], `radius`) or an ellipsoid (`ends` [1, 3], `axes`), in trunk mm; `density` is what it adds
    to water (1 = as much as water again). `core` = (radius, density) is added along a tube's middle."""

    ends: Array
    radius: float
    density: float
    axes: Array | None = None
    core: tuple[float, float] | None = None

    def add_to(self, picture: Tensor, view: View) -> None:
        """Add this solid's water equivalent (mm) to every pixel of `picture` [H, W]."""
        reach = float(self.radius if self.axes is None else self.axes.max())
        rays = view.box(self.ends, reach)
        if rays is None:
            return
        ends = torch.as_tensor(self.ends, dtype=torch.float32, device=view.device)
        if self.axes is not None:
            axes = torch.as_tensor(self.axes, dtype=torch.float32, device=view.device)
            picture[rays.rows, rays.cols] += self.density * ball_chord(rays, ends[0], axes)
            return
        tubes = ((self.radius, self.density), *((self.core,) if self.core else ()))
        chords = tube_chords(rays, ends, tuple(radius for radius, _ in tubes))
        for chord, (_, density) in zip(chords, tubes, strict=True):
            picture[rays.rows, rays.cols] += density * chord


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


def lungs(trunk: Trunk, view: View, rng: np.random.Generator) -> Tensor:
    """What the two lungs take away (water mm, negative) [H, W]; each ends below at its own dome."""
    levels = {v.name: v.centre for v in trunk.spine.vertebrae}
    picture = torch.zeros(view.size, device=view.device)
    chest, scale, air = trunk.chest, trunk.spine.scale, float(rng.uniform(-0.82, -0.6))
    breath = rng.uniform(-25, 30)
    for side in (-1.0, 1.0):
        at = levels["T6"] + np.array([side * 0.5 * chest[0], -0.72 * chest[1] + rng.uniform(0, 14), -5.0])
        axes = np.array([0.45 * chest[0], rng.uniform(0.92, 1.08) * chest[1], 145.0]) * scale
        one = torch.zeros_like(picture)
        Solid(at[None], 0.0, air, axes).add_to(one, view)
        dome = levels["T11"] + np.array([0.0, -0.75 * chest[1], rng.uniform(10, 30) + breath])
        picture += one * _above(view, dome, rng.uniform(30, 55), chest[1] * rng.uniform(0.85, 1.1))
    return picture


def _above(view: View, dome: Array, high: float, half: float) -> Tensor:
    """1 above a diaphragm's dome, 0 below it; the top lies at `dome`, its edge `high` mm lower, `half` mm away."""
    row, col = view.pixels(dome[None])[0]
    rows = torch.arange(view.size[0], dtype=torch.float32, device=view.device)[:, None]
    cols = torch.arange(view.size[1], dtype=torch.float32, device=view.device)[None]
    edge = row + high / view.pixel_mm * ((cols - col).abs() * view.pixel_mm / half).clamp_max(1.3) ** 2
    share: Tensor = ((edge - rows) * view.pixel_mm / 2.0 + 0.5).clamp(0, 1)
    return share


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


def arms(trunk: Trunk, rng: np.random.Generator) -> list[Solid]:
    """Both arms as patients hold them for a lateral film: hands at the collar bones, on a bar, or raised."""
    levels = {v.name: v.centre for v in trunk.spine.vertebrae}
    pose, s, made = rng.choice(["collar", "bar", "raised"], p=[0.6, 0.2, 0.2]), trunk.spine.scale, []
    thick = rng.uniform(26, 44)
    for side in (-1.0, 1.0):
        joint = levels["T2"] + np.array([side * 155 * s, -30 + rng.uniform(-25, 20), rng.uniform(-15, 20)])
        reach, fall = {"collar": (-190, -190), "bar": (-250, -60), "raised": (-130, 260)}[str(pose)]
        elbow = joint + np.array([side * 20, reach * rng.uniform(0.6, 1.1), fall * rng.uniform(0.7, 1.1)])
        onward = {"collar": (rng.uniform(-60, 70), rng.uniform(180, 250)), "bar": (-220, 60), "raised": (-60, 200)}
        hand = elbow + np.array([-side * 60, *onward[str(pose)]])
        made += [
            Solid(np.stack([joint, elbow]), thick * s, 0.9),
            Solid(joint[None], 0.0, 0.6, np.array([55.0, 60.0, 75.0]) * s * rng.uniform(0.8, 1.15)),
            Solid(np.stack([elbow, hand]), 0.75 * thick * s, 0.9),
            Solid(elbow[None], 0.0, 0.4, np.full(3, thick * s)),
            *_bone(joint, elbow, 12.0 * s),
            *_bone(elbow, hand, 7.0 * s),
            *_bone(elbow + np.array([0, 18, 6]), hand + np.array([8, 12, 8]), 6.5 * s),
        ]
        for n in range(4):
            tip = hand + (hand - elbow) * 0.35 + np.array([0, 10 * (n - 1.5), 8 * n])
            made.append(Solid(np.stack([hand, tip]), 4.0, 0.6))
    return made


def _bone(a: Array, b: Array, radius: float) -> list[Solid]:
    return [Solid(np.stack([a, b]), radius, 1.1, core=(0.65 * radius, -0.9))]


def thighs(trunk: Trunk) -> list[Solid]:
    """The shafts of both femora, which the trunk of a CT does not reach."""
    s1, s, made = next(v for v in trunk.spine.vertebrae if v.name == "S1").centre, trunk.spine.scale, []
    for side in (-1.0, 1.0):
        hip = s1 + np.array([side * 125, -30, -150]) * s
        made += _bone(hip, hip + np.array([-side * 15, -20, -330]) * s, 15.0 * s)
    return made


def gas(trunk: Trunk, rng: np.random.Generator) -> list[Solid]:
    """Bowel with gas, stool or contrast, the stomach's bubble, the windpipe, and the heart between the lungs."""
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
    heart = levels["T8"] + np.array([15.0, -rng.uniform(75, 110), 0])
    made.append(
        Solid(heart[None], 0.0, float(rng.uniform(0.3, 0.75)), np.array([60.0, 55.0, 60.0]) * trunk.spine.scale)
    )
    for _ in range(int(rng.integers(10, 40))):
        start = levels["T7"] + np.array([rng.choice([-60.0, 60.0]), -rng.uniform(0, 120), rng.uniform(-80, 100)])
        end = start + rng.normal(0, 25, 3)
        made.append(Solid(np.stack([start, end]), float(rng.uniform(1.5, 5)), float(rng.uniform(0.3, 0.9))))
    pipe = np.stack([levels["C6"] + np.array([0, -28.0, 0]), levels["T4"] + np.array([0, -38.0, 0])])
    made.append(Solid(pipe, 8.5, -0.9))
    return made
