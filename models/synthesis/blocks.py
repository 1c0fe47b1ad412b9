"""Training samples for the coarse network: blocks of a synthetic trunk at 4 mm with exact tissue, centres and level."""

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from models.synthesis.norms import NAMES
from models.synthesis.render import Painter
from models.synthesis.scanner import acquire, draw_scan, end_field_of_view
from models.synthesis.spine import frame_of
from models.synthesis.trunk import Trunk

VOXEL_MM = 4.0
SHAPE = (72, 40, 40)  # z (head to foot), y (front to back), x (right to left)
CLASSES = ("background", "body", "posterior", "sacrum", "rib", "other", "dens")
HEAT_SD_MM = 6.0
LEVEL_ORDER = {name: float(i) for i, name in enumerate(NAMES)} | {
    "T13": NAMES.index("T12") + 0.5,
    "L6": len(NAMES) - 0.5,
}
LEVELS = float(len(NAMES))


@dataclass(frozen=True)
class Block:
    """image [1, Z, Y, X] in HU; tissue [7, Z, Y, X] shares; heat [1, Z, Y, X]; level [1, Z, Y, X] = rank of the level
    (C3 = 0) over the number of levels, counted where inside [1, Z, Y, X] is 1."""

    image: Tensor
    tissue: Tensor
    heat: Tensor
    level: Tensor
    inside: Tensor


def grid(centre: np.ndarray, turn: np.ndarray) -> Tensor:
    """Trunk points [Z * Y * X, 3] of a block around `centre`, turned by the rotation `turn`."""
    axes = [(torch.arange(n, dtype=torch.float32) - (n - 1) / 2) * VOXEL_MM for n in SHAPE]
    z, y, x = torch.meshgrid(-axes[0], axes[1], axes[2], indexing="ij")
    points = torch.stack([x, y, z], -1).reshape(-1, 3)
    return points @ torch.as_tensor(turn.T, dtype=torch.float32) + torch.as_tensor(centre, dtype=torch.float32)


def draw_block(trunk: Trunk, rng: np.random.Generator) -> Block:
    """One random block, mostly around the spine, one in eight anywhere in the trunk, scanned as hospitals scan."""
    vertebrae = trunk.spine.vertebrae
    at = vertebrae[int(rng.integers(0, len(vertebrae)))].centre
    spread = np.array([30, 45, 40]) if rng.random() < 0.875 else np.array([140, 110, 150])
    centre = at + rng.uniform(-1, 1, 3) * spread - np.array([0, 15, 0])
    turn = frame_of(rng.normal(0, 6), rng.normal(0, 5), rng.normal(0, 7))
    points = grid(centre, turn)
    painted = Painter(trunk, VOXEL_MM, rng).paint(points)
    scan = draw_scan(rng)
    scan = replace(scan, noise_hu=scan.noise_hu * 0.35)  # 4 mm voxels average many acquired ones
    hu = acquire(painted.hu.view(SHAPE), scan, VOXEL_MM, rng)
    hu = hu * float(rng.normal(1, 0.06)) + float(rng.normal(0, 15))
    seen = torch.ones(SHAPE)
    if rng.random() < 0.55:
        hu, seen = end_field_of_view(hu, rng, (0.35, 1.0))
    share = {name: values.view(SHAPE) * seen for name, values in painted.share.items()}
    known = torch.stack([share[name] for name in CLASSES[1:]])
    known = known / known.sum(0).clamp_min(1.0)
    tissue = torch.cat([(1 - known.sum(0, keepdim=True)).clamp_min(0), known])
    heat, level, inside = _bodies(trunk, points, painted.owner.view(SHAPE), seen)
    return Block(hu[None], tissue, heat, level, inside)


def _bodies(trunk: Trunk, points: Tensor, owner: Tensor, seen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    heat, level = torch.zeros(SHAPE), torch.zeros(SHAPE)
    inside = ((owner >= 0) & (seen > 0)).float()
    for i in owner[inside > 0].unique().tolist():
        v = trunk.spine.vertebrae[i]
        level[owner == i] = LEVEL_ORDER[v.name] / LEVELS
        distance2 = ((points - torch.as_tensor(v.centre, dtype=torch.float32)) ** 2).sum(-1).view(SHAPE)
        heat = torch.maximum(heat, torch.exp(-distance2 / (2 * HEAT_SD_MM**2)))
    return (heat * seen)[None], level[None], inside[None]
