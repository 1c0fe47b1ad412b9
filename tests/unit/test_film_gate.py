"""Which film it is: pixels decide, however the film is held, and the words are for a radiographer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from pipelines.steps.film_gate import SIDE_PX, Look, header_disagrees, look_at, no_spine, refusal
from pipelines.steps.film_image import FilmImage
from pipelines.steps.film_way import EVERY_WAY, Way
from vfx_finder.domain.study import Reason

PICTURE = np.random.default_rng(3).uniform(0, 1, (300, 210)).astype(np.float32)
LATERAL, FRONT, CHEST, OTHER = np.eye(4)


def film(position: str = "", grey: np.ndarray = PICTURE) -> FilmImage:
    return FilmImage(grey, None, "", position)


def look(views: np.ndarray) -> Look:
    return Look(tuple(views), tuple((way, 0.5) for way in EVERY_WAY))


@dataclass(frozen=True)
class Maps:
    view: np.ndarray
    upright: np.ndarray


class CornerNetwork:
    """Takes a picture for upright whose first corner is bright, and for lateral the more, the brighter it is."""

    def views(self, pictures: Sequence[np.ndarray]) -> Maps:
        assert all(max(picture.shape) == SIDE_PX for picture in pictures)
        corner = np.array([picture[:12, :12].mean() for picture in pictures], np.float32)
        return Maps(np.stack([corner, 1 - corner, 0 * corner, 0 * corner], 1), corner)


@pytest.mark.parametrize(
    ("views", "reason", "word"),
    [
        (FRONT, Reason.FILM_FROM_FRONT, "front"),
        (CHEST, Reason.FILM_OF_CHEST, "chest"),
        (OTHER, Reason.NOT_LATERAL_SPINE, "No lateral film"),
        (np.array([0.45, 0.05, 0.47, 0.03]), Reason.FILM_OF_CHEST, "chest"),
        (np.array([0.35, 0.1, 0.25, 0.3]), Reason.NOT_LATERAL_SPINE, "No lateral film"),
    ],
)
def test_every_other_film_is_refused_for_what_it_is(views: np.ndarray, reason: Reason, word: str) -> None:
    why = refusal(film(), look(views))
    assert why is not None
    assert why.reason is reason
    assert word in why.detail
    assert "fracture" not in why.detail


@pytest.mark.parametrize("views", [LATERAL, np.array([0.42, 0.1, 0.03, 0.45])], ids=str)
def test_a_film_that_may_be_lateral_is_not_refused_before_a_spine_was_looked_for(views: np.ndarray) -> None:
    assert refusal(film(), look(views)) is None


@pytest.mark.parametrize("position", ["AP", "PA", "LSPINE AP STANDING"])
def test_a_header_that_calls_a_lateral_film_frontal_does_not_stop_it_but_is_told(position: str) -> None:
    assert refusal(film(position), look(LATERAL)) is None
    assert header_disagrees(film(position))


@pytest.mark.parametrize("position", ["", "LL", "LAT", "SPINE", "LSPINE AP LAT"])
def test_a_header_that_says_lateral_both_or_nothing_does_not_disagree(position: str) -> None:
    assert not header_disagrees(film(position))


def test_a_refusal_tells_what_the_header_says_only_where_it_says_something_else() -> None:
    told = refusal(film("LL"), look(FRONT))
    assert told is not None
    assert told.detail.endswith("The header says LL.")
    agreed = refusal(film("AP"), look(FRONT))
    assert agreed is not None
    assert "header" not in agreed.detail


def test_words_of_the_header_that_may_hold_a_name_are_not_repeated() -> None:
    for why in (refusal(film("MUELLER LAT"), look(CHEST)), no_spine(film("MUELLER LAT"))):
        assert why is not None
        assert "The header says LAT." in why.detail
        assert "MUELLER" not in why.detail


@pytest.mark.parametrize("way", EVERY_WAY, ids=str)
def test_a_film_is_taken_for_the_same_however_it_is_held(way: Way) -> None:
    plain, held = (look_at(film(grey=grey), CornerNetwork()) for grey in (PICTURE, way.of(PICTURE)))
    assert held.views == pytest.approx(plain.views, abs=1e-5)


@pytest.mark.parametrize("way", EVERY_WAY, ids=str)
def test_the_likeliest_way_to_hold_a_film_comes_first(way: Way) -> None:
    marked = np.full((300, 210), 0.4, np.float32)
    marked[:40, :40] = 1.0
    ways = look_at(film(grey=way.of(marked)), CornerNetwork()).ways
    first, sure = ways[0]
    assert sure == max(upright for _, upright in ways)
    assert first.of(way.of(marked))[:40, :40].min() == 1.0
