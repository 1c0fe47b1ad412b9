"""However a film is held, the spine is found in it and every point can be told where it lies on the film as given."""

from dataclasses import dataclass

import numpy as np
import pytest

from pipelines.steps.film_image import FilmImage
from pipelines.steps.film_view import UNUSUAL, USUAL, Seen, Way, see
from vfx_finder.domain.study import Reason, Unsuitable

EVERY_WAY = (*USUAL, *UNUSUAL)


def painted() -> np.ndarray:
    """A bright column, brightest and furthest forward (left) at its head: one way of holding it is right."""
    grey = np.full((420, 300), 0.1, np.float32)
    for row in range(20, 400):
        middle = 110 + int(row * 0.2)
        grey[row, middle - 12 : middle + 12] = 1.0 if row < 200 else 0.75
    return grey


@dataclass(frozen=True)
class Maps:
    tissue: np.ndarray
    rank: np.ndarray


class ColumnNetwork:
    """Sees body in what is bright and leans as the painted column does, ranked from its head to its foot."""

    def film(self, picture: np.ndarray) -> Maps:
        body = (picture > 0.6).astype(np.float32)
        rows, cols = np.nonzero(body)
        upright = len(rows) > 20 and np.ptp(rows) > 2 * np.ptp(cols) and np.polyfit(rows, cols, 1)[0] > 0
        upright = upright and picture[rows, cols][: len(rows) // 3].mean() > 0.9
        tissue = np.stack([1 - body, body * upright, 0 * body, 0 * body])
        rank = np.repeat(np.linspace(4, 21, len(picture))[:, None], picture.shape[1], 1)
        return Maps(tissue.astype(np.float32), rank.astype(np.float32))


@pytest.mark.parametrize("way", EVERY_WAY, ids=str)
def test_a_point_of_the_picture_is_found_again_on_the_film(way: Way) -> None:
    film = np.zeros((50, 30), np.float32)
    film[7, 22] = 1.0
    held = way.of(film)
    row, col = np.unravel_index((1 - held if way.inverted else held).argmax(), held.shape)
    assert way.back(np.array([row, col], float), film.shape) == pytest.approx([7, 22])


@pytest.mark.parametrize("way", EVERY_WAY, ids=str)
def test_a_film_held_any_way_is_put_right(way: Way) -> None:
    seen = see(FilmImage(way.of(painted()), 1.3, "", ""), ColumnNetwork())
    assert isinstance(seen, Seen)
    assert not seen.estimated
    assert np.abs(seen.picture - painted()).mean() < 0.01
    row, col = np.rint(seen.way.back(seen.corridor.line[10], way.of(painted()).shape)).astype(int)
    on_film = way.of(painted())[row, col]
    assert (1 - on_film if way.inverted else on_film) > 0.5


def test_the_scale_of_a_film_without_one_is_fitted_to_its_levels_and_said_to_be_estimated() -> None:
    seen = see(FilmImage(painted(), None, "", ""), ColumnNetwork())
    assert isinstance(seen, Seen)
    assert seen.estimated
    assert seen.corridor.mm_by_rank() == pytest.approx(seen.corridor.length() * seen.mm_per_pixel, rel=0.15)


def test_a_film_without_a_lateral_spine_is_refused_with_what_its_header_says() -> None:
    noise = np.random.default_rng(1).uniform(0, 0.5, (400, 300)).astype(np.float32)
    why = see(FilmImage(noise, 0.5, "", "AP"), ColumnNetwork())
    assert isinstance(why, Unsuitable)
    assert why.reason is Reason.NOT_LATERAL_SPINE
    assert "ap" in why.detail


@pytest.mark.parametrize("position", ["AP", "PA"])
def test_a_film_that_its_header_calls_frontal_is_not_read(position: str) -> None:
    why = see(FilmImage(painted(), 1.3, "", position), ColumnNetwork())
    assert isinstance(why, Unsuitable)
    assert why.reason is Reason.NOT_LATERAL_SPINE
