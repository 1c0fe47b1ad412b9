"""What the networks are punished for: wrong tissue, wrong centres, and their own kind's extra."""

import torch
import torch.nn.functional as F
from torch import Tensor

from models.networks import COARSE_CLASSES, FILM_CLASSES, FINE_CLASSES, KIND_CLASSES, STRIP_CLASSES
from models.training.samples import Sample

HEAT_WEIGHT = 8.0
FOREGROUND_WEIGHT = 15.0  # bone fills about one voxel in fifty of a 4 mm block
BODY = 1


def soft_dice(probability: Tensor, truth: Tensor) -> Tensor:
    """1 - Dice of soft masks, over the whole batch."""
    both = (probability * truth).sum()
    return 1 - (2 * both + 1) / (probability.sum() + truth.sum() + 1)


def tissue_loss(logits: Tensor, truth: Tensor, classes: tuple[int, ...], rarity: float = 1.0) -> Tensor:
    """Cross entropy with soft targets plus Dice of the named classes; foreground counts `rarity` times background."""
    weight = 1 + (rarity - 1) * (1 - truth[:, 0])
    entropy = -((truth * F.log_softmax(logits, 1)).sum(1) * weight).sum() / weight.sum()
    share = logits.softmax(1)
    dice = torch.stack([soft_dice(share[:, c], truth[:, c]) for c in classes]).mean()
    return entropy + 0.5 * dice


def heat_loss(heat: Tensor, truth: Tensor) -> Tensor:
    """Squared error of the centre heat, more where there is a centre."""
    return HEAT_WEIGHT * ((heat - truth) ** 2 * (1 + 10 * truth)).mean()


def masked_l1(values: Tensor, truth: Tensor, inside: Tensor) -> Tensor:
    """Smooth L1 where `inside` is 1."""
    error = F.smooth_l1_loss(values * inside, truth * inside, beta=0.1, reduction="sum")
    return error / (inside.sum() * values.shape[1] + 1)


def own_body_loss(logits: Tensor, own: Tensor) -> dict[str, Tensor]:
    """Cross entropy, four times as heavy within 2 mm of the body's surface, where heights are read, plus Dice."""
    near = F.max_pool2d(own, 5, 1, 2) - (1 - F.max_pool2d(1 - own, 5, 1, 2))
    weight = 1 + 3 * near
    entropy = F.binary_cross_entropy_with_logits(logits, own, weight, reduction="sum") / weight.sum()
    return {"edge": entropy, "dice": 0.5 * soft_dice(logits.sigmoid(), own)}


def kind_loss(out: Tensor, batch: Sample) -> dict[str, Tensor]:
    """Cross entropy of the kind, and of the ribs where their place is in view."""
    kind, ribs = out.split((KIND_CLASSES, 2), 1)
    rib = F.binary_cross_entropy_with_logits(ribs, batch["ribs"], batch["seen"])
    return {"kind": F.cross_entropy(kind, batch["kind"].long()), "rib": rib}


def film_loss(out: Tensor, batch: Sample) -> dict[str, Tensor]:
    """First stage on films: tissue, centres, level and corners."""
    tissue, heat, rank, offset = out.split((FILM_CLASSES, 1, 1, 8), 1)
    return {
        "tissue": tissue_loss(tissue, batch["tissue"], (BODY, 2), 3.0),
        "heat": 2 * heat_loss(heat, batch["heat"]),
        "rank": 4 * masked_l1(rank, batch["rank"], batch["inside"]),
        "offset": 2 * masked_l1(offset, batch["offset"], batch["inside"]),
    }


def view_loss(out: Tensor, batch: Sample) -> dict[str, Tensor]:
    """Which film it is; and, of lateral ones, whether it is held upright."""
    asked = batch["lateral"][:, 0]
    upright = F.binary_cross_entropy_with_logits(out[:, -1], batch["upright"][:, 0], asked, reduction="sum")
    view = F.cross_entropy(out[:, :-1], batch["view"][:, 0].long(), label_smoothing=0.02)
    return {"view": view, "upright": upright / asked.sum().clamp_min(1)}


def loss(kind: str, out: Tensor, batch: Sample) -> dict[str, Tensor]:
    """The named parts of the loss for a batch of samples of a kind; their sum is trained on."""
    if kind == "film":
        return film_loss(out, batch)
    if kind == "view":
        return view_loss(out, batch)
    if kind == "look":
        return own_body_loss(out, batch["own"])
    if kind == "kind":
        return kind_loss(out, batch)
    if kind in ("section", "strip"):
        tissue, heat, offset = out.split((FINE_CLASSES if kind == "section" else STRIP_CLASSES, 1, 2), 1)
        return {
            "tissue": tissue_loss(tissue, batch["tissue"], (BODY, 2, 3)),
            "heat": heat_loss(heat, batch["heat"]),
            "offset": 2 * masked_l1(offset, batch["offset"], batch["inside"]),
        }
    tissue, heat, level = out.split((COARSE_CLASSES, 1, 1), 1)
    return {
        "tissue": tissue_loss(tissue, batch["tissue"], (BODY,), FOREGROUND_WEIGHT),
        "heat": heat_loss(heat, batch["heat"]),
        "level": 2 * masked_l1(level, batch["level"], batch["inside"]),
    }
