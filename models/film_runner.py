"""Runs the networks for films: numpy in, numpy out."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.film_picture import prepared
from models.networks import FILM_CLASSES, STRIP_CLASSES
from models.synthesis.film_samples import OFFSET_PX
from models.synthesis.sections import OFFSET_MM
from vfx_finder.domain.finding import ModelVersion

FloatArray = NDArray[np.float32]
FILM_MULTIPLE = 32


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
class FilmNetworks:
    """The two networks of the xray_spine bundle."""

    film: nn.Module
    strip: nn.Module


class XraySpine:
    """The xray_spine bundle, ready to run on CPU or GPU."""

    RANKS = 22.0

    def __init__(self, nets: FilmNetworks, version: ModelVersion, device: str) -> None:
        self.version = version
        self._device = torch.device(device)
        self._film, self._strip = (net.to(self._device).eval() for net in (nets.film, nets.strip))

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
    def _run(self, net: nn.Module, image: Tensor) -> Tensor:
        height, width = image.shape[2:]
        padding = (0, -width % FILM_MULTIPLE, 0, -height % FILM_MULTIPLE)
        out: Tensor = net(nn.functional.pad(image, padding, mode="replicate").to(self._device)).float().cpu()
        return out[..., :height, :width]


def _tensor(picture: FloatArray) -> Tensor:
    return torch.from_numpy(np.array(picture, np.float32))
