"""Close looks find every body along the corridor once, walk on to its neighbours, and say how unsure each height is."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from scipy import ndimage as ndi

from pipelines.steps import film_sacrum
from pipelines.steps.film_bodies import SPREAD_SHARE, evidence_of, find_bodies
from pipelines.steps.film_corridor import Corridor
from pipelines.steps.film_gaps import look_between, places_between
from pipelines.steps.film_looks import SIZE, Found, Sight, look_along, sights_along, size_of

MM = 0.8
BODIES = 8
STEP, TALL, DEEP = 32.0, 24.0, 30.0
"""Pixels of the painted film: distance of the centres, height and depth of each body."""


def centres() -> np.ndarray:
    return np.array([(60 + n * STEP, 110.0 - 2 * n) for n in range(BODIES)])


def painted(without: tuple[int, ...] = ()) -> np.ndarray:
    film = np.full((360, 220), 0.1, np.float32)
    for n, (row, col) in enumerate(centres()):
        if n not in without:
            film[round(row - TALL / 2) : round(row + TALL / 2), round(col - DEEP / 2) : round(col + DEEP / 2)] = 0.9
    return film


def corridor(first: float = 60, last: float = 60 + 7 * STEP) -> Corridor:
    rows = np.arange(first, last)
    line = np.stack([rows, 110 - 2 * (rows - 60) / STEP], 1)
    return Corridor(line, np.interp(rows, [60, 60 + 7 * STEP], [14.0, 21.0]), 0.9, 0.9, 200.0, None, None)


@dataclass(frozen=True)
class Maps:
    here: np.ndarray
    broken: np.ndarray
    points: np.ndarray
    variance: np.ndarray
    own: np.ndarray


@dataclass(frozen=True)
class Tissue:
    tissue: np.ndarray


class BoxNetwork:
    """Sees a body in the bright box nearest to the middle, if that is near, by its extent along rows and columns; and
    the sacrum in what is very bright."""

    def strips(self, windows: np.ndarray) -> Tissue:
        sacrum = (windows > 0.95).astype(np.float32)
        return Tissue(np.stack([1 - sacrum, 0 * sacrum, 0 * sacrum, sacrum], 1))

    def looks(self, pictures: np.ndarray) -> Maps:
        seen = [self._one(picture) for picture in pictures]
        here, points, own = (np.array(part) for part in zip(*seen, strict=True))
        return Maps(here, 0 * here, points, np.full(points.shape, 2.0), own)

    def _one(self, picture: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
        pieces, count = ndi.label(picture > 0.5)
        middle = (SIZE - 1) / 2
        best = (0.0, np.full((6, 2), middle), np.zeros((SIZE, SIZE), np.float32))
        for n in range(1, count + 1):
            at = np.argwhere(pieces == n)
            (top, left), (foot, right) = at.min(0) - 0.5, at.max(0) + 0.5
            away = float(np.hypot((top + foot) / 2 - middle, (left + right) / 2 - middle))
            near = 1.0 if away < 9 else 0.2 if away < 14 else 0.0
            if near > best[0] and left > 0 and right < SIZE - 1:
                centre = (left + right) / 2
                points = np.array([(row, col) for row in (top, foot) for col in (left, centre, right)])
                best = (near, points, (pieces == n).astype(np.float32))
        return best


def found(film: np.ndarray, along: Corridor) -> np.ndarray:
    return np.array([one.centre for one in look_along(film, MM, along, BoxNetwork())]).reshape(-1, 2)


def test_every_body_along_the_corridor_is_found_once() -> None:
    assert found(painted(), corridor()) == pytest.approx(centres(), abs=1.5)


def test_bodies_beyond_the_ends_of_the_corridor_are_found_by_walking_on_from_their_neighbours() -> None:
    short = corridor(60 + 4 * STEP, 60 + 6 * STEP)
    reached = [one.centre[0] for one in sights_along(short, MM)]
    assert min(reached) > centres()[1, 0]
    assert found(painted(), short) == pytest.approx(centres(), abs=1.5)


@pytest.mark.parametrize("aside", [-21.0, 21.0])
def test_where_the_corridor_runs_before_or_behind_the_bodies_they_are_found_all_the_same(aside: float) -> None:
    along = corridor()
    beside = replace(along, line=along.line + np.array([0.0, aside]))
    assert found(painted(), beside) == pytest.approx(centres(), abs=1.5)


def test_where_there_is_no_body_none_is_found() -> None:
    assert len(found(painted(without=(3,)), corridor())) == BODIES - 1
    assert len(found(np.full((360, 220), 0.1, np.float32), corridor())) == 0


def test_a_look_and_the_film_agree_on_every_point() -> None:
    film = np.zeros((120, 120), np.float32)
    film[50:53, 70:73] = 1.0
    sight = Sight((60.0, 60.0), 27.0, 0.4)
    row, col = np.unravel_index(sight.grid.cut_from(film).argmax(), (SIZE, SIZE))
    assert sight.grid.film(np.array([row, col], float)) == pytest.approx([51, 71], abs=1.2)


def test_a_body_measures_what_was_painted_in_mm_of_the_film() -> None:
    bodies = find_bodies(painted(), MM, corridor(), BoxNetwork()).bodies
    assert len(bodies) == BODIES
    for body in bodies:
        heights = body.heights
        assert (heights.anterior, heights.middle, heights.posterior) == pytest.approx((TALL * MM,) * 3, rel=0.12)
        assert float(body.mask.sum()) == pytest.approx(TALL * DEEP * MM * MM, rel=0.2)
        assert not body.cut


def test_what_lies_at_the_sacrum_or_below_it_is_no_vertebra_however_much_it_looks_like_one() -> None:
    film = painted()
    row, col = centres()[-1].astype(int)
    film[row - 12 : row + 12, col - 15 : col + 15] = 1.0
    reading = find_bodies(film, MM, corridor(), BoxNetwork())
    assert reading.sacrum == pytest.approx((row, col), abs=3)
    assert [body.spot.centre[0] for body in reading.bodies] == pytest.approx(centres()[:-1, 0], abs=1.5)


def test_only_where_no_sacrum_is_seen_the_foot_of_the_chain_may_be_taken_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(film_sacrum, "SACRAL", -99.0)
    film = painted()
    reading = find_bodies(film, MM, corridor(), BoxNetwork())
    assert len(reading.bodies) == film_sacrum.LEAST_CHAIN
    assert reading.sacrum == pytest.approx(centres()[film_sacrum.LEAST_CHAIN], abs=1.5)
    row, col = centres()[-1].astype(int)
    film[row - 12 : row + 12, col - 15 : col + 15] = 1.0
    assert len(find_bodies(film, MM, corridor(), BoxNetwork()).bodies) == BODIES - 1


def test_a_body_that_the_film_ends_in_is_cut() -> None:
    film = painted()[: round(60 + 7 * STEP)]
    bodies = find_bodies(film, MM, corridor(), BoxNetwork()).bodies
    last = centres()[-1, 0] - STEP / 2
    assert [body.cut for body in bodies if body.spot.centre[0] < last] == [False] * (BODIES - 1)
    assert all(body.cut for body in bodies if body.spot.centre[0] > last)


def test_the_less_sure_its_points_the_less_sure_the_ratio_of_a_body() -> None:
    points = np.array([(0, 0), (0, 15), (0, 30), (20, 0), (22, 15), (25, 30)], float)
    sight = Sight((12.0, 15.0), 27.0, 0.0)
    sure = Found(sight, points, np.full(6, 1.7**2), 1.0, 0.3, np.zeros((SIZE, SIZE)))
    unsure = replace(sure, variance=np.full(6, 1.7**2 + 1.0))
    assert evidence_of(sure, MM).ratio_spread == pytest.approx(0.0)
    assert evidence_of(sure, MM).height_spreads == pytest.approx((0.0, 0.0, 0.0))
    assert evidence_of(sure, MM).broken == 0.3
    expected = 20 / 25 * np.sqrt(2 / 20**2 + 2 / 25**2)
    assert evidence_of(unsure, MM).ratio_spread == pytest.approx(SPREAD_SHARE * expected)
    assert evidence_of(unsure, MM).height_spreads == pytest.approx((SPREAD_SHARE * np.sqrt(2) * MM,) * 3)


def test_a_body_that_was_passed_over_is_found_in_the_gap_it_leaves_and_none_where_there_is_none() -> None:
    network, film = BoxNetwork(), painted()
    whole = look_along(film, MM, corridor(), network)
    gapped = [one for n, one in enumerate(whole) if n not in (3, 4)]
    between = look_between(film, gapped, network)
    assert sorted(one.centre[0] for one in between) == pytest.approx(centres()[3:5, 0], abs=1.5)
    assert look_between(film, whole, network) == []
    assert look_between(painted(without=(3, 4)), gapped, network) == []


def test_too_wide_a_gap_is_no_gap_but_the_end_of_what_is_known() -> None:
    whole = look_along(painted(), MM, corridor(), BoxNetwork())
    assert len(list(places_between(whole[0], whole[4]))) == 3
    assert len(list(places_between(whole[0], whole[6]))) == 0


def test_half_the_size_of_a_body_is_its_depth_that_no_fracture_takes_away() -> None:
    points = np.array([(0, 0), (0, 13.5), (0, 27), (20, 0), (20, 13.5), (20, 27)], float)
    crushed = points * np.array([0.5, 1.0])
    assert size_of(points) == pytest.approx(20.0)
    assert size_of(crushed) == pytest.approx(15.0)
