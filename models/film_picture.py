"""One preparation of film pictures for every network, in training and in use."""

import torch
import torch.nn.functional as F
from torch import Tensor

LOCAL_PX = 9.0
"""Reach (SD, pixels) of the local contrast normalisation: 27 mm on a whole film, half a vertebra in a close look."""


def prepared(picture: Tensor) -> Tensor:
    """Grey pictures [..., H, W] (0..1, bone bright) as a network's two channels [..., 2, H, W]: the grey, and the grey
    against its surroundings in units of their spread."""
    grey = picture - 0.5
    mean = _blurred(grey)
    spread = (_blurred(grey * grey) - mean * mean).clamp_min(0).sqrt()
    return torch.stack([2 * grey, ((grey - mean) / (spread + 0.02)).clamp(-4, 4) / 2], -3)


def _blurred(picture: Tensor) -> Tensor:
    radius = round(2.5 * LOCAL_PX)
    t = torch.arange(-radius, radius + 1, dtype=picture.dtype, device=picture.device)
    kernel = torch.exp(-0.5 * (t / LOCAL_PX) ** 2)
    kernel = kernel / kernel.sum()
    padded = F.pad(picture.reshape(-1, 1, *picture.shape[-2:]), (radius,) * 4, mode="replicate")
    out = F.conv2d(F.conv2d(padded, kernel.view(1, 1, -1, 1)), kernel.view(1, 1, 1, -1))
    return out.view(picture.shape)
