"""Find every vertebral body of a CT: coarse line, straightened sections, single bodies, and what lies around them."""

from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipelines.steps.anchors import Sight, Surroundings, sacrum_in_section
from pipelines.steps.centre_line import CentreLine, find_centre_line, shrink
from pipelines.steps.facts import Body, FloatArray, Located, SagittalStack, Volume
from pipelines.steps.instances import Instance, Sections, find_instances
from pipelines.steps.kinds import KindNetwork, crops
from pipelines.steps.lumbosacral import undivided
from pipelines.steps.second_look import LookNetwork, second_look
from pipelines.steps.straighten import PIXEL_MM, Sheet, cut, lay_sheet, lps, refine
from vfx_finder.domain.study import Reason, Unsuitable

PLANES_MM = (-6.0, -3.0, 0.0, 3.0, 6.0)
SCOUT_MM = (-24.0, -16.0, -8.0, 0.0, 8.0, 16.0, 24.0)
SCOUTS = 2
STILL_MM = 4.0
MIN_SCORE = 0.3
BODY, SACRUM = 1, 4
_TOUCHING_PX = 4


class CoarseMaps(Protocol):
    """At 4 mm: tissue [7, Z, Y, X] (background, body, posterior, sacrum, rib, other, dens), probabilities; level
    [Z, Y, X], the rank of the level (C3 = 0) over 22, meaningful inside bodies."""

    @property
    def tissue(self) -> FloatArray: ...
    @property
    def level(self) -> FloatArray: ...


class FineMaps(Protocol):
    """tissue [N, 5, H, W] (background, body, posterior, disc, sacrum), heat [N, H, W], offset [N, 2, H, W] in mm."""

    @property
    def tissue(self) -> FloatArray: ...
    @property
    def heat(self) -> FloatArray: ...
    @property
    def offset(self) -> FloatArray: ...


class SpineNetworks(LookNetwork, KindNetwork, Protocol):
    """The networks of a CT spine model: numpy in HU in, maps out."""

    def coarse(self, hu: FloatArray) -> CoarseMaps: ...
    def fine(self, hu: FloatArray) -> FineMaps: ...


def locate(volume: Volume, networks: SpineNetworks) -> Located | Unsuitable:
    """All vertebral bodies of a CT volume from head to foot, or why none was found."""
    maps = networks.coarse(shrink(volume))
    line = find_centre_line(maps.tissue[BODY])
    if line is None:
        return Unsuitable(Reason.NO_SPINE, "No row of vertebral bodies was found in these images.")
    line = _refined(volume, line, networks)
    sheet = lay_sheet(volume, line)
    hu = cut(volume, sheet, PLANES_MM)
    fine = networks.fine(hu)
    sections = _whole_bodies(fine)
    row_lps, column_lps, left_lps = lps(volume, sheet)
    stack = SagittalStack(hu, sections.body, PLANES_MM, PIXEL_MM, row_lps, column_lps, left_lps)
    size = sections.body.shape[1:]
    chain = [one for one in find_instances(sections) if one.score >= MIN_SCORE]
    if not chain:
        return Unsuitable(Reason.NO_SPINE, "No vertebral body was found along the spine's course.")
    places = [_position(sheet, one.centre) for one in chain]
    step = float(np.linalg.norm(places[-1] - places[-2])) if len(places) > 1 else None
    below = sacrum_in_section(fine.tissue[len(PLANES_MM) // 2, SACRUM], chain[-1].centre, PIXEL_MM, step)
    sights = Surroundings(maps.tissue, maps.level).of_chain(places, below)
    bodies = [_body(one, sight, (size[0], size[1])) for one, sight in zip(chain, sights, strict=True)]
    kinds = networks.kinds(crops(volume, places))
    bodies = [replace(body, kinds=tuple(kind.tolist())) for body, kind in zip(bodies, kinds, strict=True)]
    return Located(stack, second_look(volume, sheet, bodies, networks))


def _refined(volume: Volume, line: CentreLine, networks: SpineNetworks) -> CentreLine:
    """The line moved sideways onto the middle of the bodies, as the fine network sees them in sections beside it.

    From a line far beside the spine the sections reach one side of the bodies only: then it looks once more.
    """
    for _ in range(SCOUTS):
        sheet = lay_sheet(volume, line)
        moved = refine(line, sheet, _whole_bodies(networks.fine(cut(volume, sheet, SCOUT_MM))).body, SCOUT_MM)
        furthest = float(np.abs(moved.x - line.at(moved.z)[0]).max())
        line = moved
        if furthest <= STILL_MM:
            break
    return line


def _whole_bodies(fine: FineMaps) -> Sections:
    return undivided(Sections(fine.tissue[:, BODY], fine.heat, fine.offset), fine.tissue[:, SACRUM])


def _body(one: Instance, sight: Sight, size: tuple[int, int]) -> Body:
    return Body(
        mask=one.mask,
        corner=one.corner,
        centre=one.centre,
        score=one.score,
        cut=_is_cut(one, size),
        rib=sight.rib,
        sacrum_below=sight.sacrum_below,
        c2_above=sight.c2_above,
        sacrum_here=sight.sacrum_here,
        rank=sight.rank,
    )


def _position(sheet: Sheet, centre: tuple[float, float]) -> NDArray[np.float64]:
    """(x, y, z) of a point (row, col) of the sheet in the volume's millimetres."""
    rows, cols = np.arange(len(sheet.z)), np.arange(len(sheet.y))
    return np.array(
        [np.interp(centre[0], rows, sheet.x), np.interp(centre[1], cols, sheet.y), np.interp(centre[0], rows, sheet.z)]
    )


def _is_cut(one: Instance, size: tuple[int, int]) -> bool:
    """Whether the body runs into an edge of the picture in its middle plane."""
    rows, cols = np.nonzero(one.mask[len(one.mask) // 2] > 0.5)
    rows, cols = rows + one.corner[0], cols + one.corner[1]
    edges = ((rows == 0).sum(), (rows == size[0] - 1).sum(), (cols == 0).sum(), (cols == size[1] - 1).sum())
    return bool(max(edges) >= _TOUCHING_PX)
