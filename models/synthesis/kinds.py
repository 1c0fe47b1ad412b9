"""Training samples for the network of kinds: the surroundings of one vertebra at 3 mm, and what kind of vertebra it is.

A kind says where a vertebra stands between the landmarks that numbering counts from (dens, first and last rib, sacrum),
not which name it has: the body on the sacrum is "last lumbar" whether four, five or six lumbar bodies lie above it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from models.synthesis.render import Painter
from models.synthesis.scanner import acquire, draw_scan
from models.synthesis.spine import Array, Spine, frame_of
from models.synthesis.trunk import Trunk
from models.synthesis.varied import SIDES, ribs_of, with_varied_arches, with_varied_ribs

VOXEL_MM = 3.0
SHAPE = (32, 32, 48)  # z (head to foot), y (front to back), x (right to left)
BEHIND_MM = 6.0
"""The middle of a crop lies so far behind the body's centre: ribs and arches say more than what lies in front."""

KINDS = (
    "C2", "C3", "cervical", "last cervical", "first rib", "thoracic", "last rib but one", "last rib",
    "first lumbar", "lumbar", "last lumbar", "S1", "sacrum",
)  # fmt: skip
AGAIN = frozenset({"last cervical", "first rib", "last rib but one", "last rib", "first lumbar", "last lumbar", "S1"})
"""The kinds that decide a numbering are drawn twice as often."""

_MARGIN_MM = np.array([14.0, 36.0, 20.0])
"""Room for turned crops, and for a spine that leaves a crop's upright walls: most of all forwards and back."""
_SLAB_POINTS = 60_000


@dataclass(frozen=True)
class Crop:
    """image [1, Z, Y, X] in HU; kind: place in `KINDS`; ribs [2]: whether a rib joins on the left and on the right;
    seen [2]: whether that place is in view."""

    image: Tensor
    kind: Tensor
    ribs: Tensor
    seen: Tensor


@dataclass(frozen=True)
class Band:
    """A trunk round its spine at 3 mm, sheared so that the spine is straight: hu [Z, Y, X], the topmost plane at height
    `top` (trunk mm), and the spine's course as z (ascending), x and y."""

    hu: Tensor
    top: float
    course: tuple[Array, Array, Array]

    def at(self, points: Array) -> Tensor:
        """HU at points [..., 3] (trunk mm), edge values beyond the band."""
        z, x, y = self.course
        across = points[..., 0] - np.interp(points[..., 2], z, x)
        back = points[..., 1] - np.interp(points[..., 2], z, y) - BEHIND_MM
        sizes = np.array(self.hu.shape)
        half = (sizes - 1) / 2 * VOXEL_MM
        places = [across / half[2], back / half[1], (self.top - points[..., 2]) / half[0] - 1.0]
        grid = torch.as_tensor(np.stack(places, -1), dtype=torch.float32)[None]
        return F.grid_sample(self.hu[None, None], grid, padding_mode="border", align_corners=True)[0, 0]


def kinds_of(spine: Spine) -> dict[str, str]:
    """The kind of every vertebra of a spine, and of C2, by name."""
    names = [v.name for v in spine.vertebrae]
    neck, chest, loin, sacrum = ([name for name in names if name[0] == part] for part in "CTLS")
    made = {"C2": "C2"} | dict.fromkeys(neck, "cervical") | {neck[0]: "C3", neck[-1]: "last cervical"}
    made |= dict.fromkeys(chest, "thoracic") | {chest[0]: "first rib", chest[-2]: "last rib but one"}
    made |= {chest[-1]: "last rib"} | dict.fromkeys(loin, "lumbar")
    made |= {loin[0]: "first lumbar", loin[-1]: "last lumbar"}
    return made | dict.fromkeys(sacrum, "sacrum") | {sacrum[0]: "S1"}


def draw_crops(trunk: Trunk, rng: np.random.Generator) -> Iterator[Crop]:
    """Every vertebra of a trunk from C2 to S2 more than once, each found with its own error and scanned anew."""
    trunk = with_varied_arches(with_varied_ribs(trunk, rng), rng)
    band, kinds, sides = paint_band(trunk, rng), kinds_of(trunk.spine), ribs_of(trunk)
    for name, centre in _places(trunk.spine).items():
        for _ in range(_times(kinds[name])):
            image, seen = _scanned(band, _found(centre, kinds[name], rng), rng)
            ribs = torch.tensor([float((name, side) in sides) for side in SIDES])
            yield _mirrored(Crop(image[None], torch.tensor(KINDS.index(kinds[name])), ribs, seen), rng)


def _mirrored(crop: Crop, rng: np.random.Generator) -> Crop:
    """Every other crop with left and right changed."""
    if rng.random() < 0.5:
        return crop
    return replace(crop, image=crop.image.flip(-1), ribs=crop.ribs.flip(0), seen=crop.seen.flip(0))


def crops_of(trunk: Trunk) -> int:
    """How many crops `draw_crops` draws from a trunk."""
    kinds = kinds_of(trunk.spine)
    return sum(_times(kinds[name]) for name in _places(trunk.spine))


def _times(kind: str) -> int:
    return 4 if kind in AGAIN else 2


def _places(spine: Spine) -> dict[str, Array]:
    c3 = spine.vertebrae[0]
    c2 = c3.centre + c3.frame @ (np.array([0.0, -1.0, 19.0]) * spine.scale)
    return {"C2": c2} | {v.name: v.centre for v in spine.vertebrae if v.name not in ("S3", "S4", "S5")}


