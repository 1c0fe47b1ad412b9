"""Training samples for the second look: one vertebra in its own frame, three planes at once, its own body as truth."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.synthesis.render import Painter
from models.synthesis.scanner import acquire, draw_scan, end_field_of_view
from models.synthesis.sections import spine_line
from models.synthesis.spine import SyntheticVertebra
from models.synthesis.trunk import Trunk

PIXEL_MM = 0.8
SIZE = 80
PLANES = 3
EDGES_MM = (-6.0, -2.0, 2.0, 6.0)
"""Neighbouring pairs of these are averaged: three slabs of 4 mm, 4 mm apart."""
_ROOM = 108  # upright pixels that a patch turned by 25 degrees still fits into
_WEIGHT = {"C": 0.15, "T": 1.0, "L": 1.0}
_FRACTURED = 4.0
_THICKNESS = (0.35, 0.25, 0.40)
"""More thick slices than hospitals make: there the drawn end-plates err most."""


@dataclass(frozen=True)
class Look:
    """image [3, H, W] in HU, upper end-plate up and anterior left; own [3, H, W]: share of each pixel in this body."""

    image: Tensor
    own: Tensor


def draw_look(trunk: Trunk, rng: np.random.Generator) -> Look:
    """One random vertebra of `trunk`, found with an error as a first look makes it, scanned as hospitals scan."""
    number = _choose(trunk, rng)
    v = trunk.spine.vertebrae[number]
    centre = v.centre[1:] + rng.normal(0, 1.5, 2)
    painted = Painter(trunk, PIXEL_MM, rng).paint(_upright(trunk, (float(centre[0]), float(centre[1])), rng))
    shape = (len(EDGES_MM), _ROOM, _ROOM)
    own = (painted.share["body"] * (painted.owner == number)).view(shape)
    hu = acquire(_slabs(painted.hu.view(shape)).movedim(0, 2), draw_scan(rng, _THICKNESS), PIXEL_MM, rng).movedim(2, 0)
    hu = hu * float(rng.normal(1, 0.05)) + float(rng.normal(0, 12))
    turn = _pitch(v) + float(np.radians(rng.normal(0, 6)))
    image, truth = (_turned(part, turn) for part in (hu, _slabs(own)))
    if rng.random() < 0.15:
        image, seen = end_field_of_view(image, rng, (0.6, 1.0))
        truth = truth * seen
    return Look(image, truth)


def _choose(trunk: Trunk, rng: np.random.Generator) -> int:
    bodies = [n for n, v in enumerate(trunk.spine.vertebrae) if v.kind == "body"]
    weight = np.array([_weight(trunk.spine.vertebrae[n]) for n in bodies])
    return int(rng.choice(bodies, p=weight / weight.sum()))


def _weight(v: SyntheticVertebra) -> float:
    return _WEIGHT[v.name[0]] * (_FRACTURED if v.fracture else 2.0 if v.mimic else 1.0)


def _pitch(v: SyntheticVertebra) -> float:
    """How far (radian) the body's depth axis points downwards at its posterior end."""
    posterior = v.frame[:, 1]
    return float(np.arctan2(-posterior[2], posterior[1]))


def _upright(trunk: Trunk, centre: tuple[float, float], rng: np.random.Generator) -> Tensor:
    """Points [planes * H * W, 3] of upright sections round `centre` (y, z) that follow the spine left-right."""
    half = (_ROOM - 1) / 2 * PIXEL_MM
    z = centre[1] + torch.linspace(half, -half, _ROOM)
    y = centre[0] + torch.linspace(-half, half, _ROOM)
    line_z, line_x = spine_line(trunk)
    x = torch.as_tensor(np.interp(z.numpy(), line_z, line_x), dtype=torch.float32)
    x = x + float(rng.normal(0, 2.5)) + float(rng.normal(0, 0.05)) * (z - centre[1])
    zz, yy = torch.meshgrid(z, y, indexing="ij")
    xx = x[:, None].expand_as(zz)
    return torch.cat([torch.stack([xx + edge, yy, zz], -1).reshape(-1, 3) for edge in EDGES_MM])


def _slabs(planes: Tensor) -> Tensor:
    return (planes[1:] + planes[:-1]) / 2


def _turned(planes: Tensor, turn: float) -> Tensor:
    """The middle SIZE x SIZE pixels of upright planes [P, ROOM, ROOM], turned so that the body lies level."""
    steps = torch.arange(SIZE, dtype=torch.float32) - (SIZE - 1) / 2
    v, u = torch.meshgrid(steps, steps, indexing="ij")
    row, col = u * np.sin(turn) + v * np.cos(turn), u * np.cos(turn) - v * np.sin(turn)
    grid = torch.stack([col, row], -1)[None] / ((_ROOM - 1) / 2)
    return F.grid_sample(planes[None], grid, align_corners=True, padding_mode="border")[0]
