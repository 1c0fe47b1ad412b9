"""Scout views of CT: listed as what they are, and read as films only by those who ask, where nothing better came."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipelines.film import is_scout
from pipelines.steps.film_image import FilmImage, read_film
from pipelines.study import Options, analyse
from tests.support.dicom import Grid, ct_series, ct_slice, write
from vfx_finder.domain.finding import ModelVersion
from vfx_finder.domain.study import Reason


@dataclass(frozen=True)
class Views:
    view: np.ndarray
    upright: np.ndarray


class FrontalModel:
    """Takes every film for a spine from the front."""

    version = ModelVersion("films", "1", "0" * 64)

    def __init__(self) -> None:
        self.seen = 0

    def views(self, pictures: Sequence[np.ndarray]) -> Views:
        self.seen += 1
        return Views(np.tile([[0.1, 0.8, 0.1, 0.0]], (len(pictures), 1)), np.ones(len(pictures)))

    def film(self, picture: np.ndarray) -> Any:
        raise AssertionError("a film that was refused needs no second look")

    strips = film


@dataclass(frozen=True)
class Shelf:
    xray_spine: FrontalModel | None

    @property
    def ct_spine(self) -> Any:
        raise AssertionError("there is no volume to look at")


@pytest.fixture
def scout(tmp_path: Path) -> Path:
    hu = np.random.default_rng(2).normal(100, 300, (1, 300, 260)).astype(np.int16)
    grid = Grid(slices=1, rows=300, columns=260, spacing=(1.0, 1.0), orientation=(0.0, 1.0, 0.0, 0.0, 0.0, -1.0))
    [image] = ct_series(grid=grid, hu=hu, series="scout", ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"])
    return write(image, tmp_path)


def test_a_scout_is_known_by_its_image_type_and_a_slice_is_none(scout: Path, tmp_path: Path) -> None:
    assert is_scout(scout)
    assert not is_scout(write(ct_slice(), tmp_path / "slice"))
    assert not is_scout(Path(__file__))


def test_a_scout_is_a_film_at_the_scale_of_its_header(scout: Path) -> None:
    film = read_film(scout)
    assert isinstance(film, FilmImage)
    assert film.scout
    assert film.mm_per_pixel == 1.0


def test_scouts_are_not_looked_at_unless_asked_for(scout: Path) -> None:
    model = FrontalModel()
    analysis = analyse([scout], Shelf(model))
    assert model.seen == 0
    assert analysis.unsuitable is not None
    assert analysis.unsuitable.reason is Reason.NO_SUITABLE_SERIES
    assert [one.unsuitable.reason for one in analysis.series if one.unsuitable] == [Reason.LOCALIZER]


def test_a_scout_that_was_asked_for_goes_the_way_of_films(scout: Path) -> None:
    analysis = analyse([scout], Shelf(FrontalModel()), Options(scouts=True))
    assert analysis.unsuitable is not None
    assert analysis.unsuitable.reason is Reason.FILM_FROM_FRONT
    [verdict] = analysis.series
    assert verdict.unsuitable == analysis.unsuitable


def test_without_a_model_for_films_a_scout_stays_a_scout(scout: Path) -> None:
    analysis = analyse([scout], Shelf(None), Options(scouts=True))
    assert [one.unsuitable.reason for one in analysis.series if one.unsuitable] == [Reason.LOCALIZER]
