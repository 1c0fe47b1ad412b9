"""Where the pelvis is burnt out no sacrum is seen, and S1 looks like L5: every level would be one off."""

import numpy as np
import pytest

from pipelines.steps.film_corridor import Corridor
from pipelines.steps.film_looks import Found, Sight
from pipelines.steps.film_sacrum import LEAST_CHAIN, SACRAL, find_sacrum, sacral_log_odds, without_sacrum

STEP, SIZE = 40.0, 32.0
LORDOSIS = ((0, 5), (5, 0), (10, -5), (18, -15), (34, -28))
"""By body from L2 to S1: how far (degrees) the step to it runs towards the back, and how it is turned (its front lies
lower where negative)."""

LUMBAR = LORDOSIS[:-1]


def body(centre: np.ndarray, turn: float, here: float = 0.99) -> Found:
    back = np.array([np.sin(turn), np.cos(turn)])
    down = np.array([np.cos(turn), -np.sin(turn)])
    points = np.array([centre + v * 13 * down + u * 17 * back for v in (-1, 1) for u in (-1, 0, 1)])
    sight = Sight((float(centre[0]), float(centre[1])), SIZE, turn)
    return Found(sight, points, np.full(6, 1.0), here, 0.0, np.zeros((80, 80), np.float32))


def chain(posture: tuple[tuple[float, float], ...], last_here: float = 0.6) -> list[Found]:
    made, centre = [body(np.array([100.0, 200.0]), 0.1)], np.array([100.0, 200.0])
    for n, (step, turn) in enumerate(posture):
        aslant = np.radians(step)
        centre = centre + STEP * np.array([np.cos(aslant), np.sin(aslant)])
        made.append(body(centre, float(np.radians(turn)), last_here if n == len(posture) - 1 else 0.99))
    return made


def corridor(to: float) -> Corridor:
    rows = np.arange(40.0, to)
    line = np.stack([rows, np.full_like(rows, 200.0)], 1)
    return Corridor(line, np.linspace(14, 21, len(rows)), 0.9, 0.9, 200.0, None, None)


def ends_above(spine: list[Found]) -> Corridor:
    """A corridor that ends half-way between the last two bodies."""
    return corridor(float(spine[-1].centre[0] + spine[-2].centre[0]) / 2)


def ends_below(spine: list[Found]) -> Corridor:
    return corridor(float(spine[-1].centre[0]) + 1.2 * SIZE)


def test_a_body_beyond_the_corridor_where_the_spine_bends_back_is_the_sacrum_and_no_vertebra() -> None:
    spine = chain(LORDOSIS)
    kept, sacrum = without_sacrum(spine, ends_above(spine))
    assert kept == spine[:-1]
    assert sacrum == pytest.approx(tuple(spine[-1].centre))


def test_of_two_sacral_bodies_the_upper_one_tells_where_the_sacrum_begins() -> None:
    spine = chain((*LORDOSIS, (50, -45)))
    kept, sacrum = without_sacrum(spine, ends_above(spine[:-1]))
    assert kept == spine[:-2]
    assert sacrum == pytest.approx(tuple(spine[-2].centre))


def test_a_spine_that_ends_with_l5_or_higher_loses_nothing() -> None:
    for spine in (chain(LUMBAR, 0.99), chain(((0, 3),) * 6, 0.9)):
        assert without_sacrum(spine, ends_below(spine)) == (spine, None)


def test_each_of_the_three_signs_speaks_for_the_sacrum() -> None:
    bent, straight = chain(LORDOSIS), chain((*LUMBAR[:-1], (5, -5), (5, -5)))
    plain = chain(LORDOSIS, 0.99)
    assert sacral_log_odds(bent, ends_above(bent)) > sacral_log_odds(bent, ends_below(bent)) + 2
    assert sacral_log_odds(bent, ends_above(bent)) > sacral_log_odds(straight, ends_above(straight)) + 2
    assert sacral_log_odds(bent, ends_above(bent)) > sacral_log_odds(plain, ends_above(plain)) + 1


def test_no_sign_alone_is_believed_without_bound() -> None:
    far, wild = chain(LORDOSIS), chain((*LUMBAR, (80, -80)))
    assert sacral_log_odds(far, corridor(60)) == pytest.approx(sacral_log_odds(far, corridor(100)))
    assert sacral_log_odds(wild, ends_below(wild)) < 4
    assert sacral_log_odds(wild, ends_below(wild)) > SACRAL


def test_a_short_chain_is_left_as_it_is() -> None:
    short = chain(LORDOSIS)[-LEAST_CHAIN:]
    assert without_sacrum(short, corridor(50)) == (short, None)


class SacrumInStripes:
    """Takes what is very bright for the sacrum, and stripes as well: so a film's edge goes on beyond it."""

    def strips(self, windows: np.ndarray) -> "SacrumInStripes":
        self.tissue = np.zeros((len(windows), 4, *windows.shape[1:]), np.float32)
        self.tissue[:, 3] = windows > 0.9
        self.tissue[:, 3, 1:] += np.abs(np.diff(windows, axis=1)) < 1e-6
        return self


def test_below_the_edge_of_a_film_there_is_no_sacrum() -> None:
    """A thoracic film ends in its last body: the lowest window reaches far beyond it."""
    picture = np.random.default_rng(5).uniform(0.3, 0.5, (420, 400)).astype(np.float32)
    spine = corridor(415.0)
    assert find_sacrum(picture, 1.0, spine, SacrumInStripes()) is None
    picture[300:380, 160:240] = 1.0
    found = find_sacrum(picture, 1.0, spine, SacrumInStripes())
    assert found == pytest.approx((339.5, 199.5), abs=3.0)


@pytest.mark.parametrize("first", [385, 395])
def test_a_sacrum_that_the_edge_cuts_lies_where_the_film_shows_it(first: int) -> None:
    picture = np.random.default_rng(5).uniform(0.3, 0.5, (420, 400)).astype(np.float32)
    picture[first:, 160:240] = 1.0
    found = find_sacrum(picture, 1.0, corridor(415.0), SacrumInStripes())
    assert found == pytest.approx(((first + 419) / 2, 199.5), abs=3.0)
