"""Simple solids on a film: tubes and ellipsoids, one by one or melted together."""

from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor

from models.synthesis.film_rays import View, ball_chord, tube_chords
from models.synthesis.spine import Array


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
        seen = self._seen(view)
        if seen is not None:
            (rows, cols), own = seen
            picture[rows, cols] += own

    def melt_into(self, picture: Tensor, view: View) -> None:
        """As `add_to`, but where `picture` already holds more nothing is added."""
        seen = self._seen(view)
        if seen is not None:
            (rows, cols), own = seen
            picture[rows, cols] = torch.maximum(picture[rows, cols], own)

    def _seen(self, view: View) -> tuple[tuple[slice, slice], Tensor] | None:
        rays = view.box(self.ends, float(self.radius if self.axes is None else self.axes.max()))
        if rays is None:
            return None
        ends, at = torch.as_tensor(self.ends, dtype=torch.float32, device=view.device), (rays.rows, rays.cols)
        if self.axes is not None:
            axes = torch.as_tensor(self.axes, dtype=torch.float32, device=view.device)
            return at, self.density * ball_chord(rays, ends[0], axes)
        tubes = ((self.radius, self.density), *((self.core,) if self.core else ()))
        chords = tube_chords(rays, ends, tuple(radius for radius, _ in tubes))
        return at, torch.stack([d * chord for chord, (_, d) in zip(chords, tubes, strict=True)]).sum(0)


def union(solids: Iterable[Solid], view: View) -> Tensor:
    """Solids that are one piece of flesh [H, W]: where they overlap, the thickest counts, so that no joint shows."""
    picture = torch.zeros(view.size, device=view.device)
    for solid in solids:
        solid.melt_into(picture, view)
    return picture
