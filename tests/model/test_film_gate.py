"""The gate as shipped: lateral films of the spine are read however they are held, every other film is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from models import catalogue
from models.synthesis.film import Film, draw_film
from models.synthesis.film_detector import Exposed, draw_exposure
from models.synthesis.film_others import FROM_FRONT, FROM_SIDE, KINDS, draw_other, shown
from models.synthesis.film_validation import write_films
from models.synthesis.film_views import lateral_frame
from models.synthesis.trunk import draw_trunk
from models.view_runner import GatedXraySpine
from pipelines.film import analyse_films
from pipelines.steps.film_gate import look_at, refusal
from pipelines.steps.film_image import FilmImage, as_film
from pipelines.steps.film_way import Way
from vfx_finder.domain.finding import Analysis
from vfx_finder.domain.study import Reason

SEED = 20270505
PLAIN = 4
"""A frozen lumbar film whose spine is in plain sight."""

FROM_THE_FRONT = {Reason.FILM_FROM_FRONT, Reason.FILM_OF_CHEST}
RIGHT = {"spine-ap": FROM_THE_FRONT, "chest-pa": {Reason.FILM_OF_CHEST}}
"""A spine from the front that is wide enough is a chest."""


@pytest.fixture(scope="module")
def model() -> GatedXraySpine:
    torch.set_num_threads(1)
    return catalogue.load_films("cpu")


@pytest.fixture(scope="module")
def trunks() -> list[tuple[Film, Film]]:
    """Two patients whom no training drew, each from the side and from the front."""
    made = []
    for number in range(2):
        rng = np.random.default_rng([SEED, number])
        trunk = draw_trunk(rng)
        made.append((draw_film(trunk, rng), draw_film(trunk, rng, frontal=True)))
    return made


def film(picture: Tensor) -> FilmImage:
    """The picture as it is read from a file of eight bits; small ones twice as fine."""
    stored = Image.fromarray(picture.clamp(0, 1).mul(255).round().to(torch.uint8).numpy())
    if min(stored.size) < 260:
        stored = stored.resize((2 * stored.width, 2 * stored.height))
    made = as_film(np.asarray(stored, np.float32), None, "", "")
    assert isinstance(made, FilmImage)
    return made


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_lateral_film_of_the_spine_is_refused(
    kind: str, trunks: list[tuple[Film, Film]], model: GatedXraySpine
) -> None:
    for number, (side, front) in enumerate(trunks):
        source = front if kind in FROM_FRONT else side if kind in FROM_SIDE else None
        picture, _ = draw_other(kind, source, np.random.default_rng([SEED, number, KINDS.index(kind)]))
        why = refusal(film(picture), look_at(film(picture), model))
        assert why is not None, number
        assert why.reason in RIGHT.get(kind, {why.reason})


def test_lateral_films_are_accepted(trunks: list[tuple[Film, Film]], model: GatedXraySpine) -> None:
    accepted = []
    for number, (side, _) in enumerate(trunks):
        rng = np.random.default_rng([SEED, number, 99])
        for _ in range(4):
            picture, _ = shown(Exposed(side, draw_exposure(rng)), lateral_frame(side, rng), rng)
            accepted.append(look_at(film(picture), model).is_lateral)
    assert sum(accepted) >= len(accepted) - 1


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    folder = tmp_path_factory.mktemp("plain")
    write_films([PLAIN], folder)
    return np.asarray(Image.open(folder / "images" / f"{PLAIN:04d}.png"))


@pytest.fixture(scope="module")
def answer(plain: np.ndarray, model: GatedXraySpine, tmp_path_factory: pytest.TempPathFactory) -> Analysis:
    return analysed(plain, model, tmp_path_factory.mktemp("as it is") / "film.png")


def analysed(grey: np.ndarray, model: GatedXraySpine, path: Path) -> Analysis:
    Image.fromarray(grey).save(path)
    return analyse_films([path], model)


def places(analysis: Analysis) -> np.ndarray:
    """(row, col) of every vertebra on the film as it was given."""
    return np.array([found.vertebra.centre_mm[1::-1] for found in analysis.findings])


@pytest.mark.parametrize("way", [Way(1), Way(2, True), Way(0, True, True)], ids=str)
def test_a_film_held_another_way_gets_the_same_answer_at_its_own_pixels(
    way: Way, plain: np.ndarray, answer: Analysis, model: GatedXraySpine, tmp_path: Path
) -> None:
    held = way.of(plain.astype(np.float32) / 255)
    twin = analysed(np.rint(held * 255).astype(np.uint8), model, tmp_path / "film.png")
    assert [one.vertebra.level.level for one in twin.findings] == [one.vertebra.level.level for one in answer.findings]
    assert way.back(places(twin), plain.shape) == pytest.approx(places(answer), abs=3.0)
