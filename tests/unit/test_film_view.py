"""However a film is held, the spine is found in it and every point can be told where it lies on the film as given."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from pipelines.steps.film_image import FilmImage
from pipelines.steps.film_view import Seen, see
from pipelines.steps.film_way import EVERY_WAY, Way
from vfx_finder.domain.study import Reason, Unsuitable


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


@dataclass(frozen=True)
class Views:
    view: np.ndarray
    upright: np.ndarray


class ColumnNetwork:
    """Sees body in what is bright and leans as the painted column does, ranked from its head to its foot."""

    def film(self, picture: np.ndarray) -> Maps:
        body = (picture > 0.6).astype(np.float32)
        tissue = np.stack([1 - body, body * is_upright(picture), 0 * body, 0 * body])
        rank = np.repeat(np.linspace(4, 21, len(picture))[:, None], picture.shape[1], 1)
        return Maps(tissue.astype(np.float32), rank.astype(np.float32))

    def views(self, pictures: Sequence[np.ndarray]) -> Views:
        """Every picture is lateral."""
        lateral = np.tile(np.array([[0.9, 0.1, 0.0, 0.0]], np.float32), (len(pictures), 1))
        return Views(lateral, np.array([is_upright(picture) for picture in pictures], np.float32))


def is_upright(picture: np.ndarray) -> bool:
    rows, cols = np.nonzero(picture > 0.6)
    upright = len(rows) > 20 and np.ptp(rows) > 2 * np.ptp(cols) and np.polyfit(rows, cols, 1)[0] > 0
    return bool(upright and picture[rows, cols][: len(rows) // 3].mean() > 0.9)


class ChestNetwork(ColumnNetwork):
    """Takes every film for a chest."""

    def film(self, picture: np.ndarray) -> Maps:
        raise AssertionError("a film that was refused needs no second look")

    def views(self, pictures: Sequence[np.ndarray]) -> Views:
        chest = np.tile(np.array([[0.1, 0.1, 0.8, 0.0]], np.float32), (len(pictures), 1))
        return Views(chest, np.ones(len(pictures), np.float32))


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


def test_a_film_that_looks_lateral_without_a_chain_of_levels_is_refused_with_what_its_header_says() -> None:
    noise = np.random.default_rng(1).uniform(0, 0.5, (400, 300)).astype(np.float32)
    why = see(FilmImage(noise, 0.5, "", "AP"), ColumnNetwork())
    assert isinstance(why, Unsuitable)
    assert why.reason is Reason.NOT_LATERAL_SPINE
    assert "AP" in why.detail


def test_a_film_that_is_something_else_is_refused_before_any_spine_is_looked_for() -> None:
    why = see(FilmImage(painted(), 1.3, "", "LL"), ChestNetwork())
    assert isinstance(why, Unsuitable)
    assert why.reason is Reason.FILM_OF_CHEST


def test_pixels_decide_where_the_header_calls_a_lateral_film_frontal() -> None:
    assert isinstance(see(FilmImage(painted(), 1.3, "", "AP"), ColumnNetwork()), Seen)


class EitherEndUp(ColumnNetwork):
    """Sees the column upside down as well, a little better even; only the network of views knows which end is up."""

    def film(self, picture: np.ndarray) -> Maps:
        body = (picture > 0.6).astype(np.float32)
        seen = body * (0.85 if is_upright(picture) else 0.95)
        rank = np.repeat(np.linspace(4, 21, len(picture))[:, None], picture.shape[1], 1)
        return Maps(np.stack([1 - seen, seen, 0 * body, 0 * body]).astype(np.float32), rank.astype(np.float32))

    def views(self, pictures: Sequence[np.ndarray]) -> Views:
        told = super().views(pictures)
        return Views(told.view, np.where(told.upright > 0, 0.95, 0.5).astype(np.float32))


@pytest.mark.parametrize("way", [way for way in EVERY_WAY if not way.inverted], ids=str)
def test_a_spine_that_is_seen_as_well_upside_down_is_held_as_the_network_of_views_says(way: Way) -> None:
    found = see(FilmImage(way.of(painted()), None, "", ""), EitherEndUp())
    assert isinstance(found, Seen)
    assert is_upright(found.picture)


class FaintWhereUpright(EitherEndUp):
    """Sees too little of a spine the way that the network of views is sure of, and a plain one upside down."""

    def film(self, picture: np.ndarray) -> Maps:
        told = super().film(picture)
        if is_upright(picture):
            told.tissue[1] = np.minimum(told.tissue[1], 0.5)
        return told

    def views(self, pictures: Sequence[np.ndarray]) -> Views:
        told = super().views(pictures)
        return Views(told.view, np.where(told.upright > 0.9, 0.95, 0.3).astype(np.float32))


def test_a_spine_is_read_where_the_likeliest_way_to_hold_the_film_shows_none() -> None:
    assert isinstance(see(FilmImage(painted(), None, "", ""), FaintWhereUpright()), Seen)
