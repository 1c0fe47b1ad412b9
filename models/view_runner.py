"""Runs the network that says which film it sees, beside the networks for lateral films: numpy in, numpy out."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from models.film_runner import FilmNetworks, XraySpine
from models.view_net import VIEWS, boxed
from vfx_finder.domain.finding import ModelVersion

FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class ViewMaps:
    """For N pictures: view [N, 4] probabilities of `models.view_net.VIEWS`; upright [N], 0 to 1."""

    view: FloatArray
    upright: FloatArray


class GatedXraySpine(XraySpine):
    """The xray_spine bundle with its gate, ready to run on CPU or GPU."""

    def __init__(self, nets: FilmNetworks, view: nn.Module, version: ModelVersion, device: str) -> None:
        super().__init__(nets, version, device)
        self._gate_device = torch.device(device)
        self._view = view.to(self._gate_device).eval()

    @torch.inference_mode()
    def views(self, pictures: Sequence[FloatArray]) -> ViewMaps:
        """What pictures [H, W] (no side longer than `SIDE_PX`, grey like a film's) are taken for."""
        image = torch.stack([boxed(torch.from_numpy(np.array(picture, np.float32))) for picture in pictures])
        view, upright = self._view(image.to(self._gate_device)).float().cpu().split((len(VIEWS), 1), 1)
        return ViewMaps(view.softmax(1).numpy(), upright[:, 0].sigmoid().numpy())
