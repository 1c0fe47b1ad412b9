"""Implicit shapes in torch: each gives a signed depth in mm, positive inside, for points in mm. CPU and GPU alike."""

from dataclasses import dataclass

import torch
from torch import Tensor

RIM = 0.86  # where the ring apophysis begins, as a fraction of the end-plate's radius


@dataclass(frozen=True)
class EndPlate:
    """One end-plate over a body, in the body's frame (mm).

    `anterior` and `posterior` are its heights above the centre at the two rims; `concavity` the depth of the smooth
    dish; `centre_y` where the dish is deepest (fraction of depth, 0 = middle); `loss` the fracture's drop (mm) at the
    anterior rim, the middle and the posterior rim; `pit` = (x, y, radius, depth) of a Schmorl node; `wave` =
    (amplitude, phase, turns) of an uneven plate; `chip` = (share of the depth, mm) missing at the front corner; `rim` =
    how far (mm) the ring apophysis stands up at the front and at the back.
    """

    anterior: float
    posterior: float
    concavity: float
    centre_y: float = 0.0
    loss: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pit: tuple[float, float, float, float] | None = None
    wave: tuple[float, float, float] = (0.0, 0.0, 0.0)
    chip: tuple[float, float] | None = None
    rim: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True)
class BodyShape:
    """A vertebral body in its own frame (mm): x left, y posterior, z up, origin at its centre."""

    depth: float
    width: float
    upper: EndPlate
    lower: EndPlate
    waist: float
    hollow: float
    power: float
    lip: float = 0.0

    @property
    def reach(self) -> float:
        """Radius (mm) of a ball that holds the whole body."""
        tall = max(self.upper.anterior, self.upper.posterior, self.lower.anterior, self.lower.posterior)
        return float((self.depth**2 + self.width**2) ** 0.5 / 2 + tall / 2 + 6)


def quadratic(f: Tensor, loss: tuple[float, float, float]) -> Tensor:
    """Drop (mm, never negative) at depth fraction f (0 anterior .. 1 posterior) through its three given values."""
    a, m, p = loss
    x = ((f - 0.5) / 0.4).clamp(-1.15, 1.15)
    return (m + (p - a) / 2 * x + ((a + p) / 2 - m) * x * x).clamp_min(0.0)


def plate_height(plate: EndPlate, shape: BodyShape, xy: tuple[Tensor, Tensor]) -> Tensor:
    """Height (mm, >= 0 when sound) of an end-plate above the body's centre at local x, y."""
    x, y = xy
    f = y / shape.depth + 0.5
    line = plate.anterior + (plate.posterior - plate.anterior) * f
    rho2 = (x / (RIM * shape.width / 2)) ** 2 + ((y / shape.depth - plate.centre_y) / (RIM * 0.5)) ** 2
    z = line - plate.concavity * (1 - rho2).clamp_min(0.0) ** 0.8
    if any(plate.rim):
        outer = ((2 * x / shape.width) ** 2 + (2 * y / shape.depth) ** 2).sqrt()
        z = z + (plate.rim[0] + (plate.rim[1] - plate.rim[0]) * f) * ((outer - 0.72) / 0.28).clamp(0, 1.1) ** 2
    if any(plate.loss):
        z = z - quadratic(f, plate.loss) * (1 - 0.25 * (2 * x / shape.width).abs().clamp_max(1.0))
    if plate.pit is not None:
        px, py, radius, deep = plate.pit
        z = z - deep * (1 - ((x - px) ** 2 + (y - py) ** 2) / radius**2).clamp_min(0.0).sqrt()
    if plate.chip is not None:
        extent, deep = plate.chip
        z = z - deep * (1 - f / extent).clamp(0, 1)
    amplitude, phase, turns = plate.wave
    return z + amplitude * torch.sin(turns * f + phase + 0.15 * x)


def posterior_dent(shape: BodyShape, x: Tensor) -> Tensor:
    """How far (mm) the posterior wall is hollowed out towards the canal at local x."""
    return shape.hollow * (1 - (x / (0.36 * shape.width)) ** 2).clamp_min(0.0)


def radius_fraction(shape: BodyShape, xyz: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Distance from the body's axis as a fraction of its outline there: below 1 is inside."""
    x, y, z = xyz
    half_height = (shape.upper.anterior + shape.upper.posterior) / 2
    t = (z / half_height).abs().clamp_max(1.15)
    girth = 1 - shape.waist * (1 - t * t) + shape.lip * (t - 0.75).clamp_min(0.0) * 4
    y = torch.where(y > 0, y + posterior_dent(shape, x) * (y / (shape.depth / 2)).clamp(0, 1), y)
    u, v = (2 * x / shape.width).abs() / girth, (2 * y / shape.depth).abs() / girth
    p = shape.power
    return (u**p + v**p + 1e-9) ** (1 / p)


def body_depth(shape: BodyShape, xyz: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Signed depth (mm) inside a body, and its three parts: below the upper, above the lower plate, in the outline."""
    x, y, z = xyz
    side = (1 - radius_fraction(shape, xyz)) * min(shape.depth, shape.width) / 2
    top = plate_height(shape.upper, shape, (x, y)) - z
    bottom = z + plate_height(shape.lower, shape, (x, y))
    return torch.minimum(torch.minimum(top, bottom), side), top, bottom, side


def capsule_depth(points: Tensor, ends: Tensor, radii: Tensor) -> Tensor:
    """Signed depth (mm) inside the union of tapered capsules.

    points [M, 3]; ends [N, 2, 3]; radii [N, 2] at the two ends. Returns [M].
    """
    a, b = ends[:, 0], ends[:, 1]
    ab = b - a
    length2 = (ab * ab).sum(-1).clamp_min(1e-6)
    t = ((points @ ab.T - (a * ab).sum(-1)) / length2).clamp(0, 1)
    p2 = (points * points).sum(-1, keepdim=True)
    pa = p2 - 2 * points @ a.T + (a * a).sum(-1)
    along = points @ ab.T - (a * ab).sum(-1)
    d2 = (pa - 2 * t * along + t * t * length2).clamp_min(0.0)
    radius = radii[:, 0] + t * (radii[:, 1] - radii[:, 0])
    return (radius - d2.sqrt()).amax(dim=1)


def ellipsoid_depth(points: Tensor, centre: Tensor, axes: Tensor) -> Tensor:
    """Approximate signed depth (mm) inside an axis-aligned ellipsoid; points [M, 3], semi-axes [3]."""
    q = (points - centre) / axes
    depth: Tensor = (1 - q.norm(dim=-1)) * axes.min()
    return depth


def occupancy(depth: Tensor, softness: float) -> Tensor:
    """Share (0..1) of a pixel of size `softness` (mm) that lies inside, from its signed depth."""
    return (0.5 + depth / softness).clamp(0.0, 1.0)
