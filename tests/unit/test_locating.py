"""Locating on made-up maps: the line follows the spine, bodies stay apart, the sacrum and the edge are respected."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.steps.anchors import (
    BODY,
    DENS,
    DENS_ABOVE,
    RIB,
    RIB_LEAST,
    SACRUM,
    SACRUM_BELOW,
    Surroundings,
    rib_chance,
    sacrum_in_section,
)
from pipelines.steps.centre_line import COARSE_MM, find_centre_line, shrink
from pipelines.steps.facts import FloatArray, Volume
from pipelines.steps.instances import Sections, find_instances
from pipelines.steps.locate import PLANES_MM
from pipelines.steps.lumbosacral import undivided
from pipelines.steps.straighten import cut, lay_sheet, refine

PLANES = len(PLANES_MM)
OTHER_BONE = 5
SHAPE = (60, 40, 40)


def column(x: float = 20.0, y: float = 25.0, bend: float = 0.0, rows: slice = slice(5, 55)) -> FloatArray:
    """Coarse body probability of a straight or bending column (coarse voxels)."""
    z, yy, xx = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    middle = x + bend * (z - 30)
    inside = ((xx - middle) ** 2 + (yy - y) ** 2 < 16).astype(np.float32)
    inside[: rows.start] = inside[rows.stop :] = 0
    return inside


def boxes(tops: list[int], height: int = 24, shift: int = 0) -> Sections:
    """Sections with one square body a top row, each pixel pointing to its centre."""
    body = np.zeros((PLANES, 200, 90), np.float32)
    heat, offset = np.zeros_like(body), np.zeros((PLANES, 2, 200, 90), np.float32)
    rows, cols = np.mgrid[:200, :90]
    for top in tops:
        part = (slice(None), slice(top, top + height), slice(30 + shift, 62 + shift))
        centre = (top + (height - 1) / 2, 45.5 + shift)
        body[part] = 1.0
        offset[:, 0][part] = (centre[0] - rows)[part[1:]]
        offset[:, 1][part] = (centre[1] - cols)[part[1:]]
        heat = np.maximum(heat, np.exp(-((rows - centre[0]) ** 2 + (cols - centre[1]) ** 2) / 12.0)).astype(np.float32)
    return Sections(body, heat, offset)


@settings(max_examples=15)
@given(x=st.floats(10, 30), y=st.floats(10, 30), bend=st.floats(-0.12, 0.12))
def test_the_line_runs_through_the_middle_of_the_bodies(x: float, y: float, bend: float) -> None:
    """Wherever the column lies and however it bends, the line stays within 4 mm of its middle."""
    line = find_centre_line(column(x, y, bend))
    assert line is not None
    slices = SHAPE[0] - 1 - line.z / COARSE_MM
    assert np.abs(line.x - COARSE_MM * (x + bend * (slices - 30)))[3:-3].max() < 4
    assert np.abs(line.y - COARSE_MM * y).max() < 4


def test_no_column_gives_no_line() -> None:
    """An empty map and a single short lump are no spine."""
    assert find_centre_line(np.zeros(SHAPE, np.float32)) is None
    assert find_centre_line(column(rows=slice(28, 32))) is None


def test_the_line_does_not_follow_a_second_bone_far_below() -> None:
    """A thigh bone beside and below the spine, beyond a gap, is not part of the line."""
    both = np.maximum(column(rows=slice(0, 36)), column(x=32, rows=slice(46, 60)))
    line = find_centre_line(both)
    assert line is not None
    assert line.x.max() < 25 * COARSE_MM


def test_shrinking_keeps_places() -> None:
    """A bright block lies at the same millimetres in the 4 mm volume, turned head first and front first."""
    hu = np.full((90, 80, 60), -1000, np.int16)
    hu[40:50, 20:30, 30:36] = 1000
    small = shrink(Volume(hu, np.diag([1.0, 1.0, 2.0, 1.0]), 2.0))
    z, y, x = (float(v) for v in np.argwhere(small > 500).mean(0))
    assert (len(small) - 1 - z) * COARSE_MM == pytest.approx(65, abs=4)
    assert y * COARSE_MM == pytest.approx(24.5, abs=4)
    assert x * COARSE_MM == pytest.approx(44.5, abs=4)


def test_sections_show_what_lies_on_the_line_and_refining_moves_it_there() -> None:
    """A body 8 mm beside a wrong line is seen off the middle, and the refined line runs through it."""
    hu = np.full((120, 120, 120), 40, np.int16)
    hu[60:80, 50:80, 20:100] = 700
    volume = Volume(hu, np.eye(4), 1.0)
    line = find_centre_line(column(x=61.5 / 4, y=65 / 4)[:, :30, :30])
    assert line is not None
    offsets = (-16.0, -8.0, 0.0, 8.0, 16.0)
    sheet = lay_sheet(volume, line)
    body = (cut(volume, sheet, offsets) > 400).astype(np.float32)
    moved = refine(line, sheet, body, offsets)
    inside = (moved.z > 40) & (moved.z < 90)
    assert abs(float(moved.x[inside].mean()) - 69.5) < abs(float(line.x.mean()) - 69.5)


@settings(max_examples=15)
@given(gap=st.integers(3, 14), count=st.integers(1, 5))
def test_every_body_is_one_instance(gap: int, count: int) -> None:
    """Bodies with a disc between them are as many instances, from head to foot, each centred where it is."""
    tops = [8 + n * (24 + gap) for n in range(count)]
    found = find_instances(boxes(tops))
    assert [one.centre[0] for one in found] == pytest.approx([top + 11.5 for top in tops], abs=0.6)
    assert all(one.area_mm2 == pytest.approx(24 * 32, rel=0.05) for one in found)


def test_bodies_grown_together_are_told_apart_by_their_votes() -> None:
    """Two bodies without a disc between them (fused) are still two."""
    assert len(find_instances(boxes([20, 44]))) == 2


def test_of_two_bones_at_one_height_the_larger_is_the_body() -> None:
    """What lies behind a body at its height (an arch called body) is dropped."""
    front, behind = boxes([40]), boxes([46], height=10, shift=28)
    both = Sections(front.body + behind.body, front.heat + behind.heat, front.offset + behind.offset)
    found = find_instances(both)
    assert len(found) == 1
    assert found[0].centre[1] == pytest.approx(45.5, abs=1)


@pytest.mark.parametrize(("share", "bodies"), [(0.75, 3), (0.2, 3), (0.08, 2)])
def test_a_bone_read_both_ways_is_a_body_where_it_is_more_than_any_sacrum(share: float, bodies: int) -> None:
    """A last bone read 75 or 20 % body is made whole; one read 8 % body stays sacrum."""
    sections = boxes([10, 44, 78])
    body, sacrum = sections.body.copy(), np.zeros_like(sections.body)
    body[:, 78:102], sacrum[:, 78:102] = sections.body[:, 78:102] * share, sections.body[:, 78:102] * (1 - share)
    healed = undivided(Sections(body, sections.heat, sections.offset), sacrum)
    whole = [top for top in (10, 44, 78) if healed.body[2, top + 12, 45] > 0.9]
    assert len(whole) == bodies


def test_the_sacrum_is_seen_below_absent_or_out_of_view() -> None:
    """Bone of the sacrum below a body says so; none says no; a picture that ends says nothing."""
    sacrum = np.zeros((120, 90), np.float32)
    assert sacrum_in_section(sacrum, (50.0, 40.0), 1.0) == 0.0
    sacrum[70:100, 35:60] = 1.0
    assert sacrum_in_section(sacrum, (50.0, 40.0), 1.0) == pytest.approx(1.0, abs=0.02)
    assert sacrum_in_section(sacrum[:66], (50.0, 40.0), 1.0) is None


def test_the_sacrum_one_vertebra_farther_down_is_not_the_next_bone() -> None:
    """Below L4 the sacrum begins a whole vertebra later: seen, and no sign that L4 rests on it."""
    sacrum = np.zeros((160, 90), np.float32)
    sacrum[103:140, 35:60] = 1.0
    assert sacrum_in_section(sacrum, (50.0, 40.0), 1.0, step_mm=36.0) < 0.05  # type: ignore[operator]
    assert sacrum_in_section(sacrum, (86.0, 40.0), 1.0, step_mm=36.0) > 0.95  # type: ignore[operator]


AT = np.array([120.0, 120.0, 120.0])
"""The middle of maps of 60 voxels of 4 mm; it lies in slice 29 from the head."""


def maps() -> FloatArray:
    """Coarse maps without any bone."""
    return np.zeros((7, 60, 60, 60), np.float32)


UP = np.array([0.0, 0.0, 1.0])


def test_ribs_on_both_sides_make_a_rib_probable_and_their_absence_improbable() -> None:
    tissue = maps()
    tissue[RIB, 20:29, 30:36, 20:42] = 0.6
    above, below = (sight.rib for sight in Surroundings(tissue).of_chain([AT, AT - 30.0 * UP], None))
    assert above is not None
    assert below is not None
    assert below < 0.5 < 0.9 < above


def test_the_iliac_wing_beside_a_lumbar_body_is_no_rib() -> None:
    tissue = maps()
    tissue[OTHER_BONE, :, 30:36, 20:26] = tissue[OTHER_BONE, :, 30:36, 36:42] = 0.9
    assert all(sight.rib == RIB_LEAST for sight in Surroundings(tissue).of_chain([AT + 36.0 * UP, AT], None))


def test_the_first_rib_beside_c7_is_weaker_than_below_it_and_the_last_one_is_small() -> None:
    """What the network shows of T1's rib beside C7 is told from a rib of its own by the body below."""
    assert rib_chance(0.20, below=0.42) < 0.5 < rib_chance(0.40, below=0.46)
    assert rib_chance(0.07, below=0.04) < 0.5 < rib_chance(0.14, below=0.07)
    assert rib_chance(0.0, below=None) == RIB_LEAST


