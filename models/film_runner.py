"""Runs the networks for films: numpy in, numpy out."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.film_picture import prepared
from models.networks import FILM_CLASSES, FILM_LOOK_POINTS, STRIP_CLASSES
from models.synthesis.film_samples import OFFSET_PX
from models.synthesis.sections import OFFSET_MM
from vfx_finder.domain.finding import ModelVersion

FloatArray = NDArray[np.float32]
FILM_MULTIPLE = 32
_LOOKS_AT_ONCE = 32
_NEAR_PX = 5


@dataclass(frozen=True)
class FilmMaps:
    """tissue [4, H, W] probabilities (background, body, sacrum, dens); heat and rank [H, W] (C3 = 0, sacrum = 22);
    corners [4, 2, H, W]: pixels (row, column) from each pixel to the upper anterior, upper posterior, lower anterior
    and lower posterior corner of its body."""

    tissue: FloatArray
    heat: FloatArray
    rank: FloatArray
    corners: FloatArray


@dataclass(frozen=True)
class StripMaps:
    """For N windows: tissue [N, 4, H, W] probabilities (background, body, disc, sacrum), heat [N, H, W] of body
    centres, offset [N, 2, H, W] in mm (row, column) to the body's centre."""

    tissue: FloatArray
    heat: FloatArray
    offset: FloatArray


@dataclass(frozen=True)
class LookMaps:
    """For N close looks: here, sacrum and broken [N], the probabilities that a body, or the sacrum's first, is centred,
    and that the body lost height as from grade 2 on (of bodies as training showed them); points [N, 6, 2] (row, col):
    upper anterior, middle, posterior, lower anterior, middle, posterior, with their variance [N, 6, 2] in squared
    pixels; own [N, H, W], the probability that a pixel belongs to the body."""

    here: FloatArray
    sacrum: FloatArray
    broken: FloatArray
    points: FloatArray
    variance: FloatArray
    own: FloatArray


@dataclass(frozen=True)
class FilmNetworks:
    """The networks of the xray_spine bundle."""

    film: nn.Module
    strip: nn.Module
    look: nn.Module


class XraySpine:
    """The xray_spine bundle, ready to run on CPU or GPU."""

    RANKS = 22.0

    def __init__(self, nets: FilmNetworks, version: ModelVersion, device: str) -> None:
        self.version = version
        self._device = torch.device(device)
        own = [net.to(self._device).eval() for net in (nets.film, nets.strip, nets.look)]
        self._film, self._strip, self._close = own

    def film(self, picture: FloatArray) -> FilmMaps:
        """Maps of a whole film [H, W] at about 3 mm; grey 0 to 1, bone bright, the patient's front on the left."""
        image = prepared(_tensor(picture))[None]
        out = self._run(self._film, image)[0]
        tissue, heat, rank, offset = out.split((FILM_CLASSES, 1, 1, 8), 0)
        corners = (offset * OFFSET_PX).view(4, 2, *picture.shape)
        return FilmMaps(tissue.softmax(0).numpy(), heat[0].numpy(), (rank[0] * self.RANKS).numpy(), corners.numpy())

    def strips(self, windows: FloatArray) -> StripMaps:
        """Maps of N windows [N, H, W] along the spine at 1 mm, grey like the film's."""
        image = torch.stack([prepared(one) for one in _tensor(windows)])
        tissue, heat, offset = self._run(self._strip, image).split((STRIP_CLASSES, 1, 2), 1)
        return StripMaps(tissue.softmax(1).numpy(), heat[:, 0].numpy(), (offset * OFFSET_MM).numpy())

    @torch.inference_mode()
    def looks(self, pictures: FloatArray) -> LookMaps:
        """What N close looks [N, 80, 80] show, grey like the film's."""
        parts = [self._look(prepared(part)) for part in _tensor(pictures).split(_LOOKS_AT_ONCE)]
        said, own, points, variance = (torch.cat(part).numpy() for part in zip(*parts, strict=True))
        return LookMaps(said[:, 0], said[:, 1], said[:, 2], points, variance, own)

    def _look(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        maps, said = self._close(image.to(self._device))
        points, own = maps.float().cpu().split((FILM_LOOK_POINTS, 1), 1)
        return said.float().cpu().sigmoid(), own[:, 0].sigmoid(), *placed(points)

    @torch.inference_mode()
    def _run(self, net: nn.Module, image: Tensor) -> Tensor:
        height, width = image.shape[2:]
        padding = (0, -width % FILM_MULTIPLE, 0, -height % FILM_MULTIPLE)
        out: Tensor = net(nn.functional.pad(image, padding, mode="replicate").to(self._device)).float().cpu()
        return out[..., :height, :width]


def placed(maps: Tensor) -> tuple[Tensor, Tensor]:
    """From logits [N, P, H, W] where points lie and how unsure that is, both [N, P, 2] (row, col): the mean close round
    the strongest place, and the mean square distance from it over the whole map (squared pixels)."""
    share = maps.flatten(2).softmax(-1).view_as(maps)
    height, width = maps.shape[-2:]
    rows, cols = torch.arange(height, dtype=maps.dtype), torch.arange(width, dtype=maps.dtype)
    top = nn.functional.avg_pool2d(share, 3, 1, 1).flatten(2).argmax(-1)
    near_row = ((rows - (top // width)[..., None]).abs() <= _NEAR_PX).to(share)
    near_col = ((cols - (top % width)[..., None]).abs() <= _NEAR_PX).to(share)
    near = share * near_row[..., :, None] * near_col[..., None, :]
    near = near / near.sum((-1, -2), keepdim=True).clamp_min(1e-9)
    row, col = (near.sum(-1) * rows).sum(-1), (near.sum(-2) * cols).sum(-1)
    spread_row = (share.sum(-1) * (rows - row[..., None]) ** 2).sum(-1)
    spread_col = (share.sum(-2) * (cols - col[..., None]) ** 2).sum(-1)
    return torch.stack([row, col], -1), torch.stack([spread_row, spread_col], -1)


def _tensor(picture: FloatArray) -> Tensor:
    return torch.from_numpy(np.array(picture, np.float32))
