"""What lies inside a vertebral body beside spongiosa: lesions, a haemangioma, cement."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.synthesis.shapes import BodyShape, occupancy


@dataclass(frozen=True)
class Inclusion:
    """A ball in a body's own frame: centre (x left, y posterior, z up) and radius in mm, attenuation in HU; `stripes`
    (HU) is the contrast of the coarse vertical trabeculae of a haemangioma."""

    centre: tuple[float, float, float]
    radius: float
    hu: float
    stripes: float = 0.0


def draw_inclusions(kind: str, shape: BodyShape, rng: np.random.Generator) -> tuple[Inclusion, ...]:
    """The inclusions of a "haemangioma", "sclerotic-lesion", "lytic-lesion" or "cement" in this body."""

    def ball(radius: tuple[float, float], hu: tuple[float, float], stripes: float = 0.0) -> Inclusion:
        height = shape.upper.posterior + shape.lower.posterior
        spread = np.array([shape.width, shape.depth, height]) * 0.2
        x, y, z = (float(v) for v in rng.uniform(-1, 1, 3) * spread)
        size = min(float(rng.uniform(*radius)), 0.42 * height)
        return Inclusion((x, y, z), size, float(rng.uniform(*hu)), stripes)

    if kind == "haemangioma":
        return (ball((5, 11), (-60, 60), float(rng.uniform(100, 300))),)
    if kind == "lytic-lesion":
        return (ball((4, 9), (20, 60)),)
    if kind == "sclerotic-lesion":
        return tuple(ball((2, 7), (400, 1100)) for _ in range(int(rng.integers(1, 4))))
    return tuple(ball((3, 8), (1400, 3000)) for _ in range(int(rng.integers(1, 4))))


def paint_inclusion(
    hu: Tensor, one: Inclusion, local: tuple[Tensor, Tensor, Tensor], within: Tensor, softness: float
) -> Tensor:
    """HU [M] with the inclusion over it, where `within` (0..1) says that there is body; local x, y, z in mm."""
    x, y, z = local
    cx, cy, cz = one.centre
    away = ((x - cx) ** 2 + (y - cy) ** 2 + (z - cz) ** 2).sqrt()
    share = occupancy(one.radius - away, softness) * within
    pattern = torch.cos(2.2 * x) * torch.cos(2.2 * y)
    return hu * (1 - share) + (one.hu + one.stripes * pattern.clamp_min(0)) * share
