"""What the close look on films is punished for: points in the wrong place, a wrong body, a body where none is."""

import torch
import torch.nn.functional as F
from torch import Tensor

from models.networks import FILM_LOOK_POINTS
from models.training.losses import soft_dice
from models.training.samples import Sample

POINT_SD_PX = 1.7
"""Spread of the target map of a point: a sixteenth of a body's height."""


_BROKEN = 0.7


def points_loss(maps: Tensor, points: Tensor, known: Tensor) -> Tensor:
    """Cross entropy of each point's map [B, 6, H, W] (logits) with a spot at its place [B, 6, 2] (row, col), where
    `known` [B, 1] is 1; less what the best answer would have."""
    height, width = maps.shape[-2:]
    rows, cols = (torch.arange(n, device=maps.device) for n in (height, width))
    spots = [-0.5 * ((at - points[..., axis, None]) / POINT_SD_PX) ** 2 for axis, at in enumerate((rows, cols))]
    target = (spots[0][..., :, None] + spots[1][..., None, :]).flatten(2).softmax(-1)
    entropy = -(target * (maps.flatten(2).log_softmax(-1) - target.clamp_min(1e-12).log())).sum(-1)
    return (entropy * known).sum() / (known.sum() * maps.shape[1] + 1e-6)


def film_look_loss(out: tuple[Tensor, Tensor], batch: Sample) -> dict[str, Tensor]:
    """Close look on films: the six points, the body, whether one is centred, and whether it is broken."""
    maps, said = out
    here, broken = said.split((2, 1), 1)
    points, own = maps.split((FILM_LOOK_POINTS, 1), 1)
    told, known = batch["told"], batch["known"][:, :, None, None]
    entropy = F.binary_cross_entropy_with_logits(own, batch["own"], known.expand_as(own))
    guilt = F.binary_cross_entropy_with_logits(broken, batch["broken"], batch["known"], reduction="sum")
    each = F.binary_cross_entropy_with_logits(here, batch["here"], told.expand_as(here), reduction="sum")
    return {
        "points": points_loss(points, batch["points"], batch["known"]),
        "own": entropy + 0.5 * soft_dice(own.sigmoid() * known, batch["own"] * known),
        "here": each / told.sum().clamp_min(1),
        "broken": _BROKEN * guilt / batch["known"].sum().clamp_min(1),
    }
