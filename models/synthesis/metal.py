"""Pedicle screws and rods, and the streaks that metal throws across its slices."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from models.synthesis.bones import Capsules, Segment, capsules
from models.synthesis.spine import Array, Spine, SyntheticVertebra

METAL_HU = 6000.0
REACH_MM = 70.0


@dataclass(frozen=True)
class Hardware:
    """`parts`: screws and rods; `sources` [N, 3]: the points (trunk mm) that streaks start from; `strength` in HU and
    `phase` (radian) of the streaks."""

    parts: Capsules
    sources: Array
    strength: float
    phase: float


def draw_hardware(spine: Spine, rng: np.random.Generator) -> Hardware:
    """Screws through both pedicles of two to four neighbouring vertebrae of T10 to L5, joined by rods."""
    bodies = [v for v in spine.vertebrae if v.kind == "body"]
    count, last = int(rng.integers(2, 5)), len(bodies)
    first = int(rng.integers(last - 8, last - count + 1))
    screwed = bodies[first : first + count]
    segments: list[Segment] = []
    for side in (-1.0, 1.0):
        heads = [_screw(v, side, segments) for v in screwed]
        segments += [(a, b, 2.8, 2.8) for a, b in pairwise(heads)]
    sources = np.array([(a + b) / 2 for a, b, _, _ in segments])
    parts = capsules(segments, "metal", (METAL_HU, METAL_HU), "hardware")
    return Hardware(parts, sources, float(rng.uniform(40, 350)), float(rng.uniform(0, 6.3)))


def _screw(v: SyntheticVertebra, side: float, segments: list[Segment]) -> Array:
    """Add one screw; returns its head."""
    depth, width = v.shape.depth, v.shape.width
    height = v.shape.upper.posterior
    tip = v.centre + v.frame @ np.array([side * 0.16 * width, -0.15 * depth, 0.2 * height])
    head = v.centre + v.frame @ np.array([side * 0.42 * width, depth / 2 + 26, 0.3 * height])
    segments.append((tip, head, 2.6, 3.0))
    return np.asarray(head)


def streaks(points: Tensor, hardware: Hardware) -> Tensor:
    """HU [M] added by the star-shaped streaks round the hardware, slice by slice; points [M, 3] in trunk mm."""
    out = torch.zeros(len(points), device=points.device)
    for n, source in enumerate(hardware.sources):
        dx, dy, dz = (points[:, a] - float(source[a]) for a in range(3))
        away = (dx * dx + dy * dy).sqrt()
        star = torch.cos(7 * torch.atan2(dy, dx) + hardware.phase + n)
        fading = torch.exp(-away / (REACH_MM / 2)) * torch.exp(-((dz / 4) ** 2))
        out += hardware.strength * star.sign() * star.abs() ** 3 * fading
    return out
