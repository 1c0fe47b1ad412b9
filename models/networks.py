"""Our networks, by full name for the bundles' `_target_`. MONAI architectures with channels fixed for each task."""

import torch
from monai.networks.nets import BasicUNet, Classifier
from torch import Tensor, nn

FINE_CLASSES = 5
FINE_CHANNELS = FINE_CLASSES + 1 + 2
LOOK_PLANES = 3
KIND_SHAPE = (32, 32, 48)
KIND_CLASSES = 13
KIND_CHANNELS = KIND_CLASSES + 2
COARSE_CLASSES = 7
COARSE_CHANNELS = COARSE_CLASSES + 1 + 1
FILM_CLASSES = 4
FILM_CHANNELS = FILM_CLASSES + 1 + 1 + 8
STRIP_CLASSES = 4
STRIP_CHANNELS = STRIP_CLASSES + 1 + 2
FILM_LOOK_POINTS = 6
FILM_LOOK_CHANNELS = FILM_LOOK_POINTS + 1
_LOOK_CELLS = 4
_LOOK_PARTS = 10


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


class LookNet(nn.Module):
    """Second look: one vertebra in its own frame, three planes [B, 3, H, W] (normalised HU, H and W multiples of 16),
    to [B, 3, H, W]: the logit, plane by plane, that a pixel belongs to this vertebra's body."""

    def __init__(self, features: tuple[int, ...] = (16, 32, 64, 96, 128, 16)) -> None:
        super().__init__()
        self.net = BasicUNet(
            spatial_dims=2, in_channels=LOOK_PLANES, out_channels=LOOK_PLANES, features=tuple(features),
            act=("LeakyReLU", {"negative_slope": 0.1, "inplace": True}), norm=("group", {"num_groups": 4}),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.net(image)
        return out


class BlockNet(nn.Module):
    """Coarse stage: a 4 mm volume [B, 1, Z, Y, X] (normalised HU, even sizes) to [B, 9, Z, Y, X].

    Works on 2x2x2 voxels at once (8 mm) and interpolates its answer back. Channels: 7 tissue logits (background, body,
    posterior bone, sacrum, rib, other bone, dens), 1 centre heat, 1 level rank (C3 = 0, L5 near 1).
    """

    def __init__(self, features: tuple[int, ...] = (20, 32, 48, 64, 96, 20)) -> None:
        super().__init__()
        self.net = BasicUNet(
            spatial_dims=3, in_channels=8, out_channels=COARSE_CHANNELS, features=tuple(features),
            act=("LeakyReLU", {"negative_slope": 0.1, "inplace": True}), norm=("group", {"num_groups": 4}),
        )  # fmt: skip

    def at_half(self, image: Tensor) -> Tensor:
        """The answer at 8 mm: [B, 9, Z / 2, Y / 2, X / 2]."""
        batch, channels, z, y, x = image.shape
        parts = image.view(batch, channels, z // 2, 2, y // 2, 2, x // 2, 2).permute(0, 1, 3, 5, 7, 2, 4, 6)
        out: Tensor = self.net(parts.reshape(batch, channels * 8, z // 2, y // 2, x // 2))
        return out

    def forward(self, image: Tensor) -> Tensor:
        return nn.functional.interpolate(self.at_half(image), scale_factor=2.0, mode="trilinear")


class KindNet(nn.Module):
    """What kind of vertebra stands in the middle of a crop: [B, 1, 32, 32, 48] at 3 mm (normalised HU) to [B, 15].

    Works on 2x2x2 voxels at once. Channels: 13 logits of `models.synthesis.kinds.KINDS`, and one each for a rib that
    joins on the left and on the right.
    """

    def __init__(self, channels: tuple[int, ...] = (32, 32, 64)) -> None:
        super().__init__()
        self.net = Classifier(
            in_shape=(8, *(side // 2 for side in KIND_SHAPE)), classes=KIND_CHANNELS, channels=tuple(channels),
            strides=(2, 1, 2), norm=("group", {"num_groups": 4}),
            act=("LeakyReLU", {"negative_slope": 0.1, "inplace": True}),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        batch, _, z, y, x = image.shape
        parts = image.view(batch, z // 2, 2, y // 2, 2, x // 2, 2).permute(0, 2, 4, 6, 1, 3, 5)
        out: Tensor = self.net(parts.reshape(batch, 8, z // 2, y // 2, x // 2))
        return out


class FilmNet(nn.Module):
    """First stage on films: a film at 3 mm [B, 2, H, W] (`models.film_picture.prepared`, H and W multiples of 32) to
    [B, 14, H, W].

    Works on 2x2 pixels at once. Channels: 4 tissue logits (background, body, sacrum, dens), 1 centre heat, 1 level rank
    (C3 = 0, sacrum = 1), 8 offsets (row, column; units of 8 pixels) to the four corners of the body.
    """

    def __init__(self, features: tuple[int, ...] = (16, 32, 64, 96, 128, 32)) -> None:
        super().__init__()
        self.net = BasicUNet(
            spatial_dims=2, in_channels=8, out_channels=4 * FILM_CHANNELS, features=tuple(features),
            act=("LeakyReLU", {"negative_slope": 0.1, "inplace": True}), norm=("group", {"num_groups": 4}),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = nn.functional.pixel_shuffle(self.net(nn.functional.pixel_unshuffle(image, 2)), 2)
        return out


class StripNet(nn.Module):
    """Second stage on films: a window along the spine at 1 mm [B, 2, H, W] (`prepared`, H and W multiples of 16) to
    [B, 7, H, W].

    Channels: 4 tissue logits (background, body, disc, sacrum), 1 centre heat, 2 offsets (row, column) to the body's
    centre in units of 16 mm.
    """

    def __init__(self, features: tuple[int, ...] = (16, 32, 64, 96, 128, 16)) -> None:
        super().__init__()
        self.net = BasicUNet(
            spatial_dims=2, in_channels=2, out_channels=STRIP_CHANNELS, features=tuple(features),
            act=("LeakyReLU", {"negative_slope": 0.1, "inplace": True}), norm=("group", {"num_groups": 4}),
        )  # fmt: skip

    def forward(self, image: Tensor) -> Tensor:
        out: Tensor = self.net(image)
        return out


class FilmLookNet(nn.Module):
    """The close look on films: places in their own frame [B, 2, 80, 80] (`prepared`) to maps [B, 7, 80, 80] and [B, 3].

    Works on 2x2 pixels at once. Maps: logits of where each of the six points lies (upper anterior, middle, posterior,
    lower anterior, middle, posterior), and the logit that a pixel belongs to the body. The three numbers are the
    logits that a body is centred here, that the sacrum's first is, and that the body lost height as from grade 2 on.
    """

    def __init__(self, features: tuple[int, ...] = (16, 32, 64, 96, 128, 16)) -> None:
        super().__init__()
        self.net = BasicUNet(
            spatial_dims=2, in_channels=8, out_channels=4 * FILM_LOOK_CHANNELS, features=tuple(features),
            act=("LeakyReLU", {"negative_slope": 0.1, "inplace": True}), norm=("group", {"num_groups": 4}),
        )  # fmt: skip
        self.here = nn.Sequential(
            nn.Flatten(), nn.Linear(features[4] * _LOOK_CELLS, 32), nn.LeakyReLU(0.1), nn.Linear(32, 2)
        )
        self.broken = nn.Sequential(
            nn.Dropout(0.2), nn.Linear(features[4] * _LOOK_CELLS + features[1] * _LOOK_PARTS**2, 64),
            nn.LeakyReLU(0.1), nn.Dropout(0.2), nn.Linear(64, 1),
        )  # fmt: skip

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        net = self.net
        fine = net.conv_0(nn.functional.pixel_unshuffle(image, 2))
        half = net.down_1(fine)
        quarter = net.down_2(half)
        eighth = net.down_3(quarter)
        deepest = net.down_4(eighth)
        up = net.upcat_2(net.upcat_3(net.upcat_4(deepest, eighth), quarter), half)
        maps: Tensor = nn.functional.pixel_shuffle(net.final_conv(net.upcat_1(up, fine)), 2)
        parts = nn.functional.adaptive_avg_pool2d(up, _LOOK_PARTS)
        broken = self.broken(torch.cat([deepest.flatten(1), parts.flatten(1)], 1))
        return maps, torch.cat([self.here(deepest), broken], 1)