def test_what_lies_beyond_the_chain_counts_only_where_it_begins_as_the_next_bone_does() -> None:
    """S1 begins half a step below L5; C2 little more than a step above C3. One vertebra farther on is no sign."""
    tissue = maps()
    tissue[SACRUM, 34:50, 28:40, 26:34] = tissue[DENS, 16:25, 26:33, 29:32] = 1.0
    around, up = Surroundings(tissue), UP
    assert around.beyond(SACRUM_BELOW, AT, 36.0) > 0.95
    assert around.beyond(SACRUM_BELOW, AT + 36.0 * up, 36.0) < 0.05
    assert around.beyond(DENS_ABOVE, AT, 17.0) > 0.85
    assert around.beyond(DENS_ABOVE, AT - 17.0 * up, 17.0) < 0.2
    assert Surroundings(maps()).beyond(SACRUM_BELOW, AT) == 0.0


def test_beyond_the_picture_there_is_no_answer() -> None:
    around = Surroundings(maps())
    assert around.beyond(SACRUM_BELOW, np.array([120.0, 120.0, 10.0])) is None
    assert around.beyond(DENS_ABOVE, np.array([120.0, 120.0, 225.0])) is None
    assert around.rib_strength(np.array([120.0, 300.0, 120.0]), 30.0) is None


def test_the_level_is_read_where_there_is_body_and_nowhere_else() -> None:
    """The level map is weighted by body: what it says beside a body does not count."""
    tissue, level = maps(), np.full((60, 60, 60), 0.9, np.float32)
    around = Surroundings(tissue, level)
    assert around.rank(AT) is None
    tissue[BODY, 27:33, 27:33, 27:33] = 1.0
    level[27:33, 27:33, 27:33] = 17 / 22
    assert around.rank(AT) == pytest.approx(17.0, abs=0.01)
    assert Surroundings(tissue).rank(AT) is None


def test_a_body_that_is_sacrum_says_so() -> None:
    tissue = maps()
    assert Surroundings(tissue).share(SACRUM, AT) == 0.5
    tissue[SACRUM, 26:34, 26:34, 26:34] = 0.9
    tissue[BODY, 26:34, 26:34, 26:34] = 0.1
    assert Surroundings(tissue).share(SACRUM, AT) == pytest.approx(0.9)
