"""Attenuation and exact tissue at any set of points of a trunk: the one painter behind sections, blocks and volumes."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from models.synthesis.bones import Capsules
from models.synthesis.inclusions import paint_inclusion
from models.synthesis.metal import streaks
from models.synthesis.shapes import body_depth, capsule_depth, ellipsoid_depth, occupancy
from models.synthesis.spine import Array, SyntheticVertebra
from models.synthesis.trunk import AIR, FAT, Trunk

TISSUES = ("body", "posterior", "disc", "sacrum", "rib", "other", "dens")
FAR = -1e3


@dataclass(frozen=True)
class Painted:
    """`hu` [M]; `share` {tissue: [M] in 0..1}; `owner` [M]: index of the vertebra whose body is there, else -1."""

    hu: Tensor
    share: dict[str, Tensor]
    owner: Tensor


@dataclass(frozen=True)
class Texture:
    """A smooth random field (mean 0, SD about 1) made of eight plane waves: wave vectors [8, 3] per mm, phases [8]."""

    waves: Array
    phases: Array

    def at(self, points: Tensor) -> Tensor:
        """The field at points [M, 3] in trunk mm."""
        k = torch.as_tensor(self.waves, dtype=torch.float32, device=points.device)
        phase = torch.as_tensor(self.phases, dtype=torch.float32, device=points.device)
        field: Tensor = torch.cos(points @ k.T + phase).sum(-1) / 2.0
        return field


def draw_texture(rng: np.random.Generator, wavelengths: tuple[float, float]) -> Texture:
    """A random texture whose waves are between so many mm long."""
    direction = rng.normal(size=(8, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    length = np.exp(rng.uniform(np.log(wavelengths[0]), np.log(wavelengths[1]), 8))
    return Texture(direction * (2 * np.pi / length)[:, None], rng.uniform(0, 2 * np.pi, 8))


def _box(points: Tensor, low: Array, high: Array) -> Tensor:
    inside = (points[:, 0] > low[0]) & (points[:, 0] < high[0]) & (points[:, 1] > low[1])
    inside &= (points[:, 1] < high[1]) & (points[:, 2] > low[2]) & (points[:, 2] < high[2])
    index: Tensor = inside.nonzero().squeeze(1)
    return index


class Painter:
    """Paints one trunk; `softness` is the size (mm) over which edges are averaged, normally the pixel size."""

    def __init__(self, trunk: Trunk, softness: float, rng: np.random.Generator) -> None:
        self.trunk, self.softness = trunk, softness
        self.blotches, self.muscle = draw_texture(rng, (15, 90)), draw_texture(rng, (6, 40))
        self.haze, self.trabeculae = draw_texture(rng, (8, 50)), draw_texture(rng, (3, 25))
        self.cortex_mm = float(rng.uniform(1.0, 2.2))
        self.low, self.high = np.full(3, -np.inf), np.full(3, np.inf)

    def paint(self, points: Tensor) -> Painted:
        """Attenuation (HU) and tissue shares at points [M, 3] (trunk mm)."""
        self.low, self.high = points.amin(0).cpu().numpy() - 2, points.amax(0).cpu().numpy() + 2
        hu = self._soft_tissue(points)
        share = {name: torch.zeros_like(hu) for name in TISSUES}
        for bones in (*self.trunk.bones, *self.trunk.arches):
            self._bone(points, bones, hu, share)
        owner = self._bodies(points, hu, share)
        if self.trunk.hardware:
            self._capsule(points, self.trunk.hardware.parts, hu, self.trunk.hardware.parts.marrow)
            hu = hu + streaks(points, self.trunk.hardware)
        return Painted(hu, share, owner)

    def _seen(self, low: Array, high: Array) -> bool:
        return bool(np.all(high > self.low) and np.all(low < self.high))

    def _depth(self, points: Tensor, shape: Capsules) -> tuple[Tensor, Tensor] | None:
        """Points near a capsule bone and their depth in it; only its segments within the painted box count."""
        if not self._seen(shape.low, shape.high):
            return None
        margin = float(shape.radii.max()) + 6
        ends = shape.ends.numpy()
        near = np.all((ends.max(1) + margin > self.low) & (ends.min(1) - margin < self.high), axis=1)
        if not near.any():
            return None
        flat = ends[near].reshape(-1, 3)
        index = _box(points, flat.min(0) - margin, flat.max(0) + margin)
        if not len(index):
            return None
        keep = torch.as_tensor(near)
        near_ends, radii = shape.ends[keep].to(points.device), shape.radii[keep].to(points.device)
        return index, capsule_depth(points[index], near_ends, radii)

    def _over(self, hu: Tensor, index: Tensor, depth: Tensor, value: float | Tensor) -> None:
        share = occupancy(depth, self.softness)
        hu[index] = hu[index] * (1 - share) + value * share

    def _soft_tissue(self, points: Tensor) -> Tensor:
        trunk = self.trunk
        line = np.array([v.centre for v in trunk.spine.vertebrae])[::-1]
        z = points[:, 2].cpu().numpy()
        spine_y = np.interp(z, line[:, 2], line[:, 1])
        neck = np.clip((z - line[-8, 2]) / 90, 0, 1)
        half_w = (trunk.chest[0] + 18) * (1 - 0.5 * neck)
        half_d = (trunk.chest[1] + 14) * (1 - 0.4 * neck)
        centre_y = 0.75 * spine_y + 62 * (1 - 0.2 * neck) - half_d
        x = points[:, 0].cpu().numpy()
        rho = np.sqrt((x / half_w) ** 2 + ((points[:, 1].cpu().numpy() - centre_y) / half_d) ** 2)
        depth = torch.as_tensor((1 - rho) * np.minimum(half_w, half_d), dtype=torch.float32, device=points.device)
        blotch = self.blotches.at(points)
        wall = trunk.wall + 8 * self.muscle.at(points)
        inner = torch.where(blotch > 0.9, wall, torch.full_like(wall, FAT + 8))
        hu = torch.full_like(depth, AIR)
        for edge, value in ((trunk.fat, torch.full_like(wall, FAT)), (0.0, wall), (-22.0, inner)):
            share = occupancy(depth + edge, self.softness)
            hu = hu * (1 - share) + value * share
        back = torch.as_tensor(points[:, 1].cpu().numpy() > spine_y, device=points.device) & (depth > 0)
        hu = torch.where(back, torch.where(blotch > 1.3, torch.full_like(wall, -60.0), wall), hu)
        for organ in trunk.organs:
            low, high = organ.centre - organ.axes - 4, organ.centre + organ.axes + 4
            index = _box(points, low, high) if self._seen(low, high) else points.new_zeros(0, dtype=torch.long)
            if len(index):
                centre, axes = (
                    torch.as_tensor(a, dtype=torch.float32, device=points.device) for a in (organ.centre, organ.axes)
                )
                self._over(hu, index, ellipsoid_depth(points[index], centre, axes), organ.hu)
        for vessel in trunk.vessels:
            self._capsule(points, vessel, hu, vessel.marrow)
        self._capsule(points, trunk.canal, hu, -70.0, grow=3.5)
        self._capsule(points, trunk.canal, hu, trunk.canal.marrow)
        return hu + 6 * self.haze.at(points)

    def _capsule(self, points: Tensor, shape: Capsules, hu: Tensor, value: float, grow: float = 0.0) -> None:
        found = self._depth(points, shape)
        if found:
            self._over(hu, found[0], found[1] + grow, value)

    def _bone(self, points: Tensor, bone: Capsules, hu: Tensor, share: dict[str, Tensor]) -> None:
        found = self._depth(points, bone)
        if not found:
            return
        index, depth = found
        whole = occupancy(depth, self.softness)
        core = occupancy(depth - self.cortex_mm, self.softness)
        hu[index] = hu[index] * (1 - whole) + bone.cortex * (whole - core) + bone.marrow * core
        share[bone.tissue][index] = torch.maximum(share[bone.tissue][index], whole)

    def _bodies(self, points: Tensor, hu: Tensor, share: dict[str, Tensor]) -> Tensor:
        owner = torch.full((len(points),), -1, dtype=torch.long, device=points.device)
        best = torch.full_like(hu, FAR)
        below, side_above = torch.full_like(hu, FAR), torch.full_like(hu, FAR)
        trabeculae = self.trabeculae.at(points)
        for i, v in enumerate(self.trunk.spine.vertebrae):
            reach = v.shape.reach + 10
            if not self._seen(v.centre - reach, v.centre + reach):
                continue
            index = _box(points, v.centre - reach, v.centre + reach)
            if not len(index):
                below.fill_(FAR)
                continue
            frame = torch.as_tensor(v.frame, dtype=torch.float32, device=points.device)
            centre = torch.as_tensor(v.centre, dtype=torch.float32, device=points.device)
            local = (points[index] - centre) @ frame
            xyz = (local[:, 0], local[:, 1], local[:, 2])
            depth, top, bottom, side = body_depth(v.shape, xyz)
            disc = torch.minimum(torch.minimum(below[index], -top), (side_above[index] + side) / 2 + 0.5)
            self._disc(index, disc, hu, share, v)
            self._spongiosa(index, (depth, top, bottom, side), hu, v, trabeculae, xyz)
            tissue = "body" if v.kind == "body" else "sacrum"
            share[tissue][index] = torch.maximum(share[tissue][index], occupancy(depth, self.softness))
            if v.kind == "body":
                better = depth > best[index]
                owner[index[better & (depth > -self.softness / 2)]] = i
                best[index] = torch.maximum(best[index], depth)
            below.fill_(FAR)
            side_above.fill_(FAR)
            below[index], side_above[index] = -bottom, side
        for name in ("posterior", "disc", "rib", "other", "dens"):
            share[name] = torch.minimum(share[name], 1 - torch.maximum(share["body"], share["sacrum"]))
        return owner

    def _disc(
        self, index: Tensor, depth: Tensor, hu: Tensor, share: dict[str, Tensor], lower: SyntheticVertebra
    ) -> None:
        part = occupancy(depth, self.softness)
        value = lower.disc_hu if lower.kind == "body" or lower.name == "S1" else lower.spongiosa + 60
        hu[index] = hu[index] * (1 - part) + value * part
        if lower.kind == "body" or lower.name == "S1":
            share["disc"][index] = torch.maximum(share["disc"][index], part)
            if lower.disc_hu < 50:  # the driest discs hold gas (vacuum phenomenon)
                gas = occupancy(depth - 1.8, self.softness) * 0.7
                hu[index] = hu[index] * (1 - gas) - 250 * gas

    def _spongiosa(
        self,
        index: Tensor,
        depths: tuple[Tensor, ...],
        hu: Tensor,
        v: SyntheticVertebra,
        grain: Tensor,
        local: tuple[Tensor, ...],
    ) -> None:
        depth, top, bottom, side = depths
        t = v.cortex_mm
        inner = torch.minimum(torch.minimum(top - 1.3 * t, bottom - 1.3 * t), side - 0.6 * t)
        whole, core = occupancy(depth, self.softness), occupancy(inner, self.softness)
        x, y, z = local
        vein = torch.exp(-((z / 3) ** 2) - ((y - 0.35 * v.shape.depth) / 6) ** 2 - (x / 8) ** 2)
        value = v.spongiosa + 0.22 * v.spongiosa * grain[index] - 0.5 * v.spongiosa * vein
        painted = hu[index] * (1 - whole) + v.cortex * (whole - core) + value * core
        for one in v.inside:
            painted = paint_inclusion(painted, one, (x, y, z), whole, self.softness)
        hu[index] = painted
