"""Whole synthetic CT volumes with their answer key."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from models.synthesis.render import Painter
from models.synthesis.scanner import gaussian
from models.synthesis.shapes import RIM, BodyShape, plate_height, posterior_dent
from models.synthesis.spine import SyntheticVertebra
from models.synthesis.trunk import Trunk

HU_RANGE = (-1024, 3071)
_SLAB_POINTS = 60_000


@dataclass(frozen=True)
class FieldOfView:
    """A box of voxels in trunk mm: its centre, its size in voxels (x, y, z), pixel and slice spacing (mm)."""

    centre: tuple[float, float, float]
    size: tuple[int, int, int]
    pixel_mm: float
    slice_mm: float

    @property
    def origin(self) -> NDArray[np.float64]:
        """Trunk position (LPS mm) of voxel (0, 0, 0): right, front, lowest."""
        spacing = np.array([self.pixel_mm, self.pixel_mm, self.slice_mm])
        return np.asarray(np.array(self.centre) - (np.array(self.size) - 1) / 2 * spacing)


@dataclass(frozen=True)
class TrueVertebra:
    """The answer for one vertebra: level, centre (LPS mm), heights (mm), fracture kind, look-alike.

    `loss` is the largest share of its anterior, middle or posterior height that the fracture took from it.
    """

    level: str
    centre_mm: tuple[float, float, float]
    heights_mm: tuple[float, float, float]
    fracture: str | None
    loss: float
    mimic: str | None


def render_volume(
    trunk: Trunk, field: FieldOfView, rng: np.random.Generator, progress: Callable[[float], None] | None = None
) -> NDArray[np.int16]:
    """A CT of the trunk, [x, y, z] in HU (left, posterior, superior), with in-plane blur and noise.

    Slices are as thick as they lie apart. What is painted at one height is soft over a pixel only, so a thicker slice
    is the mean of several heights: drawn as thin sheets, end-plates came and went from slice to slice.
    """
    nx, ny, nz = field.size
    x, y, z = (
        field.origin[a] + np.arange(n) * s for a, (n, s) in enumerate(zip(field.size, _spacing(field), strict=True))
    )
    painter, within = Painter(trunk, field.pixel_mm, rng), _within_a_slice(field)
    noise_hu, blur = rng.uniform(10, 28), rng.uniform(0.4, 0.8)
    hu = torch.empty((nz, ny, nx))
    step = max(1, _SLAB_POINTS // (nx * ny))
    for start in range(0, nz, step):
        heights = torch.as_tensor(z[start : start + step], dtype=torch.float32)
        grid = torch.meshgrid(
            heights, torch.as_tensor(y, dtype=torch.float32), torch.as_tensor(x, dtype=torch.float32), indexing="ij"
        )
        points = torch.stack([grid[2], grid[1], grid[0]], -1).reshape(-1, 3)
        sheets = [painter.paint(points + torch.tensor([0.0, 0.0, up])).hu for up in within]
        painted = torch.stack(sheets).mean(0).view(len(heights), ny, nx)
        noise = torch.randn(painted.shape, generator=torch.Generator().manual_seed(int(rng.integers(2**31)))) * noise_hu
        for dim in (1, 2):
            painted = gaussian(painted, blur / field.pixel_mm, dim)
        hu[start : start + step] = painted + noise
        if progress:
            progress(min(1.0, (start + step) / nz))
    clipped = hu.clamp(*HU_RANGE).round().to(torch.int16)
    return clipped.permute(2, 1, 0).contiguous().numpy()


def _within_a_slice(field: FieldOfView) -> list[float]:
    """Heights (mm from a slice's middle) that are painted and averaged: as many as pixels fit into its thickness."""
    count = max(1, round(field.slice_mm / field.pixel_mm))
    return [field.slice_mm * ((n + 0.5) / count - 0.5) for n in range(count)]


def _spacing(field: FieldOfView) -> tuple[float, float, float]:
    return field.pixel_mm, field.pixel_mm, field.slice_mm


def true_heights(shape: BodyShape) -> tuple[float, float, float]:
    """Anterior, middle and posterior height (mm) by the product's definition, on the mid-sagittal slab of +-5 mm.

    The depth that fractions are taken of ends at the posterior wall, which is hollow in its middle.
    """
    x = torch.linspace(-5, 5, 6)[None].expand(25, -1)
    f = torch.linspace(0.02, 0.98, 25)
    y = f[:, None] * (shape.depth - posterior_dent(shape, x)) - shape.depth / 2
    h = (plate_height(shape.upper, shape, (x, y)) + plate_height(shape.lower, shape, (x, y))).mean(1)
    middle = (f >= 0.30) & (f <= 0.70)
    return float(h[f <= 0.22].max()), float(h[middle].min()), float(h[f >= 0.78].max())


def true_loss(v: SyntheticVertebra) -> float:
    """Largest share of a height that the fracture took, against the same vertebra before it; 0 without a fracture."""
    if v.fracture is None or v.sound is None:
        return 0.0
    pairs = zip(true_heights(v.shape), true_heights(v.sound), strict=True)
    return max(0.0, *(1.0 - now / before for now, before in pairs))


def answer_key(trunk: Trunk, field: FieldOfView) -> tuple[TrueVertebra, ...]:
    """Every vertebra whose body lies wholly within the field of view, from head to foot."""
    low, high = field.origin, field.origin + (np.array(field.size) - 1) * np.array(_spacing(field))
    bodies = [v for v in trunk.spine.vertebrae if v.kind == "body"]
    return tuple(_answer(v) for v in bodies if _within(v, low, high))


def _within(v: SyntheticVertebra, low: NDArray[np.float64], high: NDArray[np.float64]) -> bool:
    half = np.array([v.shape.width, v.shape.depth, v.shape.upper.posterior + v.shape.lower.posterior]) / 2 * RIM
    return bool(np.all(v.centre - half > low) and np.all(v.centre + half < high))


def _answer(v: SyntheticVertebra) -> TrueVertebra:
    kind = v.fracture[0] if v.fracture else None
    centre = (float(v.centre[0]), float(v.centre[1]), float(v.centre[2]))
    return TrueVertebra(v.name, centre, true_heights(v.shape), kind, true_loss(v), v.mimic)
