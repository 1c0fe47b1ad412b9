"""Rays of one exposure through simple solids: how much of each lies in the way of every pixel of a film."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from models.synthesis.spine import Array, frame_of

PARALLEL = 1e-6


@dataclass(frozen=True)
class View:
    """One exposure. Film frame (mm): x along the central ray, y to the right of the picture, z up.

    `turn` [3, 3] takes trunk to film coordinates; the source lies `source_mm` before the plane x = 0, opposite
    (y, z) = `centre`. The picture lies in that plane: pixel (0, 0) at `corner` (y, z), rows run down, `pixel_mm` apart.
    """

    turn: Array
    source_mm: float
    centre: tuple[float, float]
    corner: tuple[float, float]
    size: tuple[int, int]
    pixel_mm: float
    device: str = "cpu"

    def pixels(self, points: Array) -> Array:
        """(row, col) in the picture of trunk points [N, 3] (mm)."""
        film = points @ self.turn.T
        near = 1 + film[:, 0] / self.source_mm
        y = self.centre[0] + (film[:, 1] - self.centre[0]) / near
        z = self.centre[1] + (film[:, 2] - self.centre[1]) / near
        return np.stack([(self.corner[1] - z) / self.pixel_mm, (y - self.corner[0]) / self.pixel_mm], 1)

    def box(self, points: Array, margin_mm: float) -> "Rays | None":
        """The rays of the pixels round the pictures of trunk points; None where they lie outside the picture."""
        at, extra = self.pixels(points), margin_mm * 1.3 / self.pixel_mm + 1
        low = np.maximum(np.floor(at.min(0) - extra), 0).astype(int)
        high = np.minimum(np.ceil(at.max(0) + extra) + 1, self.size).astype(int)
        if np.any(high <= low):
            return None
        rows, cols = slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))
        origin, along = self._rays
        return Rays(rows, cols, origin[rows, cols], along[rows, cols])

    @cached_property
    def _rays(self) -> tuple[Tensor, Tensor]:
        """Origin and direction [H, W, 3] of the ray of every pixel, in trunk mm."""
        z = self.corner[1] - torch.arange(self.size[0], dtype=torch.float32, device=self.device) * self.pixel_mm
        y = self.corner[0] + torch.arange(self.size[1], dtype=torch.float32, device=self.device) * self.pixel_mm
        zz, yy = torch.meshgrid(z, y, indexing="ij")
        film = torch.stack([torch.zeros_like(yy), yy, zz], -1)
        source = torch.tensor([-self.source_mm, *self.centre], dtype=torch.float32, device=self.device)
        back = torch.as_tensor(self.turn, dtype=torch.float32, device=self.device)
        along = film - source
        return film @ back, (along / along.norm(dim=-1, keepdim=True)) @ back


@dataclass(frozen=True)
class Rays:
    """The rays of the pixels `rows` by `cols`: `origin` and `along` [H, W, 3] in trunk mm; `along` is one mm long."""

    rows: slice
    cols: slice
    origin: Tensor
    along: Tensor


def lateral_turn(yaw: float, roll: float) -> Array:
    """Trunk to film for a ray from the patient's left to right, turned by yaw and tilted by roll (degrees)."""
    return np.asarray(frame_of(0.0, roll, yaw).T)


def frontal_turn(yaw: float) -> Array:
    """Trunk to film for a ray from front to back: film y is the patient's right."""
    front = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    return np.asarray(front @ frame_of(0.0, 0.0, yaw).T)


def tube_chords(rays: Rays, ends: Tensor, radii: tuple[float, ...]) -> list[Tensor]:
    """Length (mm) of every ray [H, W] inside flat-ended tubes of each of `radii` round one axis."""
    start, axis = ends[0], ends[1] - ends[0]
    length = float(axis.norm())
    axis = axis / length
    o = rays.origin - start
    o_axis, d_axis = o @ axis, rays.along @ axis
    a = (1 - d_axis * d_axis).clamp_min(PARALLEL)
    b = (o * rays.along).sum(-1) - o_axis * d_axis
    away = (o * o).sum(-1) - o_axis * o_axis
    steep = torch.where(d_axis.abs() < 1e-3, torch.full_like(d_axis, 1e-3), d_axis)
    one, two = -o_axis / steep, (length - o_axis) / steep
    first, last = torch.minimum(one, two), torch.maximum(one, two)
    middle, outside = -b / a, b * b - a * away
    made = []
    for radius in radii:
        half = (outside + a * radius * radius).clamp_min(0.0).sqrt() / a
        made.append((torch.minimum(last, middle + half) - torch.maximum(first, middle - half)).clamp_min(0.0))
    return made


def ball_chord(rays: Rays, centre: Tensor, axes: Tensor) -> Tensor:
    """Length (mm) of every ray [H, W] inside an ellipsoid along the trunk's axes with semi-axes `axes` [3]."""
    o, d = (rays.origin - centre) / axes, rays.along / axes
    a, b = (d * d).sum(-1), (o * d).sum(-1)
    return 2 * (b * b - a * ((o * o).sum(-1) - 1)).clamp_min(0.0).sqrt() / a
