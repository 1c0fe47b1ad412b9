"""Our networks, by full name for the bundles' `_target_`. MONAI architectures with channels fixed for each task."""

from monai.networks.nets import BasicUNet, UNet
from torch import Tensor, nn

FINE_CLASSES = 5
FINE_CHANNELS = FINE_CLASSES + 1 + 2
COARSE_CLASSES = 7
COARSE_CHANNELS = COARSE_CLASSES + 1 + 1


class SectionNet(nn.Module):
    """Fine stage: a sagittal section [B, 1, H, W] (normalised HU, H and W multiples of 16) to [B, 8, H, W].

    Channels: 5 tissue logits (background, body, posterior bone, disc, sacrum), 1 centre heat, 2 offsets (row, column)
    to the body's centre in units of 16 mm.
    """

    def __init__(self, features: tuple[int, ...] = (16, 32, 64, 96, 128, 16)) -> None:
        super().__init__()
        self.net = BasicUNet(
            spatial_dims=2, in_channels=1, out_channels=FINE_CHANNELS, features=tuple(features),
            act=("LeakyReLU", {"negative_slope": 0.1, "inplace": True}), norm=("group", {"num_groups": 4}),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.net(image)
        return out


class BlockNet(nn.Module):
    """Coarse stage: a 4 mm volume [B, 1, Z, Y, X] (normalised HU, multiples of 8) to [B, 9, Z, Y, X].

    Channels: 7 tissue logits (background, body, posterior bone, sacrum, rib, other bone, dens), 1 centre heat,
    1 level rank (C3 = 0, L5 near 1).
    """

    def __init__(self, channels: tuple[int, ...] = (14, 28, 48, 72)) -> None:
        super().__init__()
        self.net = UNet(
            spatial_dims=3, in_channels=1, out_channels=COARSE_CHANNELS, channels=tuple(channels), strides=(2, 2, 2),
            num_res_units=1, norm="INSTANCE",
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.net(image)
        return out