def paint_band(trunk: Trunk, rng: np.random.Generator) -> Band:
    """The trunk from above C2 to below S2, painted once for all crops."""
    places = _places(trunk.spine)
    line = np.array([at for name, at in places.items() if name != "S2"])[::-1]
    course = (line[:, 2], line[:, 0], line[:, 1])
    reach = np.array(SHAPE) / 2 * VOXEL_MM + _MARGIN_MM
    top = float(line[-1, 2] + reach[0])
    counts = [int((top - places["S2"][2] + reach[0]) / VOXEL_MM), *(int(2 * side / VOXEL_MM) for side in reach[1:])]
    heights, back, across = (torch.arange(n, dtype=torch.float32) * VOXEL_MM for n in counts)
    painter, step = Painter(trunk, VOXEL_MM, rng), max(1, _SLAB_POINTS // (counts[1] * counts[2]))
    parts = []
    for start in range(0, counts[0], step):
        z, y, x = torch.meshgrid(top - heights[start : start + step], back, across, indexing="ij")
        points = torch.stack([x - across[-1] / 2, y - back[-1] / 2 + BEHIND_MM, z], -1)
        for axis in (0, 1):
            points[..., axis] += torch.as_tensor(np.interp(z.numpy(), course[0], course[axis + 1]))
        parts.append(painter.paint(points.reshape(-1, 3)).hu.view(z.shape))
    return Band(torch.cat(parts), top, course)


def _found(centre: Array, kind: str, rng: np.random.Generator) -> Array:
    """The centre as the first stages find it; near the sacrum they err more."""
    return centre + rng.normal(0, 4.0 if kind in ("last lumbar", "S1", "sacrum") else 2.5, 3)


def _scanned(band: Band, centre: Array, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    turn = frame_of(rng.normal(0, 5), rng.normal(0, 5), rng.normal(0, 6))
    hu = band.at(_bent_grid(rng) @ turn.T + centre)
    scan = draw_scan(rng)
    scan = replace(scan, noise_hu=scan.noise_hu * 0.45, sharpen=0.5 * scan.sharpen)  # 3 mm average many acquired voxels
    return _framed(_toned(acquire(hu, scan, VOXEL_MM, rng), rng), rng)


def _bent_grid(rng: np.random.Generator) -> Array:
    """The crop's points, drawn larger or smaller and smoothly bent by a few millimetres: no two people are alike."""
    size = np.exp(rng.normal(0, 0.08) + rng.normal(0, 0.04, 3))
    return np.asarray(_grid() * size + float(rng.uniform(0, 6)) * _smooth(rng, 3))


def _toned(hu: Tensor, rng: np.random.Generator) -> Tensor:
    """Bone denser or thinner, all of it brighter here and darker there, and one time in three a box of it hidden."""
    bone = (hu - 150).clamp_min(0)
    hu = (hu - bone + bone * float(np.exp(rng.uniform(-0.5, 0.6)))) * float(rng.normal(1, 0.1))
    uneven = torch.as_tensor(_smooth(rng, 1)[..., 0], dtype=torch.float32) * float(rng.uniform(0, 0.12))
    hu = hu * (1 + uneven) + float(rng.normal(0, 25))
    if rng.random() < 0.33:
        first = [int(rng.integers(0, n - 8)) for n in SHAPE]
        hu[tuple(slice(at, at + int(rng.integers(6, 16))) for at in first)] = 40.0
    return hu


def _smooth(rng: np.random.Generator, channels: int) -> Array:
    """A smooth random field [Z, Y, X, channels], SD about 1 at its 80 knots."""
    knots = torch.as_tensor(rng.normal(size=(1, channels, 4, 4, 5)), dtype=torch.float32)
    field = F.interpolate(knots, size=SHAPE, mode="trilinear", align_corners=True)[0]
    return np.asarray(field.permute(1, 2, 3, 0).numpy())


def _grid() -> Array:
    z, y, x = ((np.arange(n) - (n - 1) / 2) * VOXEL_MM for n in SHAPE)
    down, back, left = np.meshgrid(-z, y, x, indexing="ij")
    return np.stack([left, back + BEHIND_MM, down], -1)


def _framed(hu: Tensor, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    """The crop with what lies beyond the field of view filled; and whether ribs' places [left, right] are in view.

    Sides end 36 mm and more from the middle, head and feet 8 mm and more, the back 40 mm: nearer, nothing is known.
    """
    filling = float(rng.choice([40.0, -1000.0, 0.0], p=[0.6, 0.25, 0.15]))
    tight = rng.random() < 0.5
    open_ends = np.full(2, 200.0)
    sides = rng.uniform(36, 110, 2) if tight else open_ends
    depth = np.array([rng.uniform(30, 90), rng.uniform(40, 90)]) if tight else open_ends
    ends = [_head_and_feet(rng), depth, sides]
    seen = torch.zeros_like(hu)
    cut = []
    for n, (first, last) in zip(hu.shape, ends, strict=True):
        middle = (n - 1) / 2
        cut.append(slice(max(0, round(middle - first / VOXEL_MM)), min(n, round(middle + last / VOXEL_MM) + 1)))
    seen[tuple(cut)] = 1.0
    in_view = torch.tensor([float(ends[2][1] >= 36), float(ends[2][0] >= 36)])
    return torch.where(seen > 0, hu, torch.full_like(hu, filling)), in_view


def _head_and_feet(rng: np.random.Generator) -> Array:
    """How far (mm) the picture goes on above and below the middle; one time in three it ends within the crop."""
    ends = np.full(2, 200.0)
    if rng.random() < 0.35:
        ends[int(rng.integers(2))] = rng.uniform(8, 50)
    return ends
