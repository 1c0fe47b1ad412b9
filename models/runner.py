"""A thin runner: numpy in, numpy out, torch and MONAI nowhere else."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from models.networks import COARSE_CLASSES, FINE_CLASSES, KIND_CLASSES
from models.normalise import normalise
from models.synthesis.sections import OFFSET_MM
from models.trees import Trees
from vfx_finder.domain.finding import ModelVersion

FloatArray = NDArray[np.float32]
FINE_MULTIPLE, COARSE_MULTIPLE = 16, 32
OUTSIDE_HU = 40.0


@dataclass(frozen=True)
class CoarseMaps:
    """tissue [7, Z, Y, X] probabilities (background, body, posterior, sacrum, rib, other, dens); heat and level
    [Z, Y, X]; level is the rank below C3 over 22."""

    tissue: FloatArray
    heat: FloatArray
    level: FloatArray


@dataclass(frozen=True)
class FineMaps:
    """For N sections: tissue [N, 5, H, W] probabilities (background, body, posterior, disc, sacrum), heat [N, H, W]
    of body centres, offset [N, 2, H, W] in mm (row, column) to the body's centre."""

    tissue: FloatArray
    heat: FloatArray
    offset: FloatArray


@dataclass(frozen=True)
class Networks:
    """The networks of the ct_spine bundle, and the trees that judge shapes."""

    coarse: nn.Module
    fine: nn.Module
    look: nn.Module
    kind: nn.Module
    shape: Trees


class CtSpine:
    """The ct_spine bundle, ready to run on CPU or GPU."""

    def __init__(self, nets: Networks, version: ModelVersion, device: str) -> None:
        self.version = version
        self._device = torch.device(device)
        self._coarse = _placed(nets.coarse, self._device, torch.channels_last_3d)
        self._fine = _placed(nets.fine, self._device, torch.channels_last)
        self._look = _placed(nets.look, self._device, torch.channels_last)
        self._kind = _placed(nets.kind, self._device, torch.channels_last_3d)
        self._shape = nets.shape

    def coarse(self, hu: FloatArray) -> CoarseMaps:
        """Coarse maps of a 4 mm volume [Z, Y, X] in HU (head to foot, front to back, right to left)."""
        image = torch.from_numpy(np.ascontiguousarray(hu, np.float32))[None, None]
        out = self._run(self._coarse, image, COARSE_MULTIPLE)
        tissue, heat, level = out[0].split((COARSE_CLASSES, 1, 1), 0)
        return CoarseMaps(tissue.softmax(0).numpy(), heat[0].numpy(), level[0].numpy())

    def fine(self, hu: FloatArray) -> FineMaps:
        """Fine maps of N sagittal sections [N, H, W] in HU at 1 mm (rows to the feet, columns to posterior)."""
        sections = torch.from_numpy(np.ascontiguousarray(hu, np.float32))[:, None]
        out = torch.cat([self._run(self._fine, section[None], FINE_MULTIPLE) for section in sections])
        tissue, heat, offset = out.split((FINE_CLASSES, 1, 2), 1)
        return FineMaps(tissue.softmax(1).numpy(), heat[:, 0].numpy(), (offset * OFFSET_MM).numpy())

    def look(self, hu: FloatArray) -> FloatArray:
        """Probability [N, 3, H, W] of the one body that each patch [N, 3, H, W] in HU (0.8 mm) is about."""
        patches = torch.from_numpy(np.ascontiguousarray(hu, np.float32))
        return self._run(self._look, patches, FINE_MULTIPLE).sigmoid().numpy()

    @torch.inference_mode()
    def kinds(self, hu: FloatArray) -> FloatArray:
        """Probability [N, 13] of each kind of vertebra for crops [N, 32, 32, 48] in HU (3 mm) around N bodies."""
        crops = torch.from_numpy(np.ascontiguousarray(hu, np.float32))[:, None]
        out: Tensor = self._kind(normalise(crops.to(self._device))).float().cpu()
        return out[:, :KIND_CLASSES].softmax(1).numpy()

    def broken(self, facts: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability [N] that a vertebra of these facts [N, k] (`pipelines.steps.shape_facts`) is grade 2 or 3."""
        return self._shape.probability(facts)

    @torch.inference_mode()
    def _run(self, net: nn.Module, image: Tensor, multiple: int) -> Tensor:
        """The network's output for an image of any size: padded with soft tissue to whole multiples, then cropped."""
        size = image.shape[2:]
        padding = [p for n in reversed(size) for p in (0, -n % multiple)]
        padded = nn.functional.pad(image, padding, value=OUTSIDE_HU)
        out: Tensor = net(normalise(padded.to(self._device))).float().cpu()
        for dim, n in enumerate(size, start=2):
            out = out.narrow(dim, 0, n)
        return out


def _placed(net: nn.Module, device: torch.device, layout: torch.memory_format) -> nn.Module:
    """The network on its device, ready for use, its weights laid out as the convolutions like them."""
    for parameter in net.parameters():
        if parameter.ndim in (4, 5):
            parameter.data = parameter.data.contiguous(memory_format=layout)
    return net.to(device).eval()
