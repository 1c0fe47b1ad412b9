"""The network that says which film it sees, and the one preparation of its pictures in training and in use."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from models.film_picture import prepared

VIEWS = ("lateral", "spine-ap", "chest", "other")
"""What a film is taken for: a lateral film of the spine, a spine from the front, a chest, anything else."""

SIDE_PX = 128
"""Longer side of a film for this network: about 7 mm per pixel of a whole spine, 3 mm of a lumbar film."""


def boxed(picture: Tensor) -> Tensor:
    """A grey picture [H, W] (0..1, no side longer than `SIDE_PX`) as the network's three channels, in the middle of a
    square: both of `prepared`, and 1 where the film is."""
    height, width = picture.shape
    channels = torch.cat([prepared(picture), torch.ones_like(picture)[None]])
    top, left = (SIDE_PX - height) // 2, (SIDE_PX - width) // 2
    return F.pad(channels, (left, SIDE_PX - width - left, top, SIDE_PX - height - top))


class ViewNet(nn.Module):
    """Films [B, 3, `SIDE_PX`, `SIDE_PX`] (`boxed`) to [B, 5]: logits of `VIEWS`, and of being held upright: head up,
    the patient's front on the left, bone bright. It works on half the pixels: enough to tell films apart."""

    def __init__(self, features: tuple[int, ...] = (24, 32, 48, 64)) -> None:
        super().__init__()
        steps: list[nn.Module] = []
        for before, after in zip((3, *features[:-1]), features, strict=True):
            steps += [_Halving(before, after), _Same(after)]
        self.body = nn.Sequential(*steps)
        self.head = nn.Linear(2 * features[-1], len(VIEWS) + 1)

    def forward(self, image: Tensor) -> Tensor:
        seen = self.body(F.avg_pool2d(image, 2))
        out: Tensor = self.head(torch.cat([seen.mean((2, 3)), seen.amax((2, 3))], 1))
        return out


class _Halving(nn.Sequential):
    def __init__(self, before: int, after: int) -> None:
        super().__init__(nn.Conv2d(before, after, 3, 2, 1), nn.GroupNorm(4, after), nn.LeakyReLU(0.1))


class _Same(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.turn = nn.Sequential(nn.Conv2d(channels, channels, 3, 1, 1), nn.GroupNorm(4, channels))

    def forward(self, image: Tensor) -> Tensor:
        return nn.functional.leaky_relu(image + self.turn(image), 0.1)
