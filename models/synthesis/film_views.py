"""Training samples for the network that says which film it sees: lateral spines held any way, and what else is sent."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.synthesis.film import Film
from models.synthesis.film_detector import Exposed
from models.synthesis.film_limbs import LIMBS, draw_limb
from models.synthesis.film_others import FROM_FRONT, FROM_SIDE, other_frame, shown
from models.synthesis.film_samples import Frame, expose
from models.view_net import SIDE_PX, VIEWS, boxed

VIEW_OF = {"lateral": "lateral", "spine-ap": "spine-ap", "chest-pa": "chest", "chest-lateral": "chest"}
"""What a kind of film is taught as; every other kind is "other"."""

TAUGHT_LIMBS = tuple(kind for kind in LIMBS if kind != "foot")
"""Feet are never taught, so that the gate can be measured on something it has not met."""

_PARTS = {
    # the lateral film: highest level, lowest level, room before and behind the bodies (mm), share of films
    "whole": (("C3", "C5", "T1"), ("S1",), (90, 265), (60, 135), 0.38),
    "lumbar": (("T9", "T10", "T11", "T12"), ("S1",), (65, 190), (40, 110), 0.27),
    "thoracic": (("T1", "T2", "T3", "T4"), ("T11", "T12", "L1", "L2"), (50, 125), (40, 100), 0.22),
    "between": (("T5", "T6", "T7", "T8"), ("L2", "L3", "L4", "L5"), (55, 130), (40, 110), 0.13),
}
_LEAST_PX = 32
_UPRIGHT, _MIRRORED = 0.45, 0.25


@dataclass(frozen=True)
class ViewSample:
    """image [3, `SIDE_PX`, `SIDE_PX`] (`boxed`); view [1]: which of `VIEWS`; upright [1]: 1 where a lateral film is
    held upright; lateral [1]: 1 where that can be asked."""

    image: Tensor
    view: Tensor
    upright: Tensor
    lateral: Tensor


def draw_views(side: Film, front: Film, rng: np.random.Generator) -> Iterator[ViewSample]:
    """Samples from one trunk seen from the side and from the front, one exposure each, with a limb and a stray."""
    exposed = expose(side, rng)
    for _ in range(6):
        yield _sample("lateral", _small(exposed, lateral_frame(side, rng), rng), rng)
    for kind in rng.permutation(FROM_SIDE)[:2]:
        yield _sample(str(kind), _small(exposed, other_frame(str(kind), side, rng), rng), rng)
    exposed = expose(front, rng)
    for kind in (*FROM_FRONT, *FROM_FRONT, "spine-ap"):
        yield _sample(kind, _small(exposed, other_frame(kind, front, rng), rng), rng)
    if rng.random() < 0.5:
        kind = str(rng.choice(TAUGHT_LIMBS))
        limb = draw_limb(kind, rng)
        yield _sample(kind, _small(expose(limb, rng), other_frame(kind, limb, rng), rng), rng)
    else:
        yield _sample("stray", stray(rng), rng)


def lateral_frame(film: Film, rng: np.random.Generator) -> Frame:
    """What a lateral film of the spine shows of a projection: whole, or some levels with a collimated margin."""
    parts = list(_PARTS.values())
    first, last, before, behind, _ = parts[int(rng.choice(len(parts), p=[part[4] for part in parts]))]
    at, mm = {v.name: v.centre for v in film.vertebrae}, film.pixel_mm
    top, foot = (at[str(rng.choice([name for name in names if name in at]))][0] for names in (first, last))
    rows = (top - rng.uniform(10, 130 if first[0] == "C3" else 40) / mm, foot + rng.uniform(15, 75) / mm)
    inside = [centre[1] for centre in at.values() if rows[0] < centre[0] < rows[1]]
    cols = (min(inside) - rng.uniform(*before) / mm, max(inside) + rng.uniform(*behind) / mm)
    middle = ((rows[0] + rows[1]) / 2, (cols[0] + cols[1]) / 2)
    turn = float(np.radians(rng.normal(-4, 6)))
    return Frame((float(middle[0]), float(middle[1])), 1.0, turn, (int(rows[1] - rows[0]), int(cols[1] - cols[0])))


def _small(exposed: Exposed, frame: Frame, rng: np.random.Generator) -> Tensor:
    """The framed part of a film, its longer side `SIDE_PX`."""
    pixel = max(frame.size) / SIDE_PX
    height, width = (max(_LEAST_PX, round(n / pixel)) for n in frame.size)
    picture, _ = shown(exposed, replace(frame, pixel=pixel, size=(height, width)), rng)
    return picture


def stray(rng: np.random.Generator) -> Tensor:
    """A picture that is no radiograph: noise of any grain, a ramp, a page of lines."""
    size = (SIDE_PX, int(rng.uniform(0.4, 1.0) * SIDE_PX))
    noise = torch.Generator().manual_seed(int(rng.integers(2**31)))
    kind = int(rng.integers(3))
    if kind == 0:
        cells = [max(2, int(n / np.exp(rng.uniform(0, 4)))) for n in size]
        field = torch.rand((1, 1, cells[0], cells[1]), generator=noise)
        grain: Tensor = F.interpolate(field, size=size, mode="bilinear")[0, 0]
        return grain
    down, right = torch.linspace(0, float(rng.normal()), size[0]), torch.linspace(0, float(rng.normal()), size[1])
    picture: Tensor = down[:, None] + right[None]
    picture = (picture - picture.min()) / (picture.max() - picture.min()).clamp_min(1e-3)
    if kind == 1:
        return picture
    for row in range(8, size[0] - 8, int(rng.integers(5, 12))):
        picture[row : row + int(rng.integers(1, 4)), 6 : int(rng.uniform(0.4, 0.95) * size[1])] = float(rng.random())
    return picture


def _sample(kind: str, picture: Tensor, rng: np.random.Generator) -> ViewSample:
    """The picture worn by scanning and printing, held one of sixteen ways, and what it is."""
    view = VIEWS.index(VIEW_OF.get(kind, "other"))
    chance = rng.random()
    quarters, mirrored, inverted = int(rng.integers(4)), bool(rng.random() < 0.5), bool(rng.random() < 0.25)
    if chance < _UPRIGHT + _MIRRORED:
        quarters, mirrored, inverted = 0, chance >= _UPRIGHT, False
    worn = _worn(picture, rng)
    held = torch.rot90(worn.flip(1) if mirrored else worn, quarters)
    held = 1 - held if inverted else held
    upright = not (quarters or mirrored or inverted)
    return ViewSample(
        boxed(held.contiguous()),
        torch.tensor([float(view)]),
        torch.tensor([float(upright)]),
        torch.tensor([float(view == 0)]),
    )


def _worn(picture: Tensor, rng: np.random.Generator) -> Tensor:
    """Blur, noise, uneven light and tone, then black and white at the quantiles at which films are read."""
    picture = picture.clamp(0, 1) ** float(np.exp(rng.normal(0, 0.3)))
    height, width = picture.shape
    light = torch.linspace(-1, 1, height)[:, None] * float(rng.normal(0, 0.05))
    picture = picture + light + torch.linspace(-1, 1, width)[None] * float(rng.normal(0, 0.05))
    if rng.random() < 0.5:
        half = F.interpolate(picture[None, None], scale_factor=float(rng.uniform(0.45, 0.95)), mode="area")
        picture = F.interpolate(half, size=(height, width), mode="bilinear")[0, 0]
    if rng.random() < 0.5:
        noise = torch.Generator().manual_seed(int(rng.integers(2**31)))
        picture = picture + float(rng.uniform(0, 0.06)) * torch.randn(picture.shape, generator=noise)
    low, high = torch.quantile(picture, torch.tensor([0.01, 0.995]))
    worn: Tensor = ((picture - low) / (high - low).clamp_min(1e-3)).clamp(0, 1)
    return worn
