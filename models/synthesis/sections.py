"""Training samples for the fine network: sagittal sections through a synthetic trunk with exact tissue and centres."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.synthesis.render import Painted, Painter
from models.synthesis.scanner import acquire, draw_scan, end_field_of_view
from models.synthesis.trunk import Trunk

PIXEL_MM = 1.0
SIZE = 96
CLASSES = ("background", "body", "posterior", "disc", "sacrum")
OFFSET_MM = 16.0  # offsets to the centre are given in units of this length
HEAT_SD_PX = 2.5
SHARE_OF_SAMPLES = {"C": 0.35, "T": 1.0, "L": 1.3, "S": 0.5, "L5": 2.5, "L6": 2.5, "S1": 2.5}
"""How often a vertebra is sampled: by level, else by region; the lumbosacral step is the hardest."""


@dataclass(frozen=True)
class Section:
    """image [1, H, W] in HU; tissue [5, H, W] shares; offset [2, H, W] (row, col; units of OFFSET_MM) to the body's
    centre; inside [1, H, W]: where the offset counts; heat [1, H, W]: 1 at body centres."""

    image: Tensor
    tissue: Tensor
    offset: Tensor
    inside: Tensor
    heat: Tensor


def spine_line(trunk: Trunk) -> tuple[np.ndarray, np.ndarray]:
    """The spine's mid-line as (z ascending, x), mm."""
    line = np.array([v.centre for v in trunk.spine.vertebrae])[::-1]
    return line[:, 2], line[:, 0]


def sheet(trunk: Trunk, centre: tuple[float, float], shift: tuple[float, float], planes: tuple[float, ...]) -> Tensor:
    """Points [planes * H * W, 3] of sagittal sections that follow the spine left-right.

    centre (y, z) of the patch; shift = constant and slope (per mm) of the error in x.
    """
    half = (SIZE - 1) / 2 * PIXEL_MM
    z = centre[1] + torch.linspace(half, -half, SIZE)
    y = centre[0] + torch.linspace(-half, half, SIZE)
    line_z, line_x = spine_line(trunk)
    x = (
        torch.as_tensor(np.interp(z.numpy(), line_z, line_x), dtype=torch.float32)
        + shift[0]
        + shift[1] * (z - centre[1])
    )
    zz, yy = torch.meshgrid(z, y, indexing="ij")
    xx = x[:, None].expand_as(zz)
    return torch.cat([torch.stack([xx + p, yy, zz], -1).reshape(-1, 3) for p in planes])


def _mean(values: Tensor, planes: int) -> Tensor:
    return values.view(planes, SIZE, SIZE).mean(0)


def draw_section(trunk: Trunk, rng: np.random.Generator) -> Section:
    """One random section near a random vertebra of `trunk`, scanned as hospitals scan."""
    vertebrae = trunk.spine.vertebrae
    weights = np.array([SHARE_OF_SAMPLES.get(v.name, SHARE_OF_SAMPLES[v.name[0]]) for v in vertebrae])
    v = vertebrae[int(rng.choice(len(vertebrae), p=weights / weights.sum()))]
    centre = (float(v.centre[1] + rng.uniform(-36, 36)), float(v.centre[2] + rng.uniform(-28, 28)))
    shift = (float(rng.uniform(-10, 10)), float(rng.normal(0, 0.06)))
    planes = (-1.6, 1.6)
    painted = Painter(trunk, PIXEL_MM, rng).paint(sheet(trunk, centre, shift, planes))
    hu = acquire(_mean(painted.hu, len(planes)), draw_scan(rng), PIXEL_MM, rng)
    hu = hu * float(rng.normal(1, 0.05)) + float(rng.normal(0, 12))
    seen = torch.ones_like(hu)
    if rng.random() < 0.3:
        hu, seen = end_field_of_view(hu, rng, (0.45, 1.0))
    return Section(hu[None], *_targets(trunk, painted, centre, seen))


def _targets(
    trunk: Trunk, painted: Painted, centre: tuple[float, float], seen: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    planes = painted.hu.numel() // (SIZE * SIZE)
    share = {name: _mean(values, planes) * seen for name, values in painted.share.items()}
    other = torch.stack([share[name] for name in ("posterior", "rib", "other", "dens")]).amax(0)
    known = torch.stack([share["body"], other, share["disc"], share["sacrum"]])
    known = known / known.sum(0).clamp_min(1.0)
    tissue = torch.cat([(1 - known.sum(0, keepdim=True)).clamp_min(0), known])
    half = (SIZE - 1) / 2
    rows = torch.arange(SIZE, dtype=torch.float32)[:, None].expand(SIZE, SIZE)
    cols = rows.T
    owner = painted.owner.view(planes, SIZE, SIZE)[0]
    offset, heat = torch.zeros(2, SIZE, SIZE), torch.zeros(1, SIZE, SIZE)
    inside = ((owner >= 0) & (share["body"] > 0.5)).float()[None]
    for i in owner[inside[0] > 0].unique().tolist():
        at = trunk.spine.vertebrae[i].centre
        row, col = half - (at[2] - centre[1]) / PIXEL_MM, half + (at[1] - centre[0]) / PIXEL_MM
        mine = owner == i
        offset[0][mine], offset[1][mine] = (row - rows)[mine], (col - cols)[mine]
        if int((mine & (share["body"] > 0.5)).sum()) > 40:
            heat = torch.maximum(heat, torch.exp(-((rows - row) ** 2 + (cols - col) ** 2) / (2 * HEAT_SD_PX**2)))
    return tissue, offset * (PIXEL_MM / OFFSET_MM) * inside, inside, heat
